/** Sums up one lane over its users. */
import { lanes, type Lane, type LaneMetrics } from '../contracts/artifacts.ts';
import { TradewindError } from '../contracts/errors.ts';
import { RankingMetrics, rankingMetrics, type RankingMetric } from './ranking.ts';
import type { LaneSlices } from '../contracts/recommender-slices.ts';
import { historyLabels, LaneSlicing, smallestSlice } from './recommender-slices.ts';
import { bootstrapInterval } from './significance.ts';

export interface JudgeOptions {
  /** Length of the lists that are judged. */
  k: number;
  /** The metric that is given per user and gets an interval. */
  metric: RankingMetric;
  /** Of the bootstrap. */
  seed: number;
  /** @param fraction - of the users judged so far, in (0, 1]. */
  progress?: (fraction: number) => void;
  /** Bands of fewer users have no value in the slices; 30 by default. */
  smallSlice?: number;
  /** Give values in the slices intervals too: it takes as long again as those of the lanes. */
  sliceIntervals?: boolean;
}

/** Of the catalogue. */
export interface ItemKnowledge {
  /** `[items]` of `selfInformation`, in bits. */
  information: Float64Array;
  /** `[items]` of `popularityBands`. */
  bands: Uint8Array;
}

export class LaneTally {
  readonly #lane: Lane;
  readonly #options: JudgeOptions;
  readonly #metrics: RankingMetrics;
  readonly #measured = new Float64Array(rankingMetrics.length);
  readonly #sums = new Float64Array(rankingMetrics.length);
  readonly #perUser: Float32Array;
  /** 1 for each item of the catalogue that was in any list. */
  readonly #shown: Uint8Array;
  readonly #information: Float64Array;
  readonly #slicing: LaneSlicing;
  #users = 0;
  /** Sum over the lists of their items' mean self-information. */
  #novelty = 0;

  /** @param users - at most so many are added. */
  constructor(lane: Lane, users: number, { information, bands }: ItemKnowledge, options: JudgeOptions) {
    this.#lane = lane;
    this.#options = options;
    this.#metrics = new RankingMetrics(options.k);
    this.#perUser = new Float32Array(users);
    this.#shown = new Uint8Array(information.length);
    this.#information = information;
    this.#slicing = new LaneSlicing(bands);
  }

  /** The optimised metric of each user added, in that order. */
  get perUser(): Float32Array {
    return this.#perUser.slice(0, this.#users);
  }

  /** By length of history and popularity of items. */
  get slices(): LaneSlices {
    const { seed, smallSlice = smallestSlice, sliceIntervals } = this.#options;
    // The first streams are those of the lanes.
    const stream = lanes.length + lanes.indexOf(this.#lane) * historyLabels.length;
    return this.#slicing.finish(smallSlice, sliceIntervals ? { seed, stream } : undefined);
  }

  /**
   * Adds a user.
   * @param ranks - 0-based ranks of the hits, ascending, below k; `[≥ hits]`.
   * @param relevantCount - at least 1.
   * @param historyItems - distinct items of the training history.
   */
  add(ranks: Int32Array, hits: number, relevantCount: number, historyItems: number): void {
    this.#metrics.of(ranks, hits, relevantCount, this.#measured);
    for (let m = 0; m < this.#measured.length; m++) this.#sums[m] += this.#measured[m];
    const value = this.#measured[rankingMetrics.indexOf(this.#options.metric)];
    this.#slicing.addUser(historyItems, value);
    this.#perUser[this.#users++] = value;
  }

  /**
   * Notes what the user was to find.
   * @param found - share of each that the list holds, `TopRanking.found`.
   */
  seek(relevant: Int32Array, found: Float32Array, relevantCount: number): void {
    for (let i = 0; i < relevantCount; i++) this.#slicing.addRelevant(relevant[i], found[i]);
  }

  /** Notes the items of a user's list, `[≥ length]`; there is one, since what is to be found could be in it. */
  show(items: Int32Array, length: number): void {
    let bits = 0;
    for (let place = 0; place < length; place++) {
      this.#shown[items[place]] = 1;
      this.#slicing.addShown(items[place]);
      bits += this.#information[items[place]];
    }
    this.#novelty += bits / length;
  }

  /** Without users there are no metrics: a mean over nobody is no 0. */
  finish(): LaneMetrics {
    const users = this.#users;
    if (users === 0) return { metrics: {}, users };
    const { k, seed } = this.#options;
    const metrics: Record<string, number> = {};
    for (const [m, name] of rankingMetrics.entries()) metrics[`${name}@${k}`] = this.#sums[m] / users;
    metrics[`coverage@${k}`] = this.#shown.reduce((sum, shown) => sum + shown, 0) / this.#shown.length;
    metrics[`novelty@${k}`] = this.#novelty / users;
    const stream = lanes.indexOf(this.#lane);
    return { metrics, interval: bootstrapInterval(this.#perUser.subarray(0, users), { seed, stream }), users };
  }
}

export function nobodyJudged(lane: Lane): TradewindError {
  return new TradewindError('SPLIT_EMPTY', {
    subject: `The ${lane} lane of the judged period`,
    rule: 'hold at least one user of the training period with an item of the catalogue to find',
    remedy: 'Move the cut-offs of "split" so that the judged period holds more events.',
  });
}
