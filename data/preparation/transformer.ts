/**
 * What a step of a preparation is. It learns on training rows alone, in TypeScript; what it does to rows is said once,
 * as operations of a graph, which onnxruntime runs for training and for serving alike: what is served is what was
 * trained, by construction. What it has learned is plain data, apart from its operations, so that it can be stored.
 */
import type { ArrayFile } from '../../compute/arrays/safetensors.ts';
import type { Graph } from '../../compute/graph/graph.ts';
import type { Tensor } from '../../compute/graph/program.ts';
import type { ColumnDefinition } from '../../contracts/tables.ts';
import type { Features } from '../features.ts';
import type { StringColumn, Table, Target, TimeColumn } from '../table.ts';

export interface LearningContext {
  readonly seed: number;
  readonly threads: number;
  /** Number of each row's group, where rows of one group must not be in two folds. */
  readonly groups?: Int32Array;
}

/** Of a fitted step: numbers, strings and arrays by name, from which alone it is lowered. */
export type StepState = Readonly<
  Record<string, number | string | readonly string[] | Float64Array | Float32Array | Int32Array>
>;

/** For the report, by the column or feature that it is about, e.g. `{ recency: { median: 3, missing: 120 } }`. */
export type Report = Readonly<Record<string, Readonly<Record<string, number | string>>>>;

export interface Learned<S extends StepState> {
  /** Of its features. */
  readonly names: readonly string[];
  readonly state: S;
  readonly report: Report;
  /**
   * Of the training rows, where they must be told other numbers than rows that come later: target encoding, out of
   * fold. float32 `[rows × names.length]`, row-major.
   */
  readonly training?: Float32Array;
}

/** Columns that the first step of a group may read, and what they are in the graph, `[batch]`. */
export interface ValueKinds {
  strings: { column: StringColumn; tensor: Tensor<'string'> };
  times: { column: TimeColumn; tensor: Tensor<'float64'> };
}

/** Numbers from a column of strings or times. */
export interface ColumnStep<P, S extends StepState, K extends keyof ValueKinds = 'strings'> {
  readonly from: K;
  /**
   * @param name - of the column, for its features: a step that gives one keeps it, others add `=value`, `:term` or `_part`.
   * @param column - of the training rows.
   * @param target - of the training rows.
   * @throws TradewindError `PREPARATION_FAILED` where nothing can be learned, e.g. no value at all is there.
   */
  fit(
    name: string,
    column: ValueKinds[K]['column'],
    parameters: P,
    target: Target | undefined,
    context: LearningContext,
  ): Learned<S> | Promise<Learned<S>>;
  /** To float32 `[batch, names.length]`. Never fails on values, and gives finite ones: what it has not seen has a stated encoding. */
  lower(graph: Graph, state: S, input: ValueKinds[K]['tensor']): Tensor<'float32'>;
}

/**
 * Numbers of rows: columns of numbers, or what the steps before made of columns. As `Features`, but NaN is a missing
 * number; there is no other that is not finite.
 */
export type Numbers = Features;

/** Numbers from numbers: of all columns of a group at once, each on its own. */
export interface NumberStep<P, S extends StepState> {
  readonly from: 'numbers';
  /** @throws TradewindError `PREPARATION_FAILED` where nothing can be learned. */
  fit(numbers: Numbers, parameters: P): Learned<S>;
  /** From float32 `[batch, columns]` to float32 `[batch, names.length]`; what is finite or NaN stays so. */
  lower(graph: Graph, state: S, input: Tensor<'float32'>): Tensor<'float32'>;
}

/** @returns the numbers of the features that stay, ascending; at least one, and with what each was judged by. */
export type SelectionStep<P> = (
  features: Features,
  parameters: P,
  target: Target,
  context: LearningContext,
) => Promise<{ kept: Int32Array; scores: Float64Array }>;

export interface StepReport {
  readonly step: string;
  /** Of a selection: by the features that it has kept, their scores. */
  readonly learned: Report;
  /** Of a selection: how many features there were, and how many stayed. */
  readonly features?: { readonly before: number; readonly kept: number };
}

/** A fitted preparation. */
export interface FittedPreparation {
  /** The columns that it reads; each is an input of the graph, of this name and kind. */
  readonly inputs: readonly ColumnDefinition[];
  readonly names: readonly string[];
  /** What its steps have learned, in their order. */
  readonly report: readonly StepReport[];
  /**
   * Features of any rows with the columns that it was fitted on; others are ignored. By onnxruntime, in blocks of rows.
   * Dense or sparse as the training rows were.
   * @throws TradewindError `COLUMN_MISSING`, `COLUMN_TYPE`
   */
  transform(table: Table): Promise<Features>;
  /** From the graph's own inputs, one a column, named like it, to float32 `[batch, names.length]`. */
  lower(graph: Graph): Tensor<'float32'>;
  /** The same fit gives the same bytes. */
  state(): ArrayFile;
  /** Frees the native memory; no `transform` may be under way. */
  close(): Promise<void>;
}
