/** Small tables of features for the tests of selection, and the table of which scikit-learn has been asked. */
import { readFileSync } from 'node:fs';
import type { Features } from '../../../data/features.ts';
import type { Target } from '../../../data/table.ts';
import type { Random } from '../../../contracts/random.ts';

export type Dense = Features & { kind: 'dense' };

export function denseOf(rows: readonly (readonly number[])[], columns = rows[0]?.length ?? 0): Dense {
  const names = Array.from({ length: columns }, (_, j) => `f${j}`);
  return { kind: 'dense', rows: rows.length, names, values: Float32Array.from(rows.flat()) };
}

/** The same without its zeros. */
export function sparseOf({ rows, names, values }: Dense): Features & { kind: 'sparse' } {
  const indptr = new Int32Array(rows + 1);
  const [indices, entries]: number[][] = [[], []];
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < names.length; j++) {
      const value = values[i * names.length + j];
      if (value === 0) continue;
      indices.push(j);
      entries.push(value);
    }
    indptr[i + 1] = indices.length;
  }
  const csr = { indptr, indices: Int32Array.from(indices), values: Float32Array.from(entries) };
  return { kind: 'sparse', rows, names, csr };
}

export function withoutColumn(x: Dense, column: number): Dense {
  const width = x.names.length;
  return {
    ...x,
    names: x.names.filter((_, j) => j !== column),
    values: x.values.filter((_, at) => at % width !== column),
  };
}

export function classesOf(codes: readonly number[], count = 2): Target & { kind: 'classes' } {
  const classes = Array.from({ length: count }, (_, k) => String.fromCharCode(97 + k));
  return { kind: 'classes', codes: Int32Array.from(codes), classes };
}

/** Normal numbers, of which a share is 0. */
export function noise(random: Random, rows: number, columns: number, zeros = 0): Dense {
  const value = () => (random.uniform() < zeros ? 0 : random.normal());
  return denseOf(
    Array.from({ length: rows }, () => Array.from({ length: columns }, value)),
    columns,
  );
}

interface Encodings {
  values: string[];
  encodings: number[][];
  mean: number[];
}
interface Fixture {
  columns: number;
  x: number[];
  two: number[];
  three: number[];
  numbers: number[];
  variances: number[];
  above: number[];
  correlations: number[][];
  discrete: number[];
  information: Record<'two' | 'three', number[]>;
  strength: number;
  lasso: Record<'two' | 'three' | 'numbers', number[][]>;
  words: string[];
  smoothing: number;
  encodings: Record<'two' | 'three' | 'numbers', Encodings>;
}
const file = new URL('./fixtures/selection.json', import.meta.url);
export const fixture = JSON.parse(readFileSync(file, 'utf8')) as Fixture;
export const features: Dense = {
  ...denseOf([], fixture.columns),
  rows: fixture.two.length,
  values: Float32Array.from(fixture.x),
};
export const targets: Record<'two' | 'three' | 'numbers', Target> = {
  two: classesOf(fixture.two),
  three: classesOf(fixture.three, 3),
  numbers: { kind: 'number', values: Float32Array.from(fixture.numbers) },
};
