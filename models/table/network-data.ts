/** Features and target as a network's training takes them: in units in which one learning rate suits all. */
import { createHash } from 'node:crypto';
import type { ColumnData, TrainingData } from '../../compute/training/train.ts';
import type { Features } from '../../data/features.ts';
import type { Target } from '../../data/table.ts';
import type { ImageShape } from './images.ts';
import { momentsOf } from './moments.ts';

/** How features are scaled in the program, and where the penalty lies. */
export interface InputDesign {
  /**
   * Deviation of features in the program: 1 for all; or their own where it is less than 1, so that rare words do not
   * become loud; or 1 on average over the pixels of an image, whose unit is the same.
   */
  readonly scale: 'unit' | 'atMostUnit' | 'alike';
  readonly l2: number;
  /** Whose weights the penalty is on: those of the features' own units, or those of the program. */
  readonly penalty: 'own' | 'program';
}

/** Features as the program takes them. */
export interface Inputs {
  readonly form: Features['kind'];
  readonly features: number;
  readonly rows: Record<string, ColumnData>;
  readonly tables: Record<'mean' | 'scale' | 'penalty', Float32Array> & Record<string, ColumnData>;
}

/** A penalty beyond it leaves nothing of a weight either. */
const largestPenalty = 1e6;

/** @param image - of features that are pixels, which are taken as dense ones. */
export function inputsOf(
  design: InputDesign,
  x: Features,
  weights: Float32Array | undefined,
  image: ImageShape | undefined,
): Inputs {
  const features = x.names.length;
  const { mean, deviation } = momentsOf(x, weights);
  const scale = scalesOf(design.scale, deviation);
  // λ/2 ‖w‖² of the features' own units, where w = s w′.
  const penaltyOf = (s: number) => (design.penalty === 'own' ? Math.min(largestPenalty, design.l2 * s * s) : design.l2);
  const tables = { mean: Float32Array.from(mean), scale, penalty: scale.map(penaltyOf) };
  if (x.kind === 'dense') return { form: 'dense', features, rows: { x: x.values }, tables };
  if (image !== undefined) {
    const values = new Float32Array(x.rows * features);
    fillDense(x, 0, x.rows, values);
    return { form: 'dense', features, rows: { x: values }, tables };
  }
  const { indptr, indices, values } = x.csr;
  const begin = indptr.slice(0, x.rows);
  const length = begin.map((at, i) => indptr[i + 1] - at);
  // An entry that no row has, where there is none at all: a table must not be empty.
  const columns = indices.length > 0 ? indices : new Int32Array(1);
  const entries = values.length > 0 ? values : new Float32Array(1);
  return { form: 'sparse', features, rows: { begin, length }, tables: { ...tables, columns, entries } };
}

/** What features are multiplied by; one that does not vary has 0. */
function scalesOf(how: InputDesign['scale'], deviation: Float64Array): Float32Array {
  if (how !== 'alike') {
    const floor = how === 'unit' ? 0 : 1;
    return Float32Array.from(deviation, (sigma) => (sigma === 0 ? 0 : 1 / Math.max(floor, sigma)));
  }
  const varying = deviation.filter((sigma) => sigma > 0);
  const square = varying.reduce((sum, sigma) => sum + sigma * sigma, 0) / Math.max(1, varying.length);
  return Float32Array.from(deviation, (sigma) => (sigma === 0 ? 0 : 1 / Math.sqrt(square)));
}

/** Writes rows [from, to) of sparse features. @param out - float32 `[to − from, features]`, zeros. */
export function fillDense(x: Features & { kind: 'sparse' }, from: number, to: number, out: Float32Array): void {
  const { indptr, indices, values } = x.csr;
  const columns = x.names.length;
  for (let row = from; row < to; row++) {
    for (let k = indptr[row]; k < indptr[row + 1]; k++) out[(row - from) * columns + indices[k]] = values[k];
  }
}

export interface TrainingTarget {
  readonly task: 'classify' | 'regress';
  readonly outputs: number;
  readonly values: Int32Array | Float32Array;
  /** What a number was divided by, after its mean was taken from it. */
  readonly mean: number;
  readonly scale: number;
}

export function targetOf(y: Target, weights: Float32Array | undefined): TrainingTarget {
  if (y.kind === 'classes') {
    const outputs = y.classes.length;
    const values = outputs === 2 ? Float32Array.from(y.codes) : y.codes;
    return { task: 'classify', outputs, values, mean: 0, scale: 1 };
  }
  const column: Features = { kind: 'dense', rows: y.values.length, names: ['target'], values: y.values };
  const moments = momentsOf(column, weights);
  const [mean, scale] = [moments.mean[0], moments.deviation[0] || 1];
  return { task: 'regress', outputs: 1, values: y.values.map((value) => (value - mean) / scale), mean, scale };
}

/** So that a checkpoint of other data is refused. */
export function digestOf({ rows, tables = {} }: TrainingData, others: readonly ColumnData[] = []): string {
  const hash = createHash('sha256');
  const named = [
    ...Object.entries(rows),
    ...Object.entries(tables),
    ...others.map((values) => ['held', values] as const),
  ];
  for (const [name, values] of named) {
    hash.update(`${name} ${values.length} `);
    hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  return hash.digest('hex');
}
