/** How a recommender does for new and for old users, and for popular and for rare items. */
import type { LaneSlices } from '../contracts/recommender-slices.ts';
import type { Histories } from '../models/estimator.ts';
import { rankRows } from './rows.ts';
import { bootstrapInterval, mean, type BootstrapOptions } from './significance.ts';

/** Users by the number of distinct items in their training history: from these on a new band begins. */
export const historyEdges = [5, 20, 100] as const;
export const historyLabels = ['1-4 items', '5-19 items', '20-99 items', '100 items or more'] as const;

/** @returns the place in `historyLabels`. */
export function historyBand(items: number): number {
  return historyEdges.filter((edge) => items >= edge).length;
}

/**
 * Thirds of all ownership: the head is the fewest items that a third of it falls on, the tail those of the last third.
 * Each band so is as much of what users have, while the tail has many more items.
 */
export const popularityLabels = ['head', 'middle', 'tail'] as const;

/**
 * @param owners - `[items]`: users who have the item.
 * @returns `[items]`: places in `popularityLabels`; equally popular items by number. Without any owners all is head.
 */
export function popularityBands(owners: Int32Array): Uint8Array {
  const { order } = rankRows(Float64Array.from(owners));
  const total = owners.reduce((sum, count) => sum + count, 0);
  const bands = new Uint8Array(owners.length);
  let before = 0;
  for (const item of order) {
    // The band that the item's share begins in.
    bands[item] = total === 0 ? 0 : Math.min(2, Math.floor((3 * before) / total));
    before += owners[item];
  }
  return bands;
}

/** Users who have each item of the catalogue, `[items]`. */
export function ownersOf({ indices }: Pick<Histories, 'indices'>, items: number): Int32Array {
  const owners = new Int32Array(items);
  for (let i = 0; i < indices.length; i++) owners[indices[i]]++;
  return owners;
}

/** Bands of fewer users have no value by default. */
export const smallestSlice = 30;

/** Sums up one lane by band. */
export class LaneSlicing {
  readonly #bands: Uint8Array;
  readonly #items = new Float64Array(popularityLabels.length);
  /** By band: the metric of each user. */
  readonly #userValues = historyLabels.map((): number[] => []);
  readonly #relevant = new Float64Array(popularityLabels.length);
  readonly #found = new Float64Array(popularityLabels.length);
  readonly #shown = new Float64Array(popularityLabels.length);

  /** @param bands - `[items]` of `popularityBands`. */
  constructor(bands: Uint8Array) {
    this.#bands = bands;
    for (const band of bands) this.#items[band]++;
  }

  /** @param value - the optimised metric of the user. */
  addUser(historyItems: number, value: number): void {
    this.#userValues[historyBand(historyItems)].push(value);
  }

  /** @param found - 1: in the list; 0: not; between them where items of equal score share the last places. */
  addRelevant(item: number, found: number): void {
    this.#relevant[this.#bands[item]]++;
    this.#found[this.#bands[item]] += found;
  }

  addShown(item: number): void {
    this.#shown[this.#bands[item]]++;
  }

  /**
   * @param smallest - bands of fewer users have no value: it would say little, and much about single ones.
   * @param intervals - of the bootstrap, if the values are to have intervals; each band takes a stream, from `stream` on.
   */
  finish(smallest: number, intervals?: BootstrapOptions): LaneSlices {
    const places = this.#shown.reduce((sum, count) => sum + count, 0);
    return {
      users: historyLabels.map((label, band) => {
        const values = Float64Array.from(this.#userValues[band]);
        const users = values.length;
        if (users === 0 || users < smallest) return { label, users, value: null };
        const drawn = intervals && { ...intervals, stream: (intervals.stream ?? 0) + band };
        return { label, users, value: mean(values), ...(drawn && { interval: bootstrapInterval(values, drawn) }) };
      }),
      items: popularityLabels.map((label, band) => ({
        label,
        items: this.#items[band],
        relevant: this.#relevant[band],
        recall: this.#relevant[band] === 0 ? null : this.#found[band] / this.#relevant[band],
        shown: places === 0 ? null : this.#shown[band] / places,
      })),
    };
  }
}
