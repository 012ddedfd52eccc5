/** Trees that have been fitted: a decision tree, a forest or a boosted ensemble. */
import { TradewindError } from '../../../contracts/errors.ts';
import { tableTasks, type TableTask } from '../../../contracts/tables.ts';
import type { ArrayFile } from '../../../compute/arrays/safetensors.ts';
import type { Graph } from '../../../compute/graph/graph.ts';
import type { Tensor } from '../../../compute/graph/program.ts';
import type { Features } from '../../../data/features.ts';
import { readState } from '../../state.ts';
import type { FittedTableModel } from '../../table-estimator.ts';
import { treeEnsemble } from './lower-trees.ts';
import { arraysOf, gainShares, leafOf, mostCategories, readTrees, type TreeList } from './tree-list.ts';

/**
 * What sums of leaves become: scores as they are, the chance of the second of two classes, those of all classes, or
 * means over the trees.
 */
const links = ['identity', 'sigmoid', 'softmax', 'mean'] as const;
export type Link = (typeof links)[number];
export type TreeAlgorithm = 'decision-tree' | 'random-forest' | 'boosted-trees';

/**
 * score[s] = base[s] + Σ of the values of leaves: with as many values as scores, every tree has one for each; else a
 * leaf has one value, and tree t is of the score t mod scores.
 */
export interface TreeModel {
  readonly algorithm: TreeAlgorithm;
  readonly task: TableTask;
  readonly outputs: number;
  readonly link: Link;
  /** float32 `[scores]` */
  readonly base: Float32Array;
  /** int32 `[features]`; see `SpecialFeatures`, at most 255. */
  readonly categories: Int32Array;
  readonly trees: TreeList;
}

const format = 'tradewind-trees/1';
/** Rows that are asked together: their features should stay in the core's own cache. */
const blockRows = 256;
const blockValues = 2 ** 20;

export class FittedTrees implements FittedTableModel {
  readonly algorithm: TreeAlgorithm;
  readonly task: TableTask;
  readonly outputs: number;
  readonly #model: TreeModel;

  constructor(model: TreeModel) {
    this.algorithm = model.algorithm;
    this.task = model.task;
    this.outputs = model.outputs;
    this.#model = model;
  }

  /** @throws RangeError for another number of features. */
  async predict(x: Features): Promise<Float32Array> {
    const { categories, base, link, trees } = this.#model;
    const columns = categories.length;
    if (x.names.length !== columns) {
      throw new RangeError(`Features for this model must be ${columns}. Got ${x.names.length}.`);
    }
    const out = new Float32Array(x.rows * this.outputs);
    const scores = new Float64Array(base.length);
    const factor = link === 'mean' ? 1 / trees.roots.length : 1;
    eachBlock(x, (values, rows, first) => {
      const sums = this.#sums(values, rows);
      for (let i = 0; i < rows; i++) {
        for (let s = 0; s < base.length; s++) scores[s] = base[s] + sums[i * base.length + s] * factor;
        answer(scores, link, out, (first + i) * this.outputs);
      }
    });
    return out;
  }

  /** float64 `[rows × scores]`: Σ of the leaves' values, tree after tree, without the base. */
  #sums(values: Float32Array, rows: number): Float64Array {
    const { trees, base, categories } = this.#model;
    const { roots, width } = trees;
    const scores = base.length;
    const sums = new Float64Array(rows * scores);
    for (let t = 0; t < roots.length; t++) {
      for (let i = 0; i < rows; i++) {
        const leaf = leafOf(trees, roots[t], values, i * categories.length, categories) * width;
        if (width === scores) {
          for (let s = 0; s < scores; s++) sums[i * scores + s] += trees.values[leaf + s];
        } else sums[i * scores + (t % scores)] += trees.values[leaf];
      }
    }
    return sums;
  }

  lower(graph: Graph, features: Tensor<'float32'>): Tensor<'float32'> {
    const { trees, base, categories, link } = this.#model;
    const targetOf = trees.width === base.length ? (_: number, s: number) => s : (t: number) => t % base.length;
    const sums = graph.treeSums(features, treeEnsemble(trees, categories, base.length, targetOf));
    const means = link === 'mean' && trees.roots.length > 1 ? graph.mul(sums, 1 / trees.roots.length) : sums;
    const scores = base.every((value) => value === 0)
      ? means
      : graph.add(means, graph.constant('float32', base, [base.length], 'base'));
    if (link === 'softmax') return graph.softmax(scores);
    if (link === 'sigmoid') return graph.sigmoid(graph.concat([graph.neg(scores), scores], 1));
    return scores;
  }

  importances(): Float64Array {
    return gainShares(this.#model.trees, this.#model.categories.length);
  }

  state(): ArrayFile {
    const { algorithm, task, outputs, link, base, categories, trees } = this.#model;
    return {
      arrays: { base: { data: base }, categories: { data: categories }, ...arraysOf(trees) },
      metadata: {
        format,
        algorithm,
        task,
        outputs: String(outputs),
        link,
        features: String(categories.length),
        trees: String(trees.roots.length),
        width: String(trees.width),
        sets: String(trees.sets.length),
      },
    };
  }

  async close(): Promise<void> {}
}

/** From scores to what is predicted, at `at` of `out`. */
function answer(scores: Float64Array, link: Link, out: Float32Array, at: number): void {
  if (link === 'sigmoid') {
    out[at] = 1 / (1 + Math.exp(scores[0]));
    out[at + 1] = 1 / (1 + Math.exp(-scores[0]));
  } else if (link === 'softmax') {
    let most = -Infinity;
    let sum = 0;
    for (const score of scores) most = Math.max(most, score);
    for (const score of scores) sum += Math.exp(score - most);
    for (let s = 0; s < scores.length; s++) out[at + s] = Math.exp(scores[s] - most) / sum;
  } else {
    for (let s = 0; s < scores.length; s++) out[at + s] = scores[s];
  }
}

/** @param visit - gets dense rows, row-major, and the number of the first. */
function eachBlock(x: Features, visit: (values: Float32Array, rows: number, first: number) => void): void {
  const columns = x.names.length;
  const most = Math.max(1, Math.min(blockRows, Math.floor(blockValues / Math.max(1, columns))));
  const buffer = new Float32Array(x.kind === 'sparse' ? most * columns : 0);
  for (let first = 0; first < x.rows; first += most) {
    const last = Math.min(first + most, x.rows);
    if (x.kind === 'dense') {
      visit(x.values.subarray(first * columns, last * columns), last - first, first);
      continue;
    }
    const { indptr, indices, values } = x.csr;
    buffer.fill(0);
    for (let row = first; row < last; row++) {
      for (let i = indptr[row]; i < indptr[row + 1]; i++) buffer[(row - first) * columns + indices[i]] = values[i];
    }
    visit(buffer, last - first, first);
  }
}

/** @throws TradewindError `ARTIFACT_CORRUPT` where the state is of another algorithm, or its arrays do not fit. */
export function loadTrees(algorithm: TreeAlgorithm, state: ArrayFile): FittedTrees {
  const read = readState(state, format);
  const [task, link] = [
    tableTasks.find((known) => known === read.text('task')),
    links.find((known) => known === read.text('link')),
  ];
  const [outputs, features, count, width] = ['outputs', 'features', 'trees', 'width'].map((name) => read.number(name));
  const [base, categories] = [read.floats('base'), read.integers('categories')];
  const trees = readTrees(state.arrays, { trees: count, width, features });
  const whole =
    task !== undefined &&
    link !== undefined &&
    read.text('algorithm') === algorithm &&
    base.length === (link === 'sigmoid' ? 1 : outputs) &&
    [1, base.length].includes(width) &&
    categories.length === features &&
    categories.every((n) => n >= 0 && n <= mostCategories) &&
    trees.sets.length === read.number('sets');
  if (!whole) {
    throw new TradewindError('ARTIFACT_CORRUPT', {
      subject: `A saved state of ${algorithm}`,
      rule: 'hold its own trees',
      value: `those of ${read.text('algorithm')}, with ${outputs} outputs of ${features} features`,
      remedy: 'Train the model again.',
    });
  }
  return new FittedTrees({ algorithm, task, outputs, link, base, categories, trees });
}
