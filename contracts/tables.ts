/**
 * Tables: rows with named, typed columns, what classifiers and regressors learn from. A column is one of four kinds,
 * and each kind has one form in memory, in Parquet and as an input of the served graph.
 */

/** | kind | Parquet | in memory | input of the graph `[batch]` | missing |
 *  |---|---|---|---|---|
 *  | `number` | DOUBLE | Float32Array | float32 | NaN |
 *  | `boolean` | BOOLEAN | Float32Array of 0 and 1 | float32 | NaN |
 *  | `category`, `text` | VARCHAR | codes into a dictionary | string | `""` |
 *  | `time` | TIMESTAMP (UTC) | Float64Array, seconds since 1970 | float64 | NaN |
 */
export const columnKinds = ['number', 'boolean', 'category', 'text', 'time'] as const;
export type ColumnKind = (typeof columnKinds)[number];

export interface ColumnDefinition {
  name: string;
  kind: ColumnKind;
}

export const tableTasks = ['classify', 'regress'] as const;
export type TableTask = (typeof tableTasks)[number];

/** Names of a table model's outputs. They never change. Its inputs are named like the columns. */
export const tableTensors = {
  /** `string [batch]`: the most likely class; of equally likely ones the first. */
  label: 'label',
  /** `float32 [batch, classes]`, each row summing to 1; classes ascending by UTF-16 code units. */
  probabilities: 'probabilities',
  /** `float32 [batch]`: of a regressor. */
  prediction: 'prediction',
} as const;
