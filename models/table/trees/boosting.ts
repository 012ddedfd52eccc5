/**
 * Gradient boosting of trees (J. Friedman, "Greedy function approximation", 2001), with second derivatives (T. Chen and
 * C. Guestrin, 2016) and trees that grow leaf by leaf (G. Ke et al., "LightGBM", 2017). What is learned is an objective,
 * which gives derivatives of a loss for the scores that rows have: of each row alone, or of rows that belong together.
 */
import { TreeGrower, leavesOf, type FlatTree, type GrownTree } from '../../../compute/kernels/trees.ts';
import type { ArrayFile } from '../../../compute/arrays/safetensors.ts';
import { Random } from '../../../contracts/random.ts';
import type { Features } from '../../../data/features.ts';
import type { TableFitContext } from '../../table-estimator.ts';
import { CheckpointOffers, foreignCheckpoint, requireCheckpoint } from '../svm/checkpoints.ts';
import type { BinnedRows } from './binned-rows.ts';
import { arraysOf, binAt, listTrees, plant, readTrees, thresholdAt, treesOf } from './tree-list.ts';
import type { PlantedTree, TreeList } from './tree-list.ts';

/** Scores of all rows of the features: float64 `[rows]` each. */
export type Scores = readonly Float64Array[];

export interface Objective {
  /** float32: what each score begins with; as many trees are grown a round. */
  readonly base: Float32Array;
  /** Scores that stay what they are: of a class that no row has. */
  readonly fixed?: readonly boolean[];
  /**
   * First and second derivatives of the loss, times the rows' weights.
   * @param pairs - float32 `[2 × rows]` for each score: (g, h), to be filled in for the rows that are learned from.
   */
  derivatives(scores: Scores, pairs: readonly Float32Array[]): void;
  /** What a leaf adds, where that is not −G / (H + λ), before the learning rate. @param rows - of the leaf. */
  readonly leafValue?: (rows: Int32Array, scores: Float64Array) => number;
  /** Mean loss of these rows. */
  loss(scores: Scores, rows: Int32Array): number;
}

export interface BoostingSettings {
  readonly rounds: number;
  readonly learningRate: number;
  readonly numLeaves: number;
  /** 0: no limit. */
  readonly maxDepth: number;
  readonly minRows: number;
  readonly minWeight: number;
  readonly minGain: number;
  readonly l1: number;
  readonly l2: number;
  /** Share of the features that a tree may use. */
  readonly featureFraction: number;
  /** Share of the rows that a tree is grown on, drawn anew every so many rounds. */
  readonly baggingFraction: number;
  readonly baggingFrequency: number;
  /** Rounds without a smaller loss on the rows held out after which training ends; 0: it never does. */
  readonly earlyStoppingRounds: number;
}

/** LightGBM's defaults for splits by categories. */
const categorical = { categorySmoothing: 10, categoryL2: 10, maxCategories: 32 };
const format = 'tradewind-boosting-checkpoint/1';
/** Streams of draws, apart from those of other uses of a seed. */
const streams = { rows: 2 ** 20, features: 2 ** 40 };

export interface Course {
  readonly context: TableFitContext;
  readonly fingerprint: string;
  /** Predictions of what has been learned so far, for `context.report`. */
  readonly predictor: (trees: TreeList) => (x: Features) => Promise<Float32Array>;
}

/**
 * @param parts - the rows to learn from, ascending, and those that only tell when to stop; without any, all rounds stay.
 * @returns trees of one value a leaf, `base.length` a round, up to the best round.
 */
export async function boost(
  binned: BinnedRows,
  objective: Objective,
  parts: { training: Int32Array; held: Int32Array },
  settings: BoostingSettings,
  { context, fingerprint, predictor }: Course,
): Promise<TreeList> {
  const { rounds } = settings;
  const boosting = new Boosting(binned, objective, parts, settings, context.seed);
  if (context.resume) {
    requireCheckpoint(context.resume, format, fingerprint);
    await boosting.restore(context.resume);
  }
  const saving = new CheckpointOffers(context);
  const { rungs = [] } = context;
  const asked = async (from: number, to: number) => {
    for (const rung of rungs) {
      if (!context.report || rung <= from || rung > to) continue;
      if (!(await context.report(rung, predictor(boosting.best())))) return false;
    }
    return true;
  };
  let goesOn = true;
  while (goesOn && boosting.round < rounds && !boosting.ended) {
    const before = boosting.round;
    await boosting.next();
    context.progress?.(boosting.round / rounds, boosting.note(rounds));
    goesOn = await asked(before, boosting.round);
    if (goesOn && boosting.round < rounds && !boosting.ended)
      await saving.offer(boosting.round, () => boosting.checkpoint(fingerprint));
  }
  if (goesOn) await asked(boosting.round, rounds);
  context.progress?.(1, boosting.note(rounds));
  return boosting.best();
}

class Boosting {
  readonly #binned: BinnedRows;
  readonly #objective: Objective;
  readonly #training: Int32Array;
  readonly #held: Int32Array;
  readonly #settings: BoostingSettings;
  readonly #seed: number;
  readonly #grower: TreeGrower;
  readonly #pairs: readonly Float32Array[];
  readonly #scores: Scores;
  readonly #trees: PlantedTree[] = [];
  #bestRound = 0;
  #bestLoss = Infinity;
  /** Rounds until now. */
  round = 0;
  /** Whether no further round can better anything. */
  ended = false;

  constructor(
    binned: BinnedRows,
    objective: Objective,
    { training, held }: { training: Int32Array; held: Int32Array },
    settings: BoostingSettings,
    seed: number,
  ) {
    this.#binned = binned;
    this.#objective = objective;
    this.#training = training;
    this.#held = held;
    this.#settings = settings;
    this.#seed = seed;
    const { numLeaves, maxDepth, minRows, minWeight, minGain, l1, l2 } = settings;
    const limits = { maxLeaves: numLeaves, maxDepth: maxDepth || Infinity, minRows, minWeight, minGain, l1, l2 };
    this.#grower = new TreeGrower(binned.matrix, { criterion: 'gradient', ...limits, ...categorical }, training.length);
    const { rows } = binned.matrix;
    const count = objective.base.length;
    this.#pairs = Array.from({ length: count }, () => new Float32Array(2 * rows));
    this.#scores = Array.from({ length: count }, (_, s) => new Float64Array(rows).fill(objective.base[s]));
  }

  async next(): Promise<void> {
    const { base, fixed } = this.#objective;
    const rows = this.#drawnRows();
    this.#objective.derivatives(this.#scores, this.#pairs);
    let split = false;
    for (let s = 0; s < base.length; s++) {
      const tree = fixed?.[s] ? nothing() : await this.#grown(s, rows);
      split ||= tree.feature.length > 1;
      this.#trees.push(tree);
    }
    const { featureFraction, baggingFraction } = this.#settings;
    // The next trees would find as little, unless they look at others.
    const exhausted = !split && featureFraction === 1 && baggingFraction === 1;
    if (exhausted && this.round > 0) this.#trees.length -= base.length;
    else this.#judge();
    this.ended ||= exhausted;
  }

  /** Grows a tree of a score, and adds it to the rows' scores. */
  async #grown(s: number, rows: Int32Array): Promise<PlantedTree> {
    const features = this.#drawnFeatures(s);
    const tree = await this.#grower.grow({ rows, pairs: this.#pairs[s], ...(features && { features }) });
    const planted = plant(tree, 1, (node) => this.#threshold(tree, node), this.#valuesOf(tree, this.#scores[s]));
    // In the order of the leaves' numbers.
    const valueOf = (node: number) => planted.values[planted.next[node]];
    const scores = this.#scores[s];
    if (rows.length === this.#training.length && this.#held.length === 0) {
      for (let node = 0; node < tree.feature.length; node++) {
        if (tree.feature[node] >= 0) continue;
        const value = valueOf(node);
        for (let at = tree.begin[node]; at < tree.end[node]; at++) scores[tree.order[at]] += value;
      }
    } else {
      await this.#addTo(scores, tree, valueOf);
    }
    return planted;
  }

  async #addTo(scores: Float64Array, tree: FlatTree, valueOf: (node: number) => number): Promise<void> {
    const leaves = await leavesOf(this.#binned.matrix, tree);
    for (let row = 0; row < leaves.length; row++) scores[row] += valueOf(leaves[row]);
  }

  #threshold({ feature, bin }: FlatTree, node: number): number {
    return thresholdAt(this.#binned.edges(feature[node]), bin[node]);
  }

  /** −T(G) / (H + λ), T(G) = sign(G) max(|G| − α, 0), times the learning rate; nothing without a split. */
  #valuesOf(tree: GrownTree, scores: Float64Array): (node: number, out: Float32Array) => void {
    const { l1, l2, learningRate } = this.#settings;
    const { totals, begin, end, order } = tree;
    const { leafValue } = this.#objective;
    return (node, out) => {
      if (tree.feature.length === 1) return;
      const [G, H] = totals.subarray(3 * node, 3 * node + 2);
      const step =
        leafValue === undefined
          ? (-Math.sign(G) * Math.max(Math.abs(G) - l1, 0)) / (H + l2)
          : leafValue(new Int32Array(order.subarray(begin[node], end[node])), scores);
      out[0] = H + l2 > 0 ? learningRate * step : 0;
    };
  }

  #judge(): void {
    this.round++;
    if (this.#held.length === 0) {
      this.#bestRound = this.round;
      return;
    }
    const loss = this.#objective.loss(this.#scores, this.#held);
    if (loss < this.#bestLoss) {
      this.#bestLoss = loss;
      this.#bestRound = this.round;
    }
    this.ended = this.round - this.#bestRound >= this.#settings.earlyStoppingRounds;
  }

  /** Those of the round that follows. */
  #drawnRows(): Int32Array {
    const { baggingFraction, baggingFrequency } = this.#settings;
    if (baggingFraction === 1) return this.#training;
    const bag = Math.floor(this.round / baggingFrequency);
    return drawn(this.#training, baggingFraction, new Random(this.#seed, streams.rows + bag));
  }

  #drawnFeatures(s: number): Int32Array | undefined {
    const { featureFraction } = this.#settings;
    if (featureFraction === 1) return undefined;
    const all = Int32Array.from({ length: this.#binned.matrix.features }, (_, j) => j);
    const stream = streams.features + this.round * this.#objective.base.length + s;
    return drawn(all, featureFraction, new Random(this.#seed, stream));
  }

  /** The trees up to the best round; one round at least. */
  best(): TreeList {
    return listTrees(this.#trees.slice(0, Math.max(1, this.#bestRound) * this.#objective.base.length), 1);
  }

  note(rounds: number): string {
    const loss = this.#held.length > 0 ? `, best loss ${this.#bestLoss.toPrecision(4)} at ${this.#bestRound}` : '';
    return `round ${this.round} of ${rounds}${loss}`;
  }

  checkpoint(fingerprint: string): ArrayFile {
    const metadata = { format, fingerprint, trees: String(this.#trees.length) };
    return { arrays: arraysOf(listTrees(this.#trees, 1)), metadata };
  }

  /** Goes through the rounds again, with the trees that are there. */
  async restore({ arrays, metadata }: ArrayFile): Promise<void> {
    const { matrix } = this.#binned;
    const trees = treesOf(readTrees(arrays, { trees: Number(metadata['trees']), width: 1, features: matrix.features }));
    const perRound = this.#objective.base.length;
    if (trees.length % perRound !== 0) throw foreignCheckpoint(format);
    for (const [t, tree] of trees.entries()) {
      this.#trees.push(tree);
      const flat = this.#flat(tree);
      await this.#addTo(this.#scores[t % perRound], flat, (node) => tree.values[tree.next[node]]);
      if (t % perRound === perRound - 1) this.#judge();
    }
  }

  /** With bins in the place of thresholds. */
  #flat(tree: PlantedTree): FlatTree {
    const { feature, threshold, next, missingLeft, set, sets } = tree;
    const bin = Int32Array.from(feature, (j, k) =>
      j < 0 || set[k] >= 0 ? -1 : binAt(this.#binned.edges(j), threshold[k]),
    );
    const left = Int32Array.from(next, (to, k) => (feature[k] < 0 ? 0 : to));
    return { feature, bin, left, missingLeft, set, sets, gain: new Float64Array(), totals: new Float64Array() };
  }
}

/** A leaf that adds nothing. */
function nothing(): PlantedTree {
  return {
    feature: Int32Array.of(-1),
    threshold: new Float32Array(1),
    next: new Int32Array(1),
    missingLeft: new Uint8Array(1),
    set: Int32Array.of(-1),
    sets: new Uint32Array(),
    gain: new Float32Array(1),
    cover: new Float32Array(1),
    values: new Float32Array(1),
  };
}

/** A share of them, rounded up, at least one where there is one; in their order. */
function drawn(of: Int32Array, share: number, random: Random): Int32Array {
  const pool = of.slice();
  const count = Math.min(pool.length, Math.max(1, Math.ceil(share * pool.length)));
  for (let k = 0; k < count; k++) {
    const other = k + random.integer(pool.length - k);
    [pool[k], pool[other]] = [pool[other], pool[k]];
  }
  return pool.subarray(0, count).sort();
}
