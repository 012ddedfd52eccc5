/**
 * Tree-structured Parzen estimators (J. Bergstra et al., NIPS 2011): densities of good and of other trials; of what is
 * drawn from the first, that is tried which is likeliest under it compared with the second. Settings are those that
 * Optuna has come to (T. Akiba et al., KDD 2019; S. Watanabe, arXiv 2304.11127).
 */
import type { ParameterValue, ParameterValues, SearchDimension, SearchSpace } from '../../contracts/parameters.ts';
import { Random } from '../../contracts/random.ts';
import { assemble, isSearched, placeOf, type FinishedTrial, type Sampler, type SampleRequest } from '../sampler.ts';
import { ParzenEstimator } from './parzen.ts';
import { random } from './random.ts';
import { Tried } from './tried.ts';

/** Trials with a value before which trials are drawn at random. */
const startupTrials = 10;
/** Draws from the density of good trials, of which the best is tried. */
const candidates = 24;
/** Of so many trials, how many are the good ones. */
const goodOf = (trials: number) => Math.min(25, Math.ceil(0.1 * trials));
/** Trials that keep their full weight; older ones fade, down to 1 / trials. */
const unfaded = 25;
/** Rounds of candidates before one that was tried is given up. */
const rounds = 4;

export interface TpeOptions {
  /** Whether dimensions that are searched under the same condition are drawn together; otherwise each alone. */
  joint: boolean;
}

/** Trials by quality, those that failed left out: known values first, then what trials had when they were pruned. */
function ranked(history: readonly FinishedTrial[]): FinishedTrial[] {
  const reached = ({ rungs }: FinishedTrial) => rungs?.at(-1)?.rung ?? -Infinity;
  const withValue = history.filter(({ state, value }) => state !== 'failed' && value !== undefined);
  return withValue.toSorted((a, b) => {
    if (a.state !== b.state) return a.state === 'done' ? -1 : 1;
    const further = a.state === 'pruned' && reached(a) !== reached(b) ? reached(b) - reached(a) : 0;
    return further || b.value! - a.value! || a.index - b.index;
  });
}

export function tpeWith({ joint }: TpeOptions): Sampler {
  return (request) => {
    const { space, history, seed, index } = request;
    const known = ranked(history);
    const tried = new Tried(request);
    if (known.length < startupTrials) return tried.unless(random(request)!);
    const generator = new Random(seed, index);
    const groups = groupsOf(space, joint).map((names) => new Group(names, known, request));
    for (let round = 1; ; round++) {
      const drawn = drawTrial(space, groups, tried, generator);
      if (!tried.has(drawn)) return drawn;
      if (round === rounds) return tried.unless(drawn);
    }
  };
}

export const tpe: Sampler = tpeWith({ joint: true });

/** Names of dimensions by condition, each group after those that its condition is about. */
function groupsOf(space: SearchSpace, joint: boolean): string[][] {
  const names = Object.keys(space);
  if (!joint) return names.map((name) => [name]);
  return Object.values(Object.groupBy(names, (name) => JSON.stringify(space[name].when ?? null))).map(
    (group) => group!,
  );
}

function drawTrial(space: SearchSpace, groups: readonly Group[], tried: Tried, generator: Random): ParameterValues {
  const values: ParameterValues = {};
  for (const [place, group] of groups.entries()) {
    if (!group.isSearched(values)) continue;
    // A trial is known to be a repetition once all of it is drawn.
    const isRepetition = (drawn: ParameterValues) => {
      const all = { ...values, ...drawn };
      return !groups.slice(place + 1).some((later) => later.isSearched(all)) && tried.has(all);
    };
    Object.assign(values, group.draw(generator, isRepetition));
  }
  return assemble(space, (name) => values[name]);
}

/** Dimensions that are drawn together. */
class Group {
  readonly #names: readonly string[];
  readonly #dimensions: readonly SearchDimension[];
  readonly #known: readonly FinishedTrial[];
  readonly #request: SampleRequest;
  #densities: { good: ParzenEstimator; other: ParzenEstimator } | undefined;

  constructor(names: readonly string[], known: readonly FinishedTrial[], request: SampleRequest) {
    this.#names = names;
    this.#dimensions = names.map((name) => request.space[name]);
    this.#known = known;
    this.#request = request;
  }

  /** All of a group have the same condition. */
  isSearched(before: Readonly<ParameterValues>): boolean {
    return isSearched(this.#dimensions[0], before);
  }

  /** The best of the candidates, of those that are no repetition where there are such. */
  draw(generator: Random, isRepetition: (drawn: ParameterValues) => boolean): ParameterValues {
    const { good, other } = (this.#densities ??= this.#estimate());
    let best: ParameterValues = {};
    let [bestScore, bestIsNew] = [-Infinity, false];
    for (let i = 0; i < candidates; i++) {
      const row = good.draw(generator);
      const drawn = Object.fromEntries(this.#names.map((name, d) => [name, row[d]]));
      const score = good.logDensity(row) - other.logDensity(row);
      const isNew = !isRepetition(drawn);
      if (i > 0 && (isNew === bestIsNew ? score <= bestScore : bestIsNew)) continue;
      [best, bestScore, bestIsNew] = [drawn, score, isNew];
    }
    return best;
  }

  /**
   * Of trials that have these dimensions. Those in flight count as others until they are known (the "constant liar"),
   * so that trials side by side are not the same; so do those that failed, as their corner may fail again.
   */
  #estimate(): { good: ParzenEstimator; other: ParzenEstimator } {
    const { history, pending = [] } = this.#request;
    const known = this.#known.filter(({ parameters }) => this.#rowOf(parameters) !== undefined);
    const failed = history.filter(({ state }) => state === 'failed');
    const good = known.slice(0, goodOf(known.length));
    const other = [...known.slice(good.length), ...failed];
    return { good: this.#estimator(good), other: this.#estimator(other, pending) };
  }

  #estimator(trials: readonly FinishedTrial[], pending: readonly Readonly<ParameterValues>[] = []): ParzenEstimator {
    const byAge = trials.toSorted((a, b) => a.index - b.index).map(({ parameters }) => parameters);
    const rows = [...byAge, ...pending].map((parameters) => this.#rowOf(parameters)).filter((row) => row !== undefined);
    return new ParzenEstimator(this.#dimensions, rows, weightsOf(rows.length));
  }

  /** undefined where a dimension was not searched, or had another choice. */
  #rowOf(parameters: Readonly<ParameterValues>): ParameterValue[] | undefined {
    const there = this.#names.every((name, d) => {
      return Object.hasOwn(parameters, name) && !Number.isNaN(placeOf(this.#dimensions[d], parameters[name]));
    });
    return there ? this.#names.map((name) => parameters[name]) : undefined;
  }
}

/** By age, the oldest first. */
function weightsOf(trials: number): number[] {
  const fading = Math.max(0, trials - unfaded);
  return Array.from({ length: trials }, (_, i) => {
    if (i >= fading) return 1;
    // From 1 / trials to 1, evenly.
    return fading === 1 ? 1 / trials : 1 / trials + (1 - 1 / trials) * (i / (fading - 1));
  });
}
