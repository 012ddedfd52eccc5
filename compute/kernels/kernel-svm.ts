/** Support vector machines with kernels by sequential minimal optimization, some steps at a time, on kernel threads. */
import { TradewindError } from '../../contracts/errors.ts';
import type { ArrayFile } from '../arrays/safetensors.ts';
import type { StoredRows } from './feature-rows.ts';
import { putKernel, putNorms, scratchBytes } from './kernel-values.ts';
import type { KernelDecision, SvmKernel } from './kernel-values.ts';
import { maximumPages } from './load.ts';
import { checkProblem, checkSteps } from './svm-problem.ts';
import type { SvmProblem } from './svm-problem.ts';
import { copyState, restoreState } from './svm-state.ts';
import type { SvmState } from './svm-state.ts';
import type { KernelThreads } from './threads.ts';

export interface KernelSvmOptions {
  kernel: SvmKernel;
  /** Solved when no pair violates the KKT conditions by more than this, in the unit of the targets. Default 1e-3. */
  tolerance?: number;
  /**
   * Kernel values that are kept: at least two rows of them, at most all. Below the 4 GiB that a kernel can address, as
   * much as is left there. The result does not depend on it. Default 200 MiB.
   */
  cacheBytes?: number;
  /** Leaves variables that seem to have arrived at a bound out, until the others are solved. Default true. */
  shrinking?: boolean;
  /** `[rows]`: factors of C, at least 0. */
  rowWeights?: Float32Array;
}

export interface KernelSvmProgress {
  /** Pairs that have been moved. */
  steps: number;
  /** How much the worst pair of active variables violates the KKT conditions: compare it with the tolerance. */
  violation: number;
  /** Rows that have not been shrunk. */
  active: number;
  solved: boolean;
}

/** The decision value of x is Σ coefficients_j k(x_j, x) + bias. */
export interface KernelSvmSolution extends KernelDecision {
  /** Rows whose coefficient is not 0, ascending. */
  support: Int32Array;
  /** ½ βᵀKβ + Σ C ξ. */
  primal: number;
  /** At most the primal, and equal to it where the solution is exact. */
  dual: number;
  steps: number;
  violation: number;
  /** Whether the tolerance was reached. */
  solved: boolean;
}

/** Layout of `Svm`, `RowCache` and `Share` in the assembly: what comes before the settings, and what changes. */
const recordBytes = 152;
const settingsAt = 64;
const changingAt = 80;
const changingBytes = 52;
const shareInts = 4;

/** Rows whose gradients a thread makes anew at a time. */
const reconstructed = 64;
/** Multiply-adds of a call: about a tenth of a second. */
const callWork = 2e8;

interface Addresses {
  record: number;
  share: number;
  betas: number;
  targets: number;
  lower: number;
  upper: number;
  gradient: number;
  growth: number;
  fall: number;
  diagonal: number;
  order: number;
}

/**
 * One problem, solved on all threads. Results depend neither on their number nor on how the steps are divided among
 * calls nor on the size of the cache. One call at a time for a group of threads; the state lives until the memory behind
 * it is released.
 */
export class KernelSvm {
  readonly #threads: KernelThreads;
  readonly #rows: StoredRows;
  readonly #epsilon: number;
  readonly #at: Addresses;
  readonly #scratch: number;

  private constructor(threads: KernelThreads, rows: StoredRows, epsilon: number, at: Addresses) {
    this.#threads = threads;
    this.#rows = rows;
    this.#epsilon = epsilon;
    this.#at = at;
    this.#scratch = scratchBytes(rows, reconstructed);
  }

  /**
   * Allocates the state, at β = 0, and the cache.
   * @param threads - with the kernel `kernel-svm`, and the rows in their memory.
   * @throws RangeError where targets, costs or settings are out of range, or not as many as there are rows.
   * @throws TradewindError `TRAINING_DIVERGED` where the kernel of a row with itself is not finite.
   */
  static async start(
    threads: KernelThreads,
    rows: StoredRows,
    problem: SvmProblem,
    options: KernelSvmOptions,
  ): Promise<KernelSvm> {
    const settings = { tolerance: 1e-3, cacheBytes: 200 * 2 ** 20, shrinking: true, ...options };
    checkProblem(problem, rows.count, settings.rowWeights);
    if (!(settings.tolerance > 0)) throw new RangeError(`The tolerance must be above 0. Got ${settings.tolerance}.`);
    if (!(settings.cacheBytes >= 0)) {
      throw new RangeError(`The size of the cache must be at least 0. Got ${settings.cacheBytes}.`);
    }
    const epsilon = problem.kind === 'regression' ? problem.epsilon : 0;
    const at = await put(threads, rows, problem, settings, epsilon);
    const svm = new KernelSvm(threads, rows, epsilon, at);
    await svm.#once('start');
    if (!threads.view('f32', at.diagonal, rows.count).every(Number.isFinite)) throw diverged(settings.kernel);
    return svm;
  }

  /**
   * Moves at most `steps` pairs.
   * @returns whether the problem is solved.
   * @throws RangeError where that is no integer of at least 0.
   */
  async advance(steps: number): Promise<boolean> {
    checkSteps('steps', steps);
    // A step makes two rows of kernel values where the cache has neither.
    const each = 2 * Math.max(1, this.#rows.count) * (this.#rows.length + 8);
    const most = Math.max(8, Math.floor(callWork / each));
    const end = this.#changing().steps + steps;
    for (;;) {
      const { steps: done, status, active } = this.#changing();
      if (status === 1) return true;
      if (status === 2) {
        await this.#reconstruct(active);
        await this.#once('resume');
        continue;
      }
      if (done >= end) return false;
      this.#threads.view('i32', this.#at.share, shareInts).fill(0);
      const argsOf = (role: number) => [this.#at.record, Math.min(most, end - done), role];
      await this.#threads.parallelFor('kernel-svm', 'slice', this.#threads.threads, argsOf, this.#scratch);
    }
  }

  progress(): KernelSvmProgress {
    const { steps, most, least, active, status } = this.#changing();
    return { steps, active, violation: Math.max(0, most - least), solved: status === 1 };
  }

  /**
   * Solved or not, as it stands.
   * @throws TradewindError `TRAINING_DIVERGED` where it is not finite.
   */
  async solution(): Promise<KernelSvmSolution> {
    const { steps, active, status } = this.#changing();
    // What shrunk variables have there is made anew before they take part again.
    await this.#reconstruct(active);
    const { count } = this.#rows;
    const coefficients = new Float64Array(this.#threads.view('f64', this.#at.betas, count));
    const bounds = this.#bounds();
    const bias = biasOf(bounds);
    const sums = this.#sums(bias);
    if (![bias, sums.primal, sums.dual].every(Number.isFinite)) throw diverged();
    return {
      coefficients,
      bias,
      support: Int32Array.from([...coefficients.keys()].filter((i) => coefficients[i] !== 0)),
      ...sums,
      steps,
      violation: Math.max(0, bounds.most - bounds.least),
      solved: status === 1,
    };
  }

  /** A copy of all that changes: what `restore` goes on from, at the same bytes. */
  snapshot(): ArrayFile['arrays'] {
    return copyState(this.#state());
  }

  /** @throws RangeError where the arrays are not those of a snapshot of the same problem. */
  async restore(arrays: ArrayFile['arrays']): Promise<void> {
    restoreState(this.#state(), arrays, `${this.#rows.count} rows`);
    await this.#once('prepare');
  }

  #state(): SvmState {
    const { record, betas, gradient, order } = this.#at;
    return [
      ['state', this.#threads.view('u8', record + changingAt, changingBytes)],
      ['betas', this.#threads.view('f64', betas, this.#rows.count)],
      ['gradient', this.#threads.view('f64', gradient, this.#rows.count)],
      ['order', this.#threads.view('i32', order, this.#rows.count)],
    ];
  }

  #changing() {
    const [steps, most, least] = this.#threads.view('f64', this.#at.record + changingAt, 3);
    const [, active, , , status] = this.#threads.view('i32', this.#at.record + changingAt + 32, 5);
    return { steps, most, least, active, status };
  }

  async #once(fn: 'start' | 'prepare' | 'resume'): Promise<void> {
    const scratch = fn === 'resume' ? undefined : this.#scratch;
    await this.#threads.parallelFor('kernel-svm', fn, 1, () => [this.#at.record], scratch);
  }

  /** f ← Kβ − z of the variables at positions from `active` on. */
  async #reconstruct(active: number): Promise<void> {
    const { count } = this.#rows;
    const argsOf = (chunk: number) => {
      const from = active + chunk * reconstructed;
      return [this.#at.record, from, Math.min(count, from + reconstructed)];
    };
    const chunks = Math.ceil((count - active) / reconstructed);
    await this.#threads.parallelFor('kernel-svm', 'reconstruct', chunks, argsOf, this.#scratch);
  }

  /** Over all variables: what may grow and what may fall, and the mean of those that may do both. */
  #bounds(): Bounds {
    const { count } = this.#rows;
    const [f, growth, fall] = [this.#at.gradient, this.#at.growth, this.#at.fall].map((address) =>
      this.#threads.view('f64', address, count),
    );
    const bounds = { most: -Infinity, least: Infinity, free: 0, sum: 0 };
    for (let p = 0; p < count; p++) {
      bounds.most = Math.max(bounds.most, growth[p] - f[p]);
      bounds.least = Math.min(bounds.least, fall[p] - f[p]);
      if (growth[p] !== fall[p]) continue;
      bounds.free++;
      bounds.sum += growth[p] - f[p];
    }
    return bounds;
  }

  #sums(bias: number): { primal: number; dual: number } {
    const { count } = this.#rows;
    const { betas, targets, lower, upper, gradient } = this.#at;
    const [beta, z, l, u, f] = [betas, targets, lower, upper, gradient].map((address) =>
      this.#threads.view('f64', address, count),
    );
    const order = this.#threads.view('i32', this.#at.order, count);
    let [square, loss, gain] = [0, 0, 0];
    for (let p = 0; p < count; p++) {
      const i = order[p];
      // s = (Kβ)_i + b
      const s = f[p] + z[i] + bias;
      square += beta[i] * (f[p] + z[i]);
      gain += z[i] * beta[i] - this.#epsilon * Math.abs(beta[i]);
      const regression = l[i] < 0 && u[i] > 0;
      const xi = Math.max(0, regression ? Math.abs(z[i] - s) - this.#epsilon : 1 - z[i] * s);
      loss += Math.max(u[i], -l[i]) * xi;
    }
    return { primal: square / 2 + loss, dual: gain - square / 2 };
  }
}

interface Bounds {
  most: number;
  least: number;
  free: number;
  sum: number;
}

/** b: the mean over the free variables, or the middle of what the others allow. */
function biasOf({ most, least, free, sum }: Bounds): number {
  if (free > 0) return sum / free;
  if (most === -Infinity) return least === Infinity ? 0 : least;
  return least === Infinity ? most : (most + least) / 2;
}

type Settings = KernelSvmOptions & { tolerance: number; cacheBytes: number; shrinking: boolean };

async function put(
  threads: KernelThreads,
  rows: StoredRows,
  problem: SvmProblem,
  { kernel, tolerance, cacheBytes, shrinking, rowWeights }: Settings,
  epsilon: number,
): Promise<Addresses> {
  const { count } = rows;
  const targets = Float64Array.from(problem.targets);
  const regression = problem.kind === 'regression';
  const costs = targets.map((z, i) => {
    const cost = regression ? problem.cost : z > 0 ? problem.positiveCost : problem.negativeCost;
    return cost * (rowWeights?.[i] ?? 1);
  });
  const kernelAt = putKernel(threads, kernel);
  const norms = await putNorms(threads, rows);
  const at: Addresses = {
    record: threads.alloc(recordBytes),
    share: threads.alloc(shareInts * 4),
    betas: threads.alloc(count * 8),
    targets: threads.put(targets),
    lower: threads.put(costs.map((cost, i) => (regression || targets[i] < 0 ? -cost : 0))),
    upper: threads.put(costs.map((cost, i) => (regression || targets[i] > 0 ? cost : 0))),
    gradient: threads.alloc(count * 8),
    growth: threads.alloc(count * 8),
    fall: threads.alloc(count * 8),
    diagonal: threads.alloc(count * 4),
    order: threads.alloc(count * 4),
  };
  const cache = putCache(threads, rows, cacheBytes);
  const { record, share, betas, lower, upper, gradient, growth, fall, diagonal, order } = at;
  const pointers = [rows.address, kernelAt, cache, share, norms, betas, at.targets, lower, upper];
  const helpers = threads.threads - 1;
  threads
    .view('i32', record, settingsAt / 4)
    .set([...pointers, gradient, growth, fall, diagonal, order, helpers, Number(shrinking)]);
  threads.view('f64', record + settingsAt, 2).set([epsilon, tolerance]);
  return at;
}

/** A cache of as many lines as there is memory for, its record behind them. */
function putCache(threads: KernelThreads, { count, columns }: StoredRows, cacheBytes: number): number {
  const stride = Math.ceil(Math.max(1, count) / 4) * 16;
  // What threads are given for themselves, and the cache's own lists, must fit behind it.
  const spare = 2 ** 20 + count * 24 + threads.threads * (columns + 64) * 4;
  const left = maximumPages * 65536 - threads.mark() - spare;
  const slots = Math.max(2, Math.min(count, Math.floor(Math.min(cacheBytes, left) / stride)));
  const lines = threads.alloc(slots * stride);
  const [slotOf, rowOf, lengths, next, previous] = [count, slots, slots, slots + 1, slots + 1].map((length) =>
    threads.alloc(length * 4),
  );
  return threads.put(Int32Array.of(lines, stride, slots, count, slotOf, rowOf, lengths, next, previous));
}

function diverged(kernel?: SvmKernel): TradewindError {
  return new TradewindError('TRAINING_DIVERGED', {
    subject: 'Values of the kernel of a support vector machine',
    rule: 'be finite numbers of float32',
    value: kernel ? `infinity or NaN with ${JSON.stringify(kernel)}` : 'infinity or NaN',
    remedy: 'Scale the features to about unit variance, or lower "gamma" or "degree".',
  });
}
