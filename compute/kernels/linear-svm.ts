/** Linear support vector machines by dual coordinate descent, an epoch at a time, on kernel threads. */
import { TradewindError } from '../../contracts/errors.ts';
import { Random } from '../../contracts/random.ts';
import type { ArrayFile } from '../arrays/safetensors.ts';
import { rowReader } from './feature-rows.ts';
import type { StoredRows } from './feature-rows.ts';
import { checkProblem, checkSteps } from './svm-problem.ts';
import type { SvmProblem } from './svm-problem.ts';
import { copyState, restoreState } from './svm-state.ts';
import type { SvmState } from './svm-state.ts';
import type { KernelThreads } from './threads.ts';

/** `l1`: C ξ (hinge loss, ε-insensitive loss); `l2`: C ξ². */
export type LinearSvmProblem = SvmProblem & {
  loss: 'l1' | 'l2';
  /** `[rows]`: factors of C in place of the options', for problems that leave out different rows. */
  rowWeights?: Float32Array;
  /**
   * `[rows]`: β to begin with, such as the solution of a problem that is much the same; 0 for all when left out. Rows of
   * the weight 0 begin at 0.
   */
  from?: Float64Array;
};

export interface LinearSvmOptions {
  seed: number;
  /** The value of a further feature of every row, whose weight is regularised like the others; 0 for none. Default 1. */
  bias?: number;
  /**
   * Solved when the largest violation of the KKT conditions that asks |β| to grow, and the largest that asks it to
   * become smaller, are together at most this part of the violation at β = 0 (1 for classification: LIBLINEAR's rule;
   * the largest |target| − ε for regression). Default 1e-3.
   */
  tolerance?: number;
  /** Solved as well when primal − dual is at most this part of the primal, looked at every ten epochs. Default: never. */
  gapTolerance?: number;
  /** `[rows]`: factors of C, at least 0; a row of 0 is left out. */
  rowWeights?: Float32Array;
}

export interface LinearSvmProgress {
  epochs: number;
  /** Of the last epoch, as a part of the violation at β = 0: compare it with the tolerance. */
  violation: number;
  /** Rows that have not been shrunk. */
  active: number;
  solved: boolean;
}

export interface LinearSvmSolution {
  /** `[columns]`; the decision value of x is `weights · x + intercept`. */
  weights: Float64Array;
  intercept: number;
  /** `[rows]`: β, the signed dual variables; w = Σ β_i x_i. */
  coefficients: Float64Array;
  /** ½ ‖w‖² + Σ C ξ, the bias's weight included in w. */
  primal: number;
  /** At most the primal, and equal to it where the solution is exact. */
  dual: number;
  epochs: number;
  /** Whether the tolerance, or that of the gap, was reached. */
  solved: boolean;
}

/** Layout of `Problem` and `State` in `assembly/linear-svm.ts`. */
const problemInts = 8;
const problemFloats = 6;
const stateFloats = 8;
const stateInts = 8;
const stateBytes = stateFloats * 8 + stateInts * 4;

/** Addresses of a problem's records and arrays. */
interface Stored {
  problem: number;
  state: number;
  betas: number;
  w: number;
  order: number;
}

/**
 * Problems over the same rows, such as one-vs-rest: each is solved on one thread, as many at once as there are threads.
 * Results depend neither on the number of threads nor on how the epochs are divided among calls. One call at a time for
 * a group of threads; the state lives until the memory behind it is released.
 */
export class LinearSvms {
  readonly #threads: KernelThreads;
  readonly #rows: StoredRows;
  readonly #stored: Stored[];

  private constructor(threads: KernelThreads, rows: StoredRows, stored: Stored[]) {
    this.#threads = threads;
    this.#rows = rows;
    this.#stored = stored;
  }

  /**
   * Allocates the problems' state at β = 0.
   * @param threads - with the kernel `linear-svm`, and the rows in their memory.
   * @throws RangeError where targets, costs or settings are out of range, or not as many as there are rows.
   */
  static async start(
    threads: KernelThreads,
    rows: StoredRows,
    problems: readonly LinearSvmProblem[],
    options: LinearSvmOptions,
  ): Promise<LinearSvms> {
    const settings = { bias: 1, tolerance: 1e-3, gapTolerance: 0, ...options };
    for (const problem of problems) checkProblem(problem, rows.count, problem.rowWeights ?? settings.rowWeights);
    checkSettings(settings);
    const norms = threads.alloc(rows.count * 8);
    const size = Math.max(1024, Math.ceil(rows.count / 256));
    await threads.parallelFor('linear-svm', 'norms', Math.ceil(rows.count / size), (chunk) => [
      rows.address,
      settings.bias,
      chunk * size,
      Math.min(rows.count, (chunk + 1) * size),
      norms,
    ]);
    // Arrays that problems share are stored once.
    const addresses = new Map<unknown, number>();
    const once = (key: unknown, array: () => Float32Array | Float64Array): number => {
      const address = addresses.get(key) ?? threads.put(array());
      addresses.set(key, address);
      return address;
    };
    const stored = problems.map((problem, k) => {
      const random = new Random(settings.seed, k);
      const targets = once(problem.targets, () => Float64Array.from(problem.targets));
      const own = problem.rowWeights ?? settings.rowWeights;
      const weights = own ? once(own, () => own) : 0;
      return put(threads, rows, problem, settings, { norms, targets, weights }, random);
    });
    const svms = new LinearSvms(threads, rows, stored);
    await svms.#each('start', stored);
    for (const [k, { from, rowWeights = settings.rowWeights }] of problems.entries()) {
      if (from) svms.#begin(stored[k], from, rowWeights);
    }
    return svms;
  }

  /**
   * At most `epochs` epochs of each problem that is not solved.
   * @returns whether all are solved.
   * @throws RangeError where that is no integer of at least 0.
   */
  async advance(epochs = 1): Promise<boolean> {
    checkSteps('epochs', epochs);
    const open = this.#stored.filter((stored) => !this.#read(stored).solved);
    await this.#each('epochs', open, epochs);
    return open.every((stored) => this.#read(stored).solved);
  }

  /** Of each problem. */
  progress(): LinearSvmProgress[] {
    return this.#stored.map((stored) => this.#read(stored));
  }

  /**
   * Of each problem, solved or not, as it stands.
   * @throws TradewindError `TRAINING_DIVERGED` where one is not finite.
   */
  async solutions(): Promise<LinearSvmSolution[]> {
    await this.#each('objectives', this.#stored);
    return this.#stored.map((stored) => {
      const [intercept, , , , , , primal, dual] = this.#threads.view('f64', stored.state, stateFloats);
      const { epochs, solved } = this.#read(stored);
      const bias = this.#threads.view('f64', stored.problem + problemInts * 4, problemFloats)[3];
      const weights = new Float64Array(this.#threads.view('f64', stored.w, this.#rows.columns));
      if (![intercept * bias, primal, dual].every(Number.isFinite) || !weights.every(Number.isFinite)) throw diverged();
      return {
        weights,
        intercept: intercept * bias,
        coefficients: new Float64Array(this.#threads.view('f64', stored.betas, this.#rows.count)),
        primal,
        dual,
        epochs,
        solved,
      };
    });
  }

  /** A copy of all that changes: what `restore` goes on from, at the same bytes. */
  snapshot(): ArrayFile['arrays'] {
    return copyState(this.#state());
  }

  /** @throws RangeError where the arrays are not those of a snapshot of the same problems. */
  restore(arrays: ArrayFile['arrays']): void {
    restoreState(this.#state(), arrays, `${this.#stored.length} problems`);
  }

  #state(): SvmState {
    return this.#stored.flatMap(({ state, betas, w, order }, k): SvmState => [
      [`${k}.state`, this.#threads.view('u8', state, stateBytes)],
      [`${k}.betas`, this.#threads.view('f64', betas, this.#rows.count)],
      [`${k}.w`, this.#threads.view('f64', w, this.#rows.paddedColumns)],
      [`${k}.order`, this.#threads.view('i32', order, this.#rows.count)],
    ]);
  }

  /** β ← from within its bounds, w ← Σ β_i x_i */
  #begin({ problem, state, betas, w }: Stored, from: Float64Array, weights: Float32Array | undefined): void {
    const { count, paddedColumns } = this.#rows;
    if (from.length !== count) throw new RangeError(`There must be ${count} coefficients. Got ${from.length}.`);
    const [targetsAt, , , , , , regression, squared] = this.#threads.view('i32', problem, problemInts);
    const [positive, negative, , bias] = this.#threads.view('f64', problem + problemInts * 4, problemFloats);
    const targets = this.#threads.view('f64', targetsAt, count);
    const beta = this.#threads.view('f64', betas, count);
    const sums = this.#threads.view('f64', w, paddedColumns);
    const row = rowReader(this.#threads, this.#rows);
    let intercept = 0;
    for (let i = 0; i < count; i++) {
      const z = targets[i];
      const cost = (z > 0 ? positive : negative) * (weights?.[i] ?? 1);
      const bound = cost > 0 && squared === 1 ? Infinity : cost;
      const lower = regression === 1 || z <= 0 ? -bound : 0;
      const upper = regression === 1 || z > 0 ? bound : 0;
      beta[i] = Math.min(upper, Math.max(lower, from[i]));
      if (beta[i] === 0) continue;
      row(i, (column, value) => (sums[column] += beta[i] * value));
      intercept += beta[i] * bias;
    }
    this.#threads.view('f64', state, stateFloats)[0] = intercept;
  }

  #read({ state }: Stored): LinearSvmProgress {
    const [, outward, inward, , , initial] = this.#threads.view('f64', state, stateFloats);
    const [, active, epochs, status] = this.#threads.view('i32', state + stateFloats * 8, stateInts);
    return { epochs, active, violation: initial > 0 ? (outward + inward) / initial : 0, solved: status !== 0 };
  }

  async #each(fn: 'start' | 'epochs' | 'objectives', stored: readonly Stored[], ...rest: number[]): Promise<void> {
    await this.#threads.parallelFor('linear-svm', fn, stored.length, (k) => [
      this.#rows.address,
      stored[k].problem,
      stored[k].state,
      ...rest,
    ]);
  }
}

type Settings = Required<Omit<LinearSvmOptions, 'rowWeights'>> & Pick<LinearSvmOptions, 'rowWeights'>;

function put(
  threads: KernelThreads,
  rows: StoredRows,
  problem: LinearSvmProblem,
  settings: Settings,
  shared: { norms: number; targets: number; weights: number },
  random: Random,
): Stored {
  const betas = threads.alloc(rows.count * 8);
  const w = threads.alloc(rows.paddedColumns * 8);
  const order = threads.alloc(rows.count * 4);
  threads.view('i32', order, rows.count).fill(0);
  const state = threads.alloc(stateBytes);
  threads.view('u8', state, stateBytes).fill(0);
  // Four words of the stream are all zero with a chance of 2⁻¹²⁸.
  const words = Int32Array.from({ length: 4 }, () => random.bits());
  threads.view('i32', state + stateFloats * 8 + 16, 4).set(words);

  const regression = problem.kind === 'regression';
  const [positive, negative] = regression ? [problem.cost, problem.cost] : [problem.positiveCost, problem.negativeCost];
  const record = threads.alloc(problemInts * 4 + problemFloats * 8);
  threads
    .view('i32', record, problemInts)
    .set([
      shared.targets,
      shared.weights,
      shared.norms,
      betas,
      w,
      order,
      Number(regression),
      Number(problem.loss === 'l2'),
    ]);
  threads
    .view('f64', record + problemInts * 4, problemFloats)
    .set([
      positive,
      negative,
      regression ? problem.epsilon : 0,
      settings.bias,
      settings.tolerance,
      settings.gapTolerance,
    ]);
  return { problem: record, state, betas, w, order };
}

function diverged(): TradewindError {
  return new TradewindError('TRAINING_DIVERGED', {
    subject: 'The solution of a linear support vector machine',
    rule: 'be finite numbers of float64',
    value: 'infinity or NaN',
    remedy: 'Scale the features and the targets to about unit variance, or lower the cost.',
  });
}

function checkSettings({ bias, tolerance, gapTolerance }: Settings): void {
  if (!Number.isFinite(bias)) throw new RangeError(`The bias must be finite. Got ${bias}.`);
  if (!(tolerance > 0)) throw new RangeError(`The tolerance must be above 0. Got ${tolerance}.`);
  if (!(gapTolerance >= 0)) throw new RangeError(`The tolerance of the gap must be at least 0. Got ${gapTolerance}.`);
}
