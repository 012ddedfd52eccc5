/** Tables in memory, by column. See `contracts/tables.ts` for the forms of each kind. */
import type { ColumnDefinition } from '../contracts/tables.ts';

export interface NumberColumn {
  readonly kind: 'number' | 'boolean';
  /** `[rows]`; NaN is missing. */
  readonly values: Float32Array;
}
export interface TimeColumn {
  readonly kind: 'time';
  /** `[rows]`: seconds since 1970-01-01 UTC, fractions included; NaN is missing. */
  readonly values: Float64Array;
}
export interface StringColumn {
  readonly kind: 'category' | 'text';
  /** `[rows]`: places in `dictionary`. */
  readonly codes: Int32Array;
  /** Distinct strings, ascending by UTF-16 code units; `""`, where it is in it, is missing. May hold unused ones. */
  readonly dictionary: readonly string[];
}
export type Column = NumberColumn | TimeColumn | StringColumn;

export interface Table {
  readonly rows: number;
  /** By name, in the order of the schema. All have `rows` values. */
  readonly columns: Readonly<Record<string, Column>>;
}

/** What is to be predicted, of each row of a table. */
export type Target =
  | {
      readonly kind: 'classes';
      /** `[rows]`: places in `classes`. */
      readonly codes: Int32Array;
      /** Ascending by UTF-16 code units, at least two; the last of two is the positive one. */
      readonly classes: readonly string[];
    }
  | {
      readonly kind: 'number';
      /** `[rows]`, finite. */
      readonly values: Float32Array;
    };

/** The rows with these numbers, in their order; strings keep their dictionary. */
export function takeRows(table: Table, rows: Int32Array): Table {
  const columns = Object.entries(table.columns).map(([name, column]) => [name, takeColumn(column, rows)] as const);
  return { rows: rows.length, columns: Object.fromEntries(columns) };
}

export function takeColumn(column: Column, rows: Int32Array): Column {
  switch (column.kind) {
    case 'number':
    case 'boolean':
      return { kind: column.kind, values: Float32Array.from(rows, (r) => column.values[r]) };
    case 'time':
      return { kind: column.kind, values: Float64Array.from(rows, (r) => column.values[r]) };
    case 'category':
    case 'text':
      return { kind: column.kind, codes: rows.map((r) => column.codes[r]), dictionary: column.dictionary };
  }
}

export function takeTarget(target: Target, rows: Int32Array): Target {
  return target.kind === 'classes'
    ? { ...target, codes: rows.map((r) => target.codes[r]) }
    : { kind: 'number', values: Float32Array.from(rows, (r) => target.values[r]) };
}

export function schemaOf(table: Table): ColumnDefinition[] {
  return Object.entries(table.columns).map(([name, { kind }]) => ({ name, kind }));
}
