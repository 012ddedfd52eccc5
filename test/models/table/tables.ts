/** Small tables of features and targets for the tests of estimators. */
import { Random } from '../../../contracts/random.ts';
import type { TableTask } from '../../../contracts/tables.ts';
import type { Csr } from '../../../compute/kernels/csr.ts';
import type { Features } from '../../../data/features.ts';
import type { Target } from '../../../data/table.ts';

export interface Learnable {
  x: Features & { kind: 'dense' };
  y: Target;
}

export function denseOf(rows: readonly (readonly number[])[], columns = rows[0]?.length ?? 0): Learnable['x'] {
  const names = Array.from({ length: columns }, (_, j) => `f${j}`);
  return { kind: 'dense', rows: rows.length, names, values: Float32Array.from(rows.flat()) };
}

/** The same matrix without its zeros. */
export function sparseOf({ rows, names, values }: Learnable['x']): Features & { kind: 'sparse' } {
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
  const csr: Csr = { indptr, indices: Int32Array.from(indices), values: Float32Array.from(entries) };
  return { kind: 'sparse', rows, names, csr };
}

export function takeFeatures(x: Learnable['x'], rows: readonly number[]): Learnable['x'] {
  const columns = x.names.length;
  return denseOf(
    rows.map((i) => [...x.values.subarray(i * columns, (i + 1) * columns)]),
    columns,
  );
}

export function classesOf(codes: readonly number[], count = 2): Target & { kind: 'classes' } {
  const classes = Array.from({ length: count }, (_, k) => String.fromCharCode(97 + k));
  return { kind: 'classes', codes: Int32Array.from(codes), classes };
}

/**
 * Three features that matter, one of them mostly zero and one in thousands; one that does not; one that never changes.
 * @param classes - of a classification. @param alike - all features in the same unit, as pixels are.
 */
export function learnable(task: TableTask, rows: number, seed: number, classes = 2, alike = false): Learnable {
  const random = new Random(seed);
  const scores: number[] = [];
  const x = denseOf(
    Array.from({ length: rows }, () => {
      const [a, b, noise] = [random.normal(), random.normal(), random.normal()];
      const rare = random.uniform() < 0.3 ? 2 * random.uniform() : 0;
      scores.push(1.5 * a - b + 2 * rare - 0.6 + 0.3 * random.normal());
      return [a, alike ? b : 5000 + 1000 * b, rare, noise, 7];
    }),
  );
  if (task === 'regress') return { x, y: { kind: 'number', values: Float32Array.from(scores, (s) => 300 + 40 * s) } };
  // Equal shares of the scores, from low to high.
  const sorted = scores.toSorted((p, q) => p - q);
  const codes = scores.map((s) => Math.floor((sorted.indexOf(s) * classes) / rows));
  return { x, y: classesOf(codes, classes) };
}

export function shuffled(y: Target, seed: number): Target {
  const random = new Random(seed);
  const values: Int32Array | Float32Array = y.kind === 'classes' ? y.codes.slice() : y.values.slice();
  for (let i = values.length - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    [values[i], values[j]] = [values[j], values[i]];
  }
  return y.kind === 'classes' ? { ...y, codes: values as Int32Array } : { ...y, values: values as Float32Array };
}

/**
 * How well predictions rank: the chance that of two rows the one with the higher target is predicted higher, a tie being
 * half of one. 0.5 is chance; of two classes it is the AUC.
 */
export function concordance(y: Target, predictions: Float32Array): number {
  const targets = y.kind === 'classes' ? y.codes : y.values;
  const width = predictions.length / targets.length;
  // Of several classes, the number of the class that is expected.
  const scores = Array.from(targets, (_, i) => {
    const own = predictions.subarray(i * width, (i + 1) * width);
    return width === 1 ? own[0] : own.reduce((sum, p, k) => sum + k * p, 0);
  });
  let pairs = 0;
  let right = 0;
  for (let i = 0; i < scores.length; i++) {
    for (let j = 0; j < scores.length; j++) {
      if (targets[i] <= targets[j]) continue;
      pairs++;
      right += scores[i] > scores[j] ? 1 : scores[i] === scores[j] ? 0.5 : 0;
    }
  }
  return right / pairs;
}
