/** What a study's activities tell samplers and pruners, whichever of them it is. */
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Dependencies } from '../../activities/dependencies.ts';
import { studyActivities } from '../../activities/study.ts';
import type { BlobRef } from '../../contracts/artifacts.ts';
import type { KnownTrial, StudySubject, SuggestRequest, TrialReport } from '../../contracts/study.ts';
import type { ArtifactStore } from '../../store/artifact-store.ts';
import { trialLines } from '../../store/trial-archive.ts';
import type { SampleRequest } from '../../tuning/sampler.ts';
import { samplers } from '../../tuning/samplers/index.ts';

const folder = await mkdtemp(join(tmpdir(), 'tradewind-study-'));
afterAll(() => rm(folder, { recursive: true }));

/** A folder in place of a bucket. */
const files = new Map<string, string>();
const store = {
  async putBytes(bytes: string, name: string): Promise<BlobRef> {
    const digest = createHash('sha256').update(bytes).digest('hex');
    await writeFile(join(folder, digest), bytes);
    return { digest, bytes: Buffer.byteLength(bytes), name };
  },
  fetch: ({ digest }: BlobRef) => Promise.resolve(join(folder, digest)),
  putText: (key: string, text: string) => Promise.resolve(void files.set(key, text)),
} as unknown as ArtifactStore;
const activities = studyActivities({ store } as Dependencies);
const read = (ref: BlobRef) => readFile(join(folder, ref.digest), 'utf8');

const subject = {
  kind: 'recommender',
  candidates: [
    { algorithm: 'popularity' },
    { algorithm: 'item-knn', search: { neighbours: { min: 5, max: 100 } } },
    { algorithm: 'als', parameters: { factors: 16 }, search: { alpha: { min: 0.1, max: 5 } } },
  ],
} as unknown as StudySubject;
const { candidates } = await activities.planStudy({ subject, trials: 10, sharing: 'even' });
const complete = {
  'item-knn': JSON.parse(await read(candidates))[1].parameters as object,
  als: JSON.parse(await read(candidates))[2].parameters as object,
};

const knn = (index: number, neighbours: number, change: Partial<TrialReport> = {}): TrialReport => ({
  index,
  candidate: 1,
  algorithm: 'item-knn',
  parameters: { ...complete['item-knn'], neighbours },
  state: 'done',
  value: neighbours / 100,
  ...change,
});
const als = (index: number, alpha: number, change: Partial<TrialReport> = {}): TrialReport => ({
  index,
  candidate: 2,
  algorithm: 'als',
  parameters: { ...complete.als, alpha },
  state: 'done',
  value: alpha / 10,
  ...change,
});

let asked: SampleRequest[] = [];
beforeEach(() => {
  asked = [];
  const original = samplers.random;
  vi.spyOn(samplers, 'random').mockImplementation((request) => {
    asked.push(request);
    return original(request);
  });
  return () => vi.restoreAllMocks();
});

const suggest = async (change: Partial<SuggestRequest>) => {
  const request: SuggestRequest = {
    candidates,
    pool: [1],
    sampler: 'random',
    seed: 7,
    index: 3,
    seen: 3,
    direction: 'maximize',
    archive: null,
    tail: [],
    ...change,
  };
  return (await activities.suggest(request)).trial;
};

describe('a suggestion', () => {
  it('sees its own candidate’s trials before its window with values, and those in the window without', async () => {
    const tail: KnownTrial[] = [
      knn(0, 10),
      als(1, 1),
      knn(2, 30),
      knn(3, 40),
      als(4, 2),
      knn(5, 60, { state: 'running' }),
    ];
    const trial = await suggest({ tail });
    expect(asked[0].history).toEqual([
      { index: 0, parameters: { neighbours: 10 }, state: 'done', value: 0.1 },
      { index: 2, parameters: { neighbours: 30 }, state: 'done', value: 0.3 },
    ]);
    // Trial 3 has ended, and its value is none of this trial's business.
    expect(asked[0].pending).toEqual([{ neighbours: 40 }, { neighbours: 60 }]);
    expect(asked[0].index).toBe(3);
    expect(trial).toMatchObject({ candidate: 1, algorithm: 'item-knn' });
    expect(Object.keys(trial!.parameters).toSorted()).toEqual(Object.keys(complete['item-knn']).toSorted());
  });

  it('is the same whether trials are in pieces or told along, and in whatever order they were put aside', async () => {
    const all = [knn(0, 10), als(1, 1), knn(2, 30), knn(3, 40)];
    await suggest({ tail: all });
    const first = await activities.archiveTrials({ archive: null, trials: [all[3], all[1]] });
    const second = await activities.archiveTrials({ archive: first, trials: [all[0]] });
    await suggest({ archive: second, tail: [all[2]] });
    expect(asked[1]).toEqual(asked[0]);
  });

  it('turns the values of a metric that is to be small', async () => {
    await suggest({ tail: [knn(0, 10, { rungs: [{ rung: 1, value: 2 }] })], direction: 'minimize' });
    expect(asked[0].history[0]).toMatchObject({ value: -0.1, rungs: [{ rung: 1, value: -2 }] });
  });

  it('knows failed, pruned and cut-off trials for what they are', async () => {
    const ends: Partial<TrialReport>[] = [
      { state: 'failed', value: undefined },
      { state: 'pruned', value: 0.05 },
      { state: 'stopped', value: undefined },
    ];
    await suggest({ tail: ends.map((end, i) => knn(i, 10 + i, end)) });
    expect(asked[0].history.map(({ state, value }) => [state, value])).toEqual([
      ['failed', undefined],
      ['pruned', 0.05],
      ['failed', undefined],
    ]);
  });

  it('draws one candidate’s trials from a seed of its own', async () => {
    await suggest({});
    await suggest({ pool: [2] });
    expect(asked[0].seed).not.toBe(asked[1].seed);
  });

  it('of a joint space chooses the candidate too, and sees the trials of all', async () => {
    const trial = await suggest({ pool: [1, 2], tail: [knn(0, 10), als(1, 1), knn(2, 30), als(3, 2)] });
    expect(Object.keys(asked[0].space)).toEqual(['candidate', 'item-knn.neighbours', 'als.alpha']);
    expect(asked[0].history.map(({ parameters }) => parameters)).toEqual([
      { candidate: 'item-knn', 'item-knn.neighbours': 10 },
      { candidate: 'als', 'als.alpha': 1 },
      { candidate: 'item-knn', 'item-knn.neighbours': 30 },
    ]);
    expect(asked[0].pending).toEqual([{ candidate: 'als', 'als.alpha': 2 }]);
    expect(['item-knn', 'als']).toContain(trial!.algorithm);
    expect(Object.keys(trial!.parameters)).not.toContain('candidate');
  });

  it('tries what searches nothing as it is', async () => {
    expect(await suggest({ pool: [0] })).toMatchObject({ candidate: 0, algorithm: 'popularity' });
    expect(asked).toEqual([]);
  });

  it('is none where the sampler has nothing left', async () => {
    expect(await suggest({ sampler: 'grid', index: 1000 })).toBeNull();
  });
});

describe('pruning', () => {
  const pruning = { pruner: 'asha', minResource: 1, reductionFactor: 3, maxResource: 9 } as const;
  const rungs = (first: number) => [{ rung: 1, value: first }];

  it('is told before the trial begins, by what its window lets it see', async () => {
    const tail = [
      knn(0, 10, { rungs: rungs(0.3) }),
      knn(1, 20, { rungs: rungs(0.5) }),
      knn(2, 30, { rungs: rungs(0.9) }),
    ];
    const trial = await suggest({ tail, seen: 2, pruning });
    expect(trial!.pruning).toEqual({
      rungs: [1, 3, 9],
      thresholds: [0.5, null, null],
      judges: 'latest',
      direction: 'maximize',
    });
    const turned = await suggest({ tail, seen: 2, pruning, direction: 'minimize' });
    expect(turned!.pruning!.thresholds).toEqual([-0.3, null, null]);
  });

  it('compares with nothing of an earlier study', async () => {
    const table = await store.putBytes(trialLines([knn(0, 10, { rungs: rungs(0.3) })]), 'trials.ndjson');
    const trial = await suggest({ warmStart: [table], pruning });
    expect(asked[0].history.length).toBe(1);
    expect(trial!.pruning!.thresholds).toEqual([null, null, null]);
  });
});

describe('a warm start', () => {
  it('brings trials that the candidate could have drawn, before its own ones', async () => {
    const earlier = [
      knn(0, 50),
      als(1, 1),
      knn(2, 200),
      knn(3, 20, { parameters: { ...complete['item-knn'], neighbours: 20, b: 0.9 } }),
      knn(4, 60, { candidate: 0, state: 'pruned', value: 0.2 }),
    ];
    const table = await store.putBytes(trialLines(earlier), 'trials.ndjson');
    await suggest({ warmStart: [table], tail: [knn(0, 10)] });
    expect(asked[0].history).toEqual([
      { index: -2, parameters: { neighbours: 50 }, state: 'done', value: 0.5 },
      { index: -1, parameters: { neighbours: 60 }, state: 'pruned', value: 0.2 },
      { index: 0, parameters: { neighbours: 10 }, state: 'done', value: 0.1 },
    ]);
  });

  it('refuses a file that is no table of trials, with its line', async () => {
    const table = await store.putBytes('{"index":0}\n', 'other.ndjson');
    await expect(suggest({ warmStart: [table] })).rejects.toMatchObject({
      code: 'ARTIFACT_CORRUPT',
      message: expect.stringContaining('Line 1 of other.ndjson') as unknown,
    });
  });
});

describe('the end of a study', () => {
  const close = (archive: BlobRef | null, trials: number) =>
    activities.closeStudy({
      workflowId: 'w',
      name: 'shop ndcg@10',
      metric: 'ndcg@10',
      direction: 'maximize',
      candidates,
      archive,
      trials,
    });

  it('writes the table in order and the journal, as blobs and under the run’s name', async () => {
    const first = await activities.archiveTrials({ archive: null, trials: [als(1, 2, { milliseconds: 12 })] });
    const archive = await activities.archiveTrials({ archive: first, trials: [knn(0, 10)] });
    const { table, journal } = await close(archive, 2);
    expect(await read(table)).toBe(trialLines([knn(0, 10), als(1, 2)]));
    expect(files.get('runs/w/trials.ndjson')).toBe(await read(table));
    expect(files.get('runs/w/study.optuna.log')).toBe(await read(journal));
    expect((await read(journal)).split('\n').length).toBe(5);
  });

  it.each([
    ['lost', [knn(0, 10), knn(2, 20)], 3],
    ['there twice', [knn(0, 10), knn(0, 10), knn(1, 20)], 3],
  ])('complains of a trial that is %s', async (_, trials, count) => {
    const archive = await activities.archiveTrials({ archive: null, trials });
    await expect(close(archive, count)).rejects.toMatchObject({ code: 'INTERNAL' });
  });
});
