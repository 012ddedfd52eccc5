/**
 * Where a study stands and what it does next. All of it follows from the order of trials, from what people told it and,
 * with a time limit, from the clock; nothing from which trial happened to end first (law 8).
 */
import type { BlobRef } from '../../contracts/artifacts.ts';
import type { LifecycleProgress } from '../../contracts/lifecycle.ts';
import { payloadBytes } from '../../contracts/payload.ts';
import type {
  CarriedStudy,
  Direction,
  KnownTrial,
  SettledTrial,
  StudyBudget,
  StudyEnding,
  StudyInput,
  StudyPlan,
  StudyStatus,
  TrialPool,
  TrialReport,
} from '../../contracts/study.ts';
import { Tally } from './tally.ts';

/** What there is to do: `plan` again, put ended trials into a piece, `start` one, or `wait` for something to happen. */
export type Step = 'plan' | 'archive' | 'start' | 'wait' | 'continue' | 'end';

/** Trials of one run of the workflow: a few thousand events, of the 51,200 that a history may have. */
export const trialsPerRun = 200;
/** Of a piece: what every suggestion carries along until it is written. */
const trialsPerPiece = 50;
const bytesPerPiece = 8 * 1024;
/** Trials that a progress message shows, newest last; and the Web UI, in pieces or not. */
const told = 4;
const shown = 10;

export class StudyCourse {
  readonly budget: StudyBudget;
  readonly waiting: SettledTrial[];
  readonly direction: Direction;
  readonly tally: Tally;
  paused: boolean;
  archive: BlobRef | null;
  endedBy: StudyEnding | undefined;
  fellBack: boolean;
  /** Of the first trial that failed: what to say when all did. */
  firstError: string | null;
  plan: StudyPlan | undefined;

  readonly #input: StudyInput;
  readonly #pools: CarriedStudy['pools'];
  readonly #counts: CarriedStudy['counts'];
  readonly #best: (TrialReport | null)[];
  readonly #latest: TrialReport[];
  /** Trials in no piece yet, by index. */
  readonly #tail = new Map<number, TrialReport>();
  /** Trials before this one have all ended. */
  #endedBefore: number;
  #plannedFor: number | undefined;
  #startedInRun = 0;

  constructor(input: StudyInput) {
    const { tuning, carried } = input;
    this.#input = input;
    this.direction = input.direction ?? 'maximize';
    this.budget = carried?.budget ?? {
      trials: tuning.trials,
      parallel: tuning.parallel,
      minutes: tuning.timeoutMinutes,
      patience: tuning.patience ?? null,
    };
    this.paused = carried?.paused ?? false;
    this.waiting = carried?.waiting ?? [];
    this.archive = carried?.archive ?? null;
    this.fellBack = carried?.fellBack ?? false;
    this.firstError = carried?.firstError ?? null;
    this.#pools = carried?.pools ?? [];
    this.#counts = carried?.counts ?? { started: 0, running: 0, done: 0, pruned: 0, failed: 0, stopped: 0 };
    this.#best = carried?.best ?? input.subject.candidates.map(() => null);
    this.#latest = carried?.latest ?? [];
    this.tally = new Tally(this.direction, carried?.tally);
    // No run hands over before its trials have ended.
    this.#endedBefore = this.#counts.started;
  }

  /** What the next run needs; to be asked for when no trial runs and all are archived. */
  carry(spentMilliseconds: number): CarriedStudy {
    return {
      budget: this.budget,
      paused: this.paused,
      waiting: this.waiting,
      pools: this.#pools,
      counts: this.#counts,
      tally: this.tally.state,
      best: this.#best,
      latest: this.#latest,
      archive: this.archive,
      spentMilliseconds,
      fellBack: this.fellBack,
      firstError: this.firstError,
    };
  }

  get counts(): Readonly<CarriedStudy['counts']> {
    return this.#counts;
  }

  // ---- what comes next -------------------------------------------------------------------------------------------

  /** @param heard - whether every update has been answered */
  next(heard: boolean, continueSuggested: boolean): Step {
    if (this.#plannedFor !== this.budget.trials) return 'plan';
    if (this.#pieceIsDue()) return 'archive';
    const idle = this.#counts.running === 0 && heard;
    const leave = (how: 'continue' | 'end'): Step => {
      if (!idle) return 'wait';
      return this.#tail.size > 0 ? 'archive' : how;
    };
    if (this.endedBy !== undefined) return leave('end');
    // A study that somebody holds stays open, so that its budget can be raised before it goes on.
    if (this.paused) return 'wait';
    if (this.waiting.length === 0 && this.poolToDraw() === undefined) return leave('end');
    if (this.#startedInRun >= trialsPerRun || continueSuggested) return leave('continue');
    return this.#endedBefore >= this.seen ? 'start' : 'wait';
  }

  /** A new plan: the first one, or one for another number of trials. */
  follow(plan: StudyPlan, trials: number): void {
    this.plan = plan;
    this.#plannedFor = trials;
    // Pools follow from the candidates; a plan for other trials only changes their shares.
    for (let i = this.#pools.length; i < plan.pools.length; i++) {
      this.#pools.push({ started: 0, suggested: 0, exhausted: false });
    }
  }

  /** Trials before this one may be looked at when the next trial starts: trial i sees those up to i − W. */
  get seen(): number {
    return Math.max(0, this.#counts.started - this.budget.parallel + 1);
  }

  /** Whose turn it is, round robin, so that a study that is cut short has looked at every candidate. */
  poolToDraw(): number | undefined {
    let turn: number | undefined;
    for (const [i, { share }] of this.plan!.pools.entries()) {
      const { started, exhausted } = this.#pools[i];
      if (exhausted || started >= share) continue;
      if (turn === undefined || started < this.#pools[turn].started) turn = i;
    }
    return turn;
  }

  pool(place: number): TrialPool & { suggested: number } {
    return { ...this.plan!.pools[place], suggested: this.#pools[place].suggested };
  }

  /** Whether trials in their order say that it is enough. Only with what the next trial may see. */
  judge(): void {
    this.endedBy ??= this.tally.verdict(this.seen, this.budget.patience);
  }

  // ---- trials ----------------------------------------------------------------------------------------------------

  begin(chosen: SettledTrial, pool: number | undefined): TrialReport {
    const index = this.#counts.started++;
    const { candidate, algorithm, parameters } = chosen;
    const trial: TrialReport = { index, candidate, algorithm, parameters, state: 'running' };
    if (pool === undefined) trial.enqueued = true;
    else this.#pools[pool].suggested++;
    const of = pool ?? this.plan!.pools.findIndex(({ candidates }) => candidates.includes(candidate));
    this.#pools[of].started++;
    this.#counts.running++;
    this.#startedInRun++;
    this.#tail.set(index, trial);
    this.#latest.push(trial);
    if (this.#latest.length > shown) this.#latest.shift();
    return trial;
  }

  /** The sampler of this pool has nothing left to try. */
  exhaust(pool: number): void {
    this.#pools[pool].exhausted = true;
  }

  /** To be called once `trial` says how it ended. */
  end(trial: TrialReport): void {
    this.#counts.running--;
    if (trial.state !== 'running') this.#counts[trial.state]++;
    while (this.#endedBefore < this.#counts.started && this.#tail.get(this.#endedBefore)?.state !== 'running') {
      this.#endedBefore++;
    }
    if (trial.state === 'failed') this.firstError ??= trial.error ?? null;
    this.tally.note(trial);
    if (trial.state !== 'done') return;
    const best = this.#best[trial.candidate];
    // Among equals the earliest, whichever ended first.
    const better = best === null || this.tally.turn(trial) > this.tally.turn(best);
    const earlier = best !== null && this.tally.turn(trial) === this.tally.turn(best) && trial.index < best.index;
    if (better || earlier) this.#best[trial.candidate] = trial;
  }

  // ---- pieces ----------------------------------------------------------------------------------------------------

  /** Ended trials that are in no piece yet. */
  ended(): TrialReport[] {
    return [...this.#tail.values()].filter(({ state }) => state !== 'running');
  }

  archived(trials: readonly TrialReport[], archive: BlobRef): void {
    for (const { index } of trials) this.#tail.delete(index);
    this.archive = archive;
  }

  /** The trials of a pool that no piece has, as its sampler is told of them. */
  known(pool: readonly number[]): KnownTrial[] {
    return [...this.#tail.values()].flatMap(({ index, candidate, parameters, state, value, rungs }) =>
      pool.includes(candidate) ? [{ index, candidate, parameters, state, value, rungs }] : [],
    );
  }

  #pieceIsDue(): boolean {
    const ended = this.ended();
    return ended.length >= trialsPerPiece || payloadBytes(ended) > bytesPerPiece;
  }

  // ---- what people see -------------------------------------------------------------------------------------------

  /** The best trial of each candidate that has one. */
  bestByCandidate(): TrialReport[] {
    return this.#best.filter((trial) => trial !== null);
  }

  get best(): TrialReport | undefined {
    let best: TrialReport | undefined;
    for (const trial of this.bestByCandidate()) {
      const gain = best === undefined ? 1 : this.tally.turn(trial) - this.tally.turn(best);
      if (gain > 0 || (gain === 0 && trial.index < best!.index)) best = trial;
    }
    return best;
  }

  /** Trials that the study will have had if nothing changes. */
  get planned(): number {
    if (this.endedBy !== undefined) return this.#counts.started;
    const shares = (this.plan?.pools ?? []).map(({ share }, i) => {
      const { started, exhausted } = this.#pools[i];
      return exhausted ? started : Math.max(share, started);
    });
    return shares.reduce((sum, share) => sum + share, 0) + this.waiting.length;
  }

  progress(): LifecycleProgress['trials'] {
    const { done, pruned, stopped, failed } = this.#counts;
    return {
      total: this.planned,
      done: done + pruned + stopped,
      failed,
      best: this.best,
      latest: this.#latest.slice(-told),
    };
  }

  /** The last ones that have started, oldest first. */
  get latest(): readonly TrialReport[] {
    return this.#latest;
  }

  status(metric: string, over: boolean): StudyStatus {
    const { best, endedBy } = this;
    const running = this.paused ? 'paused' : 'running';
    return {
      model: this.#input.model,
      metric,
      direction: this.direction,
      state: over ? 'ended' : endedBy === undefined ? running : 'ending',
      ...(endedBy && { endedBy }),
      budget: this.budget,
      counts: this.#counts,
      planned: this.planned,
      waiting: this.waiting,
      ...(this.plan?.warm && { warm: this.plan.warm }),
      ...(best && { best }),
      archive: this.archive,
      tail: [...this.#tail.values()],
    };
  }
}
