/** A study's course without Temporal: trials end in whatever order a seed says, and nothing else may change. */
import { describe, expect, it } from 'vitest';
import { Random } from '../../contracts/random.ts';
import type { BlobRef } from '../../contracts/artifacts.ts';
import type { CarriedStudy, SettledTrial, StudyInput, StudyPlan, TrialReport } from '../../contracts/study.ts';
import { poolTrials } from '../../tuning/allocation.ts';
import { StudyCourse, trialsPerRun } from '../../workflows/study/course.ts';
import { failuresAllowedInARow } from '../../workflows/study/tally.ts';

type Tuning = StudyInput['tuning'];

const space = { x: { kind: 'number', min: 0, max: 1, log: false } } as const;
/** The first searches nothing. */
const spaces = [{}, space, space];

const inputOf = (tuning: Partial<Tuning>, carried?: CarriedStudy): StudyInput => ({
  model: 'shop',
  dataset: 'none',
  seed: 1,
  subject: { kind: 'recommender', candidates: spaces } as unknown as StudyInput['subject'],
  tuning: { trials: 10, parallel: 3, sampler: 'random', timeoutMinutes: 1, ...tuning },
  compute: { device: 'cpu', gpuWaitSeconds: 1 },
  ...(carried && { carried }),
});

interface Simulated {
  trials: TrialReport[];
  /** What each start could see: the pool, trials before it that count, and those in flight that ended too early to. */
  starts: { index: number; pool: number | undefined; seen: number; endedBefore: number[] }[];
  mostInFlight: number;
  runs: number;
  course: StudyCourse;
}

interface Scenario {
  tuning?: Partial<Tuning>;
  /** Of the order in which trials end. */
  seed: number;
  outcome?: (index: number) => Partial<TrialReport>;
  /** Before the step that starts this trial. */
  before?: (course: StudyCourse, index: number) => void;
}

/** Suggestions carry what their sampler would see, so that another view is another trial. */
function simulate({
  tuning = {},
  seed,
  outcome = (i) => ({ state: 'done', value: (i * 37) % 101 }),
  before,
}: Scenario) {
  const random = new Random(seed);
  const trials: TrialReport[] = [];
  const archived = new Map<number, TrialReport>();
  const starts: Simulated['starts'] = [];
  let course = new StudyCourse(inputOf(tuning));
  let runs = 1;
  let mostInFlight = 0;
  const running: TrialReport[] = [];
  const endOne = () => {
    const [trial] = running.splice(random.integer(running.length), 1);
    Object.assign(trial, outcome(trial.index));
    course.end(trial);
  };
  const plan = (): StudyPlan => ({
    pools: poolTrials(spaces, course.budget.trials, tuning.candidates ?? 'even'),
    titles: ['a', 'b', 'c'],
    candidates: { digest: '0', bytes: 0, name: '' },
  });
  for (;;) {
    const step = course.next(true, false);
    if (step === 'plan') course.follow(plan(), course.budget.trials);
    else if (step === 'archive') {
      const ended = course.ended();
      for (const trial of ended) archived.set(trial.index, structuredClone(trial));
      course.archived(ended, { digest: '1', bytes: archived.size, name: '' } satisfies BlobRef);
    } else if (step === 'continue') {
      expect(running).toEqual([]);
      const carried = JSON.parse(JSON.stringify(course.carry(0))) as CarriedStudy;
      course = new StudyCourse(inputOf(tuning, carried));
      runs++;
    } else if (step === 'end') break;
    else if (step === 'wait') {
      if (running.length === 0) break;
      endOne();
    } else {
      // Others may end while a sampler thinks.
      if (running.length > 0 && random.uniform() < 0.3) {
        endOne();
        continue;
      }
      before?.(course, course.counts.started);
      course.judge();
      if (course.endedBy !== undefined || course.next(true, false) !== 'start') continue;
      const asked = course.waiting.shift();
      const pool = asked === undefined ? course.poolToDraw()! : undefined;
      const { seen } = course;
      const chosen: SettledTrial = asked ?? {
        candidate: course.pool(pool!).candidates[0],
        algorithm: 'als',
        parameters: { seen, suggested: course.pool(pool!).suggested },
      };
      const endedBefore = trials.filter(({ state }) => state !== 'running').map(({ index }) => index);
      const trial = course.begin(chosen, pool);
      trials.push(trial);
      running.push(trial);
      starts.push({ index: trial.index, pool, seen, endedBefore });
      mostInFlight = Math.max(mostInFlight, running.length);
    }
  }
  return { trials, starts, mostInFlight, runs, course, archived };
}

const table = ({ trials }: { trials: TrialReport[] }) =>
  trials.map(({ index, candidate, parameters, state, value, enqueued }) => ({
    index,
    candidate,
    parameters,
    state,
    value,
    enqueued,
  }));
const seeds = [1, 2, 3, 4, 5, 6, 7, 8];

describe('the window of a study', () => {
  it.each([1, 3, 7])('of %i starts a trial when the one that many before it has ended, and never holds more', (W) => {
    for (const seed of seeds) {
      const { starts, mostInFlight } = simulate({ seed, tuning: { parallel: W, trials: 40 } });
      expect(mostInFlight).toBeLessThanOrEqual(W);
      for (const { index, seen, endedBefore } of starts) {
        expect(seen).toBe(Math.max(0, index - W + 1));
        // All that it sees have ended, whatever else has.
        for (let i = 0; i < seen; i++) expect(endedBefore).toContain(i);
      }
    }
  });

  it('gives the same trials in whatever order they end', () => {
    const tables = seeds.map((seed) => table(simulate({ seed, tuning: { trials: 60, parallel: 5 } })));
    for (const other of tables) expect(other).toEqual(tables[0]);
    expect(
      new Set(
        seeds.map((seed) => simulate({ seed, tuning: { trials: 60, parallel: 5 } }).starts[20].endedBefore.join()),
      ).size,
    ).toBeGreaterThan(1);
  });

  it('takes candidates in turns, each as often as its share, and once what searches nothing', () => {
    const { starts } = simulate({ seed: 1, tuning: { trials: 7 } });
    expect(starts.map(({ pool }) => pool)).toEqual([0, 1, 2, 1, 2, 1, 2, 1]);
    expect(simulate({ seed: 1, tuning: { trials: 3, candidates: 'joint' } }).starts.map(({ pool }) => pool)).toEqual([
      0, 1, 1, 1,
    ]);
  });

  it('keeps everything as it continues as new, and puts each trial aside once', () => {
    const trials = 2 * trialsPerRun + 50;
    const { runs, archived, course, trials: all } = simulate({ seed: 3, tuning: { trials, parallel: 4 } });
    expect(runs).toBe(3);
    expect([...archived.keys()].toSorted((a, b) => a - b)).toEqual(Array.from({ length: trials + 1 }, (_, i) => i));
    expect(all.map(({ index }) => index)).toEqual(Array.from({ length: trials + 1 }, (_, i) => i));
    expect(course.counts).toMatchObject({ started: trials + 1, done: trials + 1, running: 0 });
    expect(course.best?.value).toBe(100);
    // Of equals the earliest: (i · 37) mod 101 is 100 first at i = 30.
    expect(course.best?.index).toBe(30);
  });
});

describe('a study ends', () => {
  it('after so many trials without improvement, at the same trial whatever the order', () => {
    const outcome = (i: number): Partial<TrialReport> => ({ state: 'done', value: i <= 6 ? i : 0 });
    for (const seed of seeds) {
      const { trials, course } = simulate({ seed, outcome, tuning: { trials: 100, parallel: 3, patience: 10 } });
      expect(course.endedBy).toBe('patience');
      // Trial 16 is the tenth after the best one; when trial 19 was to start, it had been seen.
      expect(trials.length).toBe(19);
    }
  });

  it('by no progress that began before it continued as new', () => {
    const outcome = (i: number): Partial<TrialReport> => ({ state: 'done', value: i <= trialsPerRun - 20 ? i : 0 });
    const { trials, runs, course } = simulate({
      seed: 1,
      outcome,
      tuning: { trials: 1000, parallel: 2, patience: 50 },
    });
    expect(runs).toBe(2);
    expect(course.endedBy).toBe('patience');
    expect(trials.length).toBe(trialsPerRun - 20 + 1 + 50 + 1);
  });

  it('after as many failures in a row, and not after fewer', () => {
    const failing =
      (from: number, many: number) =>
      (i: number): Partial<TrialReport> =>
        i >= from && i < from + many ? { state: 'failed', error: `no ${i}` } : { state: 'done', value: 1 };
    for (const seed of seeds) {
      const some = simulate({ seed, outcome: failing(5, failuresAllowedInARow - 1), tuning: { trials: 60 } });
      expect(some.course.endedBy).toBeUndefined();
      expect(some.course.counts.failed).toBe(failuresAllowedInARow - 1);
      const many = simulate({ seed, outcome: failing(5, failuresAllowedInARow), tuning: { trials: 60 } });
      expect(many.course.endedBy).toBe('failures');
      expect(many.trials.length).toBe(5 + failuresAllowedInARow + 2);
    }
  });

  it('not by failures with something good among them', () => {
    const outcome = (i: number): Partial<TrialReport> =>
      i % failuresAllowedInARow === 7 ? { state: 'done', value: 1 } : { state: 'failed', error: 'no' };
    const { course } = simulate({ seed: 1, outcome, tuning: { trials: 100 } });
    expect(course.endedBy).toBeUndefined();
    expect(course.counts.failed).toBeGreaterThan(4 * failuresAllowedInARow);
  });

  it('by a minimum where the metric is to be small', () => {
    const input = { ...inputOf({}), direction: 'minimize' as const };
    const course = new StudyCourse(input);
    course.follow(
      { pools: poolTrials(spaces, 10, 'even'), titles: [], candidates: { digest: '', bytes: 0, name: '' } },
      10,
    );
    for (const value of [3, 1, 2]) {
      const trial = course.begin({ candidate: 1, algorithm: 'als', parameters: {} }, 1);
      course.end(Object.assign(trial, { state: 'done', value }));
    }
    expect(course.best).toMatchObject({ index: 1, value: 1 });
  });
});

describe('what people tell a study', () => {
  it('an enqueued trial takes the next index and is marked; no suggestion is lost by it', () => {
    const asked: SettledTrial = { candidate: 2, algorithm: 'als', parameters: { x: 0.5 } };
    const { trials } = simulate({
      seed: 2,
      tuning: { trials: 8 },
      before: (course, index) => {
        if (index === 4) course.waiting.push(asked);
      },
    });
    expect(trials[4]).toMatchObject({ ...asked, enqueued: true });
    // It counts as one of its candidate's four, and the others are suggestions 0, 1 and 2.
    const third = trials.filter(({ candidate }) => candidate === 2);
    expect(third.length).toBe(4);
    expect(third.flatMap(({ enqueued, parameters }) => (enqueued ? [] : [parameters['suggested']]))).toEqual([0, 1, 2]);
  });

  it('more trials are planned and run; fewer end it once those in flight have', () => {
    const more = simulate({
      seed: 1,
      tuning: { trials: 4 },
      before: (course, index) => {
        if (index === 3) course.budget.trials = 12;
      },
    });
    expect(more.trials.length).toBe(13);
    const fewer = simulate({
      seed: 1,
      tuning: { trials: 40 },
      before: (course, index) => {
        if (index === 9) course.budget.trials = 2;
      },
    });
    expect(fewer.trials.length).toBe(9);
    expect(fewer.course.counts.running).toBe(0);
  });

  it('a pause starts nothing and holds a study open that has nothing left to try', () => {
    const course = new StudyCourse(inputOf({ trials: 1 }));
    course.follow(
      { pools: poolTrials(spaces, 2, 'even'), titles: [], candidates: { digest: '', bytes: 0, name: '' } },
      1,
    );
    expect(course.next(true, false)).toBe('start');
    course.paused = true;
    expect(course.next(true, false)).toBe('wait');
    course.exhaust(0);
    course.exhaust(1);
    course.exhaust(2);
    expect(course.next(true, false)).toBe('wait');
    course.paused = false;
    expect(course.next(true, false)).toBe('end');
    // Not before every order is answered.
    expect(course.next(false, false)).toBe('wait');
  });

  it('a wider window starts more at once, and takes back nothing that was counted', () => {
    const { trials, mostInFlight, course } = simulate({
      seed: 5,
      tuning: { trials: 40, parallel: 2, patience: 1000 },
      before: (at, index) => {
        at.budget.parallel = index < 10 ? 2 : index < 20 ? 6 : 3;
      },
    });
    expect(trials.length).toBe(41);
    expect(mostInFlight).toBe(6);
    expect(course.tally.state.seen).toBeGreaterThanOrEqual(37);
  });
});
