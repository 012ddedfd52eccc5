/**
 * Growing and asking decision trees on binned features; `assembly/trees.ts` computes.
 *
 * A fit makes a `BinnedMatrix` once. Boosting then makes a `TreeGrower` and calls `grow` once a round, all threads on
 * one tree; a forest goes through `growForest`, a tree a thread. Neither result depends on the number of threads.
 */
import { TradewindError } from '../../contracts/errors.ts';
import { Random } from '../../contracts/random.ts';
import type { BinnedMatrix } from './bins.ts';
import { allocateTask, askingSettings, putNodes, readTree, resetTask, taskBytes, writePlan } from './tree-memory.ts';
import type { FlatTree, Plan, PlanSettings, TaskMemory, TaskSize } from './tree-memory.ts';

export type { FlatTree } from './tree-memory.ts';

/** Bytes that the trees of a forest take that are grown side by side; one alone may take more. */
const forestLimit = 2 ** 30;
/** Below so many values (rows × features) threads cost more on one tree than they save. */
const sharedValues = 50_000;
/** Rows that one call of the kernel asks for leaves. */
const chunkRows = 16_384;

/**
 * What a split is judged by; the formulas stand in `assembly/tree-splits.ts`.
 *
 * `gradient`: each row has (g, h), and the gain is G²/(H + λ) of the sides less that of the node, twice XGBoost's; with
 * g = −w y and h = w it is the decrease of the squared error. `gini` and `entropy`: each row has (class, weight), and
 * the gain is the decrease of the impurity times the node's weight.
 */
export type Criterion = { criterion: 'gradient' } | { criterion: 'gini' | 'entropy'; classes: number };

export interface GrowthLimits {
  /** At least 1, `Infinity` for no limit. */
  maxLeaves: number;
  /** Splits from the root to a leaf, at least 0, `Infinity` for no limit. */
  maxDepth: number;
  /** Rows of a node that is split, at least 0. */
  minRowsToSplit: number;
  /** Rows of a leaf, at least 1. A row that is listed twice counts twice. */
  minRows: number;
  /** Sum of h, or of weights, in a leaf, at least 0. */
  minWeight: number;
  /**
   * A split gains more than this. From 0 on it must also gain more than rounding may feign, 2⁻⁴⁶ of the node's score;
   * with a negative one, splits that gain nothing are taken too.
   */
  minGain: number;
  /** α of the gradient criterion, at least 0. */
  l1: number;
  /** λ of the gradient criterion, at least 0. */
  l2: number;
  /** Features drawn at each node, at least 1; it goes on drawing while none of them splits. `Infinity`: all. */
  featuresPerSplit: number;
  /** Added to H, or to the weight, of a category before categories are ordered, at least 0. */
  categorySmoothing: number;
  /** Added to λ where a split is by categories, at least 0. */
  categoryL2: number;
  /** Categories that a split names on one side, at least 1. */
  maxCategories: number;
  /**
   * Bytes that the histograms of a tree may take: where all of its leaves' fit, they are kept, and one of two siblings
   * is its parent's less the other; else, and where features are drawn, each is built from its rows, and sums differ in
   * their last bits.
   */
  histogramBytes: number;
}

/** No limit but that of one row a leaf. */
export const unlimited: GrowthLimits = {
  maxLeaves: Infinity,
  maxDepth: Infinity,
  minRowsToSplit: 2,
  minRows: 1,
  minWeight: 0,
  minGain: 0,
  l1: 0,
  l2: 0,
  featuresPerSplit: Infinity,
  categorySmoothing: 0,
  categoryL2: 0,
  maxCategories: Infinity,
  histogramBytes: 512 * 2 ** 20,
};

export type GrowthParameters = Criterion & Partial<GrowthLimits>;

export interface TreeInput {
  /** Rows of the matrix to grow on, ascending for speed. One may be listed twice. */
  rows: Int32Array;
  /** `float32 [rows of the matrix × 2]`, row-major: (g, h) or (class, weight), finite, h and weights not negative. */
  pairs: Float32Array;
  /** Features that the tree may use; all by default. */
  features?: Int32Array;
  /** Of the draws of features. */
  seed?: number;
}

/** A tree with the rows of its nodes: those of node k are `order.subarray(begin[k], end[k])`. */
export interface GrownTree extends FlatTree {
  begin: Int32Array;
  end: Int32Array;
  /** `[rows given]`: the rows by leaf, in kernel memory, good until the next `grow`. */
  order: Int32Array<SharedArrayBuffer>;
}

/** Grows one tree after the other, all threads on each. */
export class TreeGrower {
  readonly #matrix: BinnedMatrix;
  readonly #classes: number;
  readonly #plan: Plan;
  readonly #task: TaskMemory;
  readonly #maxRows: number;

  /**
   * Takes memory for pairs, rows and histograms, which is not given back before the threads are closed.
   * @param maxRows - the most rows that a tree will be given; those of the matrix by default.
   * @throws RangeError for a parameter outside its range.
   */
  constructor(matrix: BinnedMatrix, parameters: GrowthParameters, maxRows = matrix.rows) {
    const { plan, size } = planned(matrix, parameters, maxRows, matrix.kernels.threads);
    this.#matrix = matrix;
    this.#classes = size.classes;
    this.#plan = plan;
    this.#task = allocateTask(matrix, plan, size);
    this.#maxRows = maxRows;
  }

  /**
   * @throws RangeError where the input does not fit the matrix, or an h or a weight is negative.
   * @throws TradewindError `TRAINING_DIVERGED` where a pair of one of the rows is not finite.
   */
  async grow(input: TreeInput): Promise<GrownTree> {
    const { kernels } = this.#matrix;
    const task = this.#task;
    const features = give(this.#matrix, task, input, this.#classes, this.#maxRows);
    const team = input.rows.length * features < sharedValues ? 1 : kernels.threads;
    await kernels.parallelFor('trees', 'grow', team, (member) => [task.address, member, team]);
    const order = kernels.view('i32', task.order, input.rows.length);
    return { ...readTree(kernels, task, this.#plan.width), order };
  }
}

/**
 * Grows trees side by side and gives them in their order, a few at a time.
 * @param inputOf - input of each tree, asked for in ascending order; its arrays are copied at once.
 * @throws RangeError for a parameter outside its range, or an input that does not fit the matrix.
 * @throws TradewindError `TRAINING_DIVERGED` where a pair of one of the rows of a tree is not finite.
 */
export async function* growForest(
  matrix: BinnedMatrix,
  parameters: GrowthParameters,
  trees: number,
  inputOf: (tree: number) => TreeInput,
  maxRows = matrix.rows,
): AsyncGenerator<FlatTree, void> {
  const { kernels } = matrix;
  const mark = kernels.mark();
  try {
    const { plan, size } = planned(matrix, parameters, maxRows, 1);
    const affordable = Math.max(1, Math.floor(forestLimit / taskBytes(matrix, plan, size)));
    const side = Math.min(trees, affordable, 4 * kernels.threads);
    const tasks = Array.from({ length: side }, () => allocateTask(matrix, plan, size));
    for (let from = 0; from < trees; from += side) {
      const batch = tasks.slice(0, Math.min(side, trees - from));
      for (const [k, task] of batch.entries()) give(matrix, task, inputOf(from + k), size.classes, maxRows);
      await kernels.parallelFor('trees', 'grow', batch.length, (k) => [batch[k].address, 0, 1]);
      for (const task of batch) {
        const { begin: _begin, end: _end, ...tree } = readTree(kernels, task, plan.width);
        yield tree;
      }
    }
  } finally {
    kernels.release(mark);
  }
}

/**
 * The leaf that each row of a matrix comes to, `int32 [rows]`: a node of the tree.
 * @param matrix - binned as the one that the tree was grown on.
 */
export async function leavesOf(matrix: BinnedMatrix, tree: FlatTree): Promise<Int32Array> {
  const { kernels, rows } = matrix;
  const mark = kernels.mark();
  try {
    const plan = writePlan(matrix, askingSettings).address;
    const nodes = putNodes(kernels, tree);
    const out = kernels.alloc(rows * 4);
    await kernels.parallelFor('trees', 'leaves', Math.ceil(rows / chunkRows), (chunk) => {
      const from = chunk * chunkRows;
      return [plan, nodes, from, Math.min(from + chunkRows, rows), out];
    });
    return new Int32Array(kernels.view('i32', out, rows));
  } finally {
    kernels.release(mark);
  }
}

/** A plan in kernel memory, and what a task of it needs. */
function planned(
  matrix: BinnedMatrix,
  parameters: GrowthParameters,
  maxRows: number,
  team: number,
): { plan: Plan; size: TaskSize } {
  const limits: GrowthLimits = { ...unlimited, ...parameters };
  const classes = parameters.criterion === 'gradient' ? 0 : parameters.classes;
  checkLimits(limits, parameters);
  // As many leaves as there can be, so that memory is taken for no more.
  const byRows = Math.max(1, Math.floor(maxRows / limits.minRows));
  const leaves = Math.min(limits.maxLeaves, byRows, 2 ** Math.min(limits.maxDepth, 31));
  const draws = limits.featuresPerSplit < matrix.features ? limits.featuresPerSplit : 0;
  const settings: PlanSettings = {
    ...limits,
    classes,
    entropy: parameters.criterion === 'entropy',
    maxLeaves: leaves,
    splitRows: limits.minRowsToSplit,
    draws,
  };
  const plan = writePlan(matrix, settings);
  const pooled = draws === 0 && leaves * plan.bins * plan.width * 8 <= limits.histogramBytes;
  return { plan, size: { maxRows, leaves, classes, pooled, team } };
}

const whole = { maxLeaves: 1, maxDepth: 0, minRowsToSplit: 0, minRows: 1, featuresPerSplit: 1, maxCategories: 1 };
const atLeastZero = ['minWeight', 'l1', 'l2', 'categorySmoothing', 'categoryL2', 'histogramBytes'] as const;

function checkLimits(limits: GrowthLimits, parameters: GrowthParameters): void {
  const refuse = (name: string, rule: string, value: number) => {
    throw new RangeError(`The "${name}" of a tree must be ${rule}. Got ${value}.`);
  };
  for (const [name, least] of Object.entries(whole)) {
    const value = limits[name as keyof typeof whole];
    if (!(value >= least && (Number.isInteger(value) || value === Infinity))) {
      refuse(name, `an integer of at least ${least}, or Infinity`, value);
    }
  }
  for (const name of atLeastZero) {
    if (!(limits[name] >= 0 && limits[name] < Infinity)) refuse(name, 'finite and not negative', limits[name]);
  }
  if (!(limits.minGain < Infinity)) refuse('minGain', 'below Infinity', limits.minGain);
  if (parameters.criterion === 'gradient') return;
  const { classes } = parameters;
  if (!Number.isInteger(classes) || classes < 1) refuse('classes', 'an integer of at least 1', classes);
}

/** Copies an input into a task's memory. @returns the number of its features. */
function give(matrix: BinnedMatrix, task: TaskMemory, input: TreeInput, classes: number, maxRows: number): number {
  const { kernels } = matrix;
  const { rows, pairs, seed = 0 } = input;
  const features = input.features ?? Int32Array.from({ length: matrix.features }, (_, f) => f);
  if (pairs.length !== 2 * matrix.rows) {
    throw new RangeError(`A tree must be given ${2 * matrix.rows} numbers as pairs. Got ${pairs.length}.`);
  }
  if (rows.length > maxRows)
    throw new RangeError(`A tree must be grown on at most ${maxRows} rows. Got ${rows.length}.`);
  checkIndices('row', rows, matrix.rows);
  checkIndices('feature', features, matrix.features);
  if (new Set(features).size < features.length) throw new RangeError('The features of a tree must be distinct.');
  checkPairs(pairs, rows, classes);
  kernels.view('f32', task.pairs, pairs.length).set(pairs);
  kernels.view('i32', task.order, rows.length).set(rows);
  kernels.view('i32', task.features, features.length).set(features);
  const random = new Random(seed);
  const state = [random.bits(), random.bits(), random.bits(), random.bits()];
  resetTask(kernels, task, rows.length, features.length, state);
  return features.length;
}

function checkIndices(what: string, indices: Int32Array, count: number): void {
  for (let k = 0; k < indices.length; k++) {
    if (indices[k] < 0 || indices[k] >= count) {
      throw new RangeError(`Each ${what} of a tree must be below ${count}. Got ${indices[k]}.`);
    }
  }
}

/** Those of the rows that the tree is grown on: nobody reads the others. */
function checkPairs(pairs: Float32Array, rows: Int32Array, classes: number): void {
  for (let k = 0; k < rows.length; k++) {
    const row = rows[k];
    const first = pairs[2 * row];
    const second = pairs[2 * row + 1];
    // Outside their range classes would be written over other arrays.
    if (classes > 0 && !(first >= 0 && first < classes && Number.isInteger(first))) {
      throw new RangeError(`The class of row ${row} must be an integer below ${classes}. Got ${first}.`);
    }
    // The difference is finite where both are: two float32 do not overflow a float64.
    if (!(Math.abs(first - second) < Infinity)) throw diverged(row, first, second, classes);
    if (second < 0) {
      const what = classes > 0 ? 'weight' : 'second derivative';
      throw new RangeError(`The ${what} of row ${row} must not be negative. Got ${second}.`);
    }
  }
}

function diverged(row: number, first: number, second: number, classes: number): TradewindError {
  return new TradewindError('TRAINING_DIVERGED', {
    subject: `The ${classes > 0 ? 'class and weight' : 'derivatives of the loss'} of row ${row}`,
    rule: 'be finite numbers of float32',
    value: `${first} and ${second}`,
    remedy: 'Lower the learning rate, or look for targets and weights that are missing or very large.',
  });
}
