/** Sums up one lane over its users. */
import { lanes, type Lane, type LaneMetrics } from '../contracts/artifacts.ts';
import { TradewindError } from '../contracts/errors.ts';
import { RankingMetrics, rankingMetrics, type RankingMetric } from './ranking.ts';
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
  #users = 0;

  /**
   * @param users - at most so many are added.
   * @param items - size of the catalogue.
   */
  constructor(lane: Lane, users: number, items: number, options: JudgeOptions) {
    this.#lane = lane;
    this.#options = options;
    this.#metrics = new RankingMetrics(options.k);
    this.#perUser = new Float32Array(users);
    this.#shown = new Uint8Array(items);
  }

  /** The optimised metric of each user added, in that order. */
  get perUser(): Float32Array {
    return this.#perUser.slice(0, this.#users);
  }

  /**
   * Adds a user.
   * @param ranks - 0-based ranks of the hits, ascending, below k; `[≥ hits]`.
   * @param relevantCount - at least 1.
   */
  add(ranks: Int32Array, hits: number, relevantCount: number): void {
    this.#metrics.of(ranks, hits, relevantCount, this.#measured);
    for (let m = 0; m < this.#measured.length; m++) this.#sums[m] += this.#measured[m];
    this.#perUser[this.#users++] = this.#measured[rankingMetrics.indexOf(this.#options.metric)];
  }

  /** Notes that an item was in a list. */
  show(item: number): void {
    this.#shown[item] = 1;
  }

  /** Without users there are no metrics: a mean over nobody is no 0. */
  finish(): LaneMetrics {
    const users = this.#users;
    if (users === 0) return { metrics: {}, users };
    const { k, seed } = this.#options;
    const metrics: Record<string, number> = {};
    for (const [m, name] of rankingMetrics.entries()) metrics[`${name}@${k}`] = this.#sums[m] / users;
    metrics[`coverage@${k}`] = this.#shown.reduce((sum, shown) => sum + shown, 0) / this.#shown.length;
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
