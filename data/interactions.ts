/**
 * Interactions as files of typed arrays: what models train on and are judged on. Item indices follow the catalogue:
 * most training users first, then id, ascending; so a lower index is the more popular item wherever scores tie.
 */
import { packStrings, readArrays, unpackStrings, writeArrays } from '../compute/arrays/safetensors.ts';

/** Training part, CSR users × items. */
export interface Interactions {
  users: string[];
  items: string[];
  /** `[users + 1]` */
  indptr: Int32Array;
  /** `[nnz]`: item indices, ascending within a user. */
  indices: Int32Array;
  /** `[nnz]`: number of distinct baskets (events, when the source has no baskets) in which the user had the item. */
  counts: Float32Array;
}

/** What training users did afterwards, within the training catalogue. */
export interface HeldOut {
  /** `[judged]`: row of each judged user in the training part. */
  rows: Int32Array;
  /** `[judged + 1]` */
  indptr: Int32Array;
  /** `[nnz]`: distinct item indices, ascending within a user. */
  indices: Int32Array;
  /** Users of the period without a training history; not judged. */
  coldUsers: number;
  /** Distinct user-item pairs of judged users on items outside the catalogue; not judged. */
  coldItemEvents: number;
}

export async function writeInteractions(path: string, x: Interactions): Promise<void> {
  const users = packStrings(x.users);
  const items = packStrings(x.items);
  await writeArrays(path, {
    arrays: {
      indptr: { data: x.indptr },
      indices: { data: x.indices },
      counts: { data: x.counts },
      user_offsets: { data: users.offsets },
      item_offsets: { data: items.offsets },
      user_bytes: { data: users.bytes },
      item_bytes: { data: items.bytes },
    },
    metadata: { format: 'tradewind-interactions/1' },
  });
}

export async function readInteractions(path: string): Promise<Interactions> {
  const { arrays } = await readArrays(path);
  return {
    users: unpackStrings(arrays['user_bytes'].data as Uint8Array, arrays['user_offsets'].data as Int32Array),
    items: unpackStrings(arrays['item_bytes'].data as Uint8Array, arrays['item_offsets'].data as Int32Array),
    indptr: arrays['indptr'].data as Int32Array,
    indices: arrays['indices'].data as Int32Array,
    counts: arrays['counts'].data as Float32Array,
  };
}

export async function writeHeldOut(path: string, x: HeldOut): Promise<void> {
  await writeArrays(path, {
    arrays: { rows: { data: x.rows }, indptr: { data: x.indptr }, indices: { data: x.indices } },
    metadata: {
      format: 'tradewind-held-out/1',
      cold_users: String(x.coldUsers),
      cold_item_events: String(x.coldItemEvents),
    },
  });
}

export async function readHeldOut(path: string): Promise<HeldOut> {
  const { arrays, metadata } = await readArrays(path);
  return {
    rows: arrays['rows'].data as Int32Array,
    indptr: arrays['indptr'].data as Int32Array,
    indices: arrays['indices'].data as Int32Array,
    coldUsers: Number(metadata['cold_users']),
    coldItemEvents: Number(metadata['cold_item_events']),
  };
}
