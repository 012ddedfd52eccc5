/** What passes between the server's event loop and the threads that hold the sessions. */
import type { Lane } from '../contracts/artifacts.ts';
import type { Complaint, ErrorCode } from '../contracts/errors.ts';

/** Local paths of a model's files, verified by digest. */
export interface ModelFiles {
  graph: string;
  catalogue: string;
  histories: string;
}

/** Data types of the Open Inference Protocol that a recommender's tensors have. */
export type Datatype = 'BYTES' | 'FP32' | 'BOOL' | 'INT64';

export interface TensorSignature {
  name: string;
  datatype: Datatype;
  /** -1 is a free dimension. */
  shape: number[];
}

export interface ModelFacts {
  items: number;
  users: number;
  /** A user with a history, for examples that people paste. */
  exampleUser: string | null;
  inputs: TensorSignature[];
  outputs: TensorSignature[];
}

export interface RecommendQuery {
  /** Whose stored history to score; unknown users have an empty one. Left out where there is a basket. */
  user?: string;
  /** Item ids with weights; an id that comes twice counts with the sum. */
  basket?: { id: string; weight: number }[];
  lane: Lane;
  /** How many to return, at least 1; cut to the catalogue's size. */
  k: number;
  exclude?: string[];
  /** Only these may be recommended. */
  candidates?: string[];
}

export interface RecommendedItem {
  id: string;
  title?: string;
  category?: string;
  department?: string;
  score: number;
  /** From 1. */
  rank: number;
}

export interface Recommendation {
  /** The user has a stored history; of a basket: at least one of its items is in the catalogue. */
  known: boolean;
  /** Basket items outside the catalogue. */
  unknownItems: number;
  /** Candidates outside the catalogue. */
  unknownCandidates: number;
  /** Items that might have been recommended. Fewer than k come back only when fewer than k are allowed. */
  allowed: number;
  items: RecommendedItem[];
}

/** A tensor on its way: strings, or typed arrays that are cheap to clone. */
export interface Tensor {
  name: string;
  datatype: Datatype;
  shape: number[];
  data: string[] | Float32Array | Uint8Array | BigInt64Array;
}

export type InferenceRequest =
  | { kind: 'recommend'; id: number; query: RecommendQuery }
  | { kind: 'infer'; id: number; tensors: Tensor[]; outputs: string[] }
  | { kind: 'close' };

export interface SerializedError {
  message: string;
  code?: ErrorCode;
  complaint?: Complaint;
  status?: number;
}

export type InferenceAnswer =
  | { kind: 'ready'; facts: ModelFacts }
  | { kind: 'failed'; error: SerializedError }
  | { kind: 'done'; id: number; value: Recommendation | Tensor[]; runMilliseconds: number }
  | { kind: 'refused'; id: number; error: SerializedError };
