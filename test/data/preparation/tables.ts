/** Small tables for the tests of preparations. */
import { onTestFinished } from 'vitest';
import type { ColumnStepName, Preparation } from '../../../contracts/preparation.ts';
import { fitPreparation } from '../../../data/preparation/fit.ts';
import type { FittedPreparation } from '../../../data/preparation/transformer.ts';
import type { Features } from '../../../data/features.ts';
import type { Column, NumberColumn, StringColumn, Table, Target, TimeColumn } from '../../../data/table.ts';

export function numberColumn(
  values: readonly (number | null)[],
  kind: NumberColumn['kind'] = 'number',
): NumberColumn & { values: Float32Array } {
  return { kind, values: Float32Array.from(values, (x) => x ?? Number.NaN) };
}

export function stringColumn(values: readonly string[], kind: StringColumn['kind'] = 'category'): StringColumn {
  const dictionary = [...new Set(values)].sort();
  const codes = new Map(dictionary.map((value, code) => [value, code]));
  return { kind, codes: Int32Array.from(values, (value) => codes.get(value)!), dictionary };
}

export function timeColumn(seconds: readonly (number | null)[]): TimeColumn {
  return { kind: 'time', values: Float64Array.from(seconds, (x) => x ?? Number.NaN) };
}

export function tableOf(columns: Readonly<Record<string, Column>>): Table {
  const [first] = Object.values(columns);
  return { rows: 'codes' in first ? first.codes.length : first.values.length, columns };
}

export type Steps = readonly (ColumnStepName | readonly [ColumnStepName, Record<string, number | string>])[];

/** All columns through the same steps. */
export function through(columns: readonly string[], ...steps: Steps): Preparation {
  return {
    columns: [
      {
        columns,
        steps: steps.map((one) =>
          typeof one === 'string' ? { step: one, parameters: {} } : { step: one[0], parameters: one[1] },
        ),
      },
    ],
    select: [],
  };
}

export const firstRows = (count: number) => Int32Array.from({ length: count }, (_, row) => row);

/** Closed when the test ends. */
export async function fitted(
  table: Table,
  preparation: Preparation,
  { target, rows, threads = 1, seed = 1 }: { target?: Target; rows?: Int32Array; threads?: number; seed?: number } = {},
): Promise<{ fitted: FittedPreparation; features: Features }> {
  const result = await fitPreparation(table, target, preparation, { seed, threads, rows });
  onTestFinished(() => result.fitted.close());
  return result;
}

/** Rows of features, dense whatever their form. */
export function rowsOf(features: Features): number[][] {
  const columns = features.names.length;
  return Array.from({ length: features.rows }, (_, row) => {
    if (features.kind === 'dense') return Array.from(features.values.subarray(row * columns, (row + 1) * columns));
    const { indptr, indices, values } = features.csr;
    const dense = Array.from({ length: columns }, () => 0);
    for (let i = indptr[row]; i < indptr[row + 1]; i++) dense[indices[i]] = values[i];
    return dense;
  });
}

/** What differs from what is expected by more than `tolerance`, as a share of it where it is above 1. */
export function differences(
  got: readonly (readonly number[])[],
  expected: readonly (readonly (number | null)[])[],
  tolerance = 1e-6,
): string[] {
  const found: string[] = [];
  if (got.length !== expected.length) found.push(`${got.length} rows, not ${expected.length}`);
  for (const [i, row] of expected.entries()) {
    if (got[i]?.length !== row.length) found.push(`row ${i}: ${got[i]?.length} columns, not ${row.length}`);
    for (const [j, value] of row.entries()) {
      const near = Math.abs(got[i]?.[j] - (value ?? Number.NaN)) <= tolerance * Math.max(1, Math.abs(value ?? 0));
      if (!near) found.push(`[${i}][${j}]: ${got[i]?.[j]}, not ${value}`);
    }
  }
  return found;
}
