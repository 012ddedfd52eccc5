/** How a recommender does for new and for old users, and for popular and for rare items. */
import type { Lane } from './artifacts.ts';

export interface UserSlice {
  label: string;
  users: number;
  /** Mean of the optimised metric; null without users, or with fewer than asked for. */
  value: number | null;
  /** 95 % bootstrap interval of it over users; where it was asked for, and there is a value. */
  interval?: [number, number];
}
export interface ItemSlice {
  label: string;
  /** Of the catalogue. */
  items: number;
  /** Items to find, over all users. */
  relevant: number;
  /** Share of them that is in the lists, ties against the model; null without any. */
  recall: number | null;
  /** Share of all places in the lists that these items take; null without lists. */
  shown: number | null;
}
export interface LaneSlices {
  /** By length of history. */
  users: UserSlice[];
  /** By popularity. */
  items: ItemSlice[];
}

/** What a run shows of its chosen candidate. */
export interface ShownSlices extends LaneSlices {
  lane: Lane;
  k: number;
  /** The objective's name, e.g. `ndcg@10`. */
  metric: string;
  /** Bands of fewer users have no value. */
  smallest: number;
}
