/** A study's decisions: which candidates draw together, what each trial tries and when it ends early; and its tables. */
import { readFile } from 'node:fs/promises';
import { titleOf } from '../contracts/algorithm-titles.ts';
import type { BlobRef } from '../contracts/artifacts.ts';
import { canonicalJson } from '../contracts/canonical.ts';
import { TradewindError } from '../contracts/errors.ts';
import { objectKeys } from '../contracts/names.ts';
import type { ParameterValues, SearchSpace } from '../contracts/parameters.ts';
import { Random } from '../contracts/random.ts';
import type {
  ArchiveRequest,
  CloseStudyRequest,
  CloseStudyResult,
  Direction,
  KnownTrial,
  SearchedCandidate,
  SettledTrial,
  SettleRequest,
  StudyPlan,
  StudyPlanRequest,
  SuggestRequest,
  SuggestResult,
  TrialPruning,
  TrialReport,
  WarmTrials,
} from '../contracts/study.ts';
import { trialLines, TrialArchive } from '../store/trial-archive.ts';
import { poolTrials } from '../tuning/allocation.ts';
import { searchedCandidates, settleTrial } from '../tuning/candidates.ts';
import { candidateNames, fromJoint, jointSpace, toJoint } from '../tuning/joint-space.ts';
import { optunaJournal } from '../tuning/journal.ts';
import { rungsOf } from '../tuning/pruner.ts';
import { prunerOf } from '../tuning/pruners/index.ts';
import type { FinishedTrial } from '../tuning/sampler.ts';
import { samplerOf } from '../tuning/samplers/index.ts';
import { fits, searchedOf } from '../tuning/space-values.ts';
import type { Dependencies } from './dependencies.ts';

export function studyActivities({ store }: Dependencies) {
  const archives = new TrialArchive(store);

  async function candidatesOf(ref: BlobRef): Promise<SearchedCandidate[]> {
    return JSON.parse(await readFile(await store.fetch(ref), 'utf8')) as SearchedCandidate[];
  }

  async function tablesOf(tables: readonly BlobRef[]): Promise<TrialReport[]> {
    return (await Promise.all(tables.map((table) => archives.table(table)))).flat();
  }

  async function warmTrialsOf(
    tables: readonly BlobRef[],
    candidates: readonly SearchedCandidate[],
  ): Promise<WarmTrials> {
    const counts = { known: 0, unfit: 0 };
    for (const trial of await tablesOf(tables)) {
      const fitting = candidates.filter((candidate) => couldBeOf(candidate, trial));
      if (fitting.length === 0) counts.unfit++;
      else if (fitting.some(({ space }) => Object.keys(space).length > 0)) counts.known++;
    }
    return counts;
  }

  /** Earlier studies' trials that this pool could have drawn: indices below 0, in the order of their tables. */
  async function warmTrials(tables: readonly BlobRef[], pool: Pool): Promise<FinishedTrial[]> {
    const known = (await tablesOf(tables)).flatMap((trial) => {
      const place = pool.places.find((p) => couldBeOf(pool.candidates[p], trial));
      return place === undefined ? [] : [{ ...trial, candidate: place }];
    });
    return known.map((trial, i) => pool.finished({ ...trial, index: i - known.length }));
  }

  return {
    async planStudy({ subject, trials, sharing, warmStart }: StudyPlanRequest): Promise<StudyPlan> {
      const searched = searchedCandidates(subject);
      return {
        pools: poolTrials(
          searched.map(({ space }) => space),
          trials,
          sharing,
        ),
        titles: searched.map(({ algorithm }) => titleOf(algorithm)),
        // Not as canonical JSON, which would sort the dimensions: their order is part of a space.
        candidates: await store.putBytes(JSON.stringify(searched), 'candidates.json'),
        ...(warmStart && { warm: await warmTrialsOf(warmStart, searched) }),
      };
    },

    async suggest(request: SuggestRequest): Promise<SuggestResult> {
      const { sampler, seed, index, seen, pruning } = request;
      const pool = new Pool(await candidatesOf(request.candidates), request.pool, request.direction);
      const trials = [...(await archives.read(request.archive)), ...request.tail]
        .filter(({ candidate }) => request.pool.includes(candidate))
        .toSorted((a, b) => a.index - b.index);
      const own = trials.filter((trial) => trial.index < seen).map((trial) => pool.finished(trial));
      const pending = trials.filter((trial) => trial.index >= seen).map((trial) => pool.point(trial));
      const warm = await warmTrials(request.warmStart ?? [], pool);
      const drawn =
        Object.keys(pool.space).length === 0
          ? {}
          : samplerOf(sampler)({
              space: pool.space,
              history: [...warm, ...own],
              pending,
              // Each pool from a seed of its own, so that another candidate changes no trial of this one.
              seed: new Random(seed, request.pool[0]).bits(),
              index,
            });
      if (drawn === null) return { trial: null };
      const told = pruning && hurdlesOf(own, pruning, request.direction);
      return { trial: { ...pool.settle(drawn), ...(told && { pruning: told }) } };
    },

    /** @throws TradewindError `PARAMETER_INVALID`, which is the answer to whoever asked for the trial */
    async settleTrial({ candidates, order }: SettleRequest): Promise<SettledTrial> {
      return settleTrial(await candidatesOf(candidates), order);
    },

    async archiveTrials({ archive, trials }: ArchiveRequest): Promise<BlobRef> {
      return await archives.append(archive, trials);
    },

    async closeStudy(request: CloseStudyRequest): Promise<CloseStudyResult> {
      const { workflowId, name, metric, direction } = request;
      const [candidates, trials] = await Promise.all([
        candidatesOf(request.candidates),
        archives.read(request.archive),
      ]);
      if (trials.length !== request.trials || trials.some(({ index }, i) => index !== i)) {
        throw new TradewindError('INTERNAL', {
          subject: `The trial table of ${workflowId}`,
          rule: `hold trials 0 to ${request.trials - 1}, each once`,
          value: `${trials.length} trials`,
          remedy: 'This is a defect of Tradewind; please report it.',
        });
      }
      const table = trialLines(trials);
      const journal = optunaJournal({ name, metric, direction, candidates, trials });
      const [tableRef, journalRef] = await Promise.all([
        store.putBytes(table, 'trials.ndjson'),
        store.putBytes(journal, 'study.optuna.log'),
        // For people, under names that they can find.
        store.putText(objectKeys.runFile(workflowId, 'trials.ndjson'), table, 'application/x-ndjson'),
        store.putText(objectKeys.runFile(workflowId, 'study.optuna.log'), journal, 'application/x-ndjson'),
      ]);
      return { table: tableRef, journal: journalRef };
    },
  };
}

/** The candidates that draw from one space: one of them, or several from a joint space. */
class Pool {
  readonly space: SearchSpace;
  readonly candidates: readonly SearchedCandidate[];
  readonly places: readonly number[];
  readonly #direction: Direction;
  readonly #named: readonly { name: string; space: SearchSpace }[] | undefined;

  constructor(candidates: readonly SearchedCandidate[], places: readonly number[], direction: Direction) {
    this.candidates = candidates;
    this.places = places;
    this.#direction = direction;
    if (places.length === 1) {
      this.space = candidates[places[0]].space;
    } else {
      const names = candidateNames(candidates);
      this.#named = places.map((place) => ({ name: names[place], space: candidates[place].space }));
      this.space = jointSpace(this.#named);
    }
  }

  /** A trial's parameters as the pool's sampler draws them. */
  point({ candidate, parameters }: KnownTrial): ParameterValues {
    const searched = searchedOf(this.candidates[candidate].space, parameters);
    return this.#named === undefined ? searched : toJoint(this.#named, this.places.indexOf(candidate), searched);
  }

  /** The way back: what to try. */
  settle(drawn: ParameterValues): SettledTrial {
    const { place, searched } =
      this.#named === undefined ? { place: 0, searched: drawn } : fromJoint(this.#named, drawn);
    const candidate = this.places[place];
    const { algorithm, parameters } = this.candidates[candidate];
    return { candidate, algorithm, parameters: { ...parameters, ...searched } };
  }

  /** Values turned so that higher is better. */
  finished(trial: KnownTrial): FinishedTrial {
    const turn = (value: number) => (this.#direction === 'maximize' ? value : -value);
    const { index, state, value, rungs } = trial;
    return {
      index,
      parameters: this.point(trial),
      state: state === 'done' || state === 'pruned' ? state : 'failed',
      ...(value !== undefined && { value: turn(value) }),
      ...(rungs && { rungs: rungs.map((reached) => ({ ...reached, value: turn(reached.value) })) }),
    };
  }
}

/** Whether a candidate could have drawn a trial: fixed parameters and defaults alike are equal. */
function couldBeOf({ algorithm, parameters, space }: SearchedCandidate, trial: TrialReport): boolean {
  if (algorithm !== trial.algorithm || !fits(space, trial.parameters)) return false;
  const drawn = { ...parameters, ...searchedOf(space, trial.parameters) };
  return canonicalJson(drawn) === canonicalJson(trial.parameters);
}

/** By this study's own trials alone: those of an earlier one may have learned from other data. */
function hurdlesOf(
  history: readonly FinishedTrial[],
  pruning: NonNullable<SuggestRequest['pruning']>,
  direction: Direction,
): TrialPruning {
  const { prune, judges } = prunerOf(pruning);
  const rungs = rungsOf(pruning);
  return { rungs, thresholds: prune({ history, rungs }), judges, direction };
}
