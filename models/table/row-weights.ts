/** Weights of training rows. */
import type { Features } from '../../data/features.ts';
import type { Target } from '../../data/table.ts';

/**
 * @returns the weights with mean 1.
 * @throws RangeError where features, target and weights do not belong together, or no row weighs anything.
 */
export function checkedWeights(x: Features, y: Target, weights: Float32Array | undefined): Float32Array | undefined {
  const { length } = y.kind === 'classes' ? y.codes : y.values;
  if (x.rows < 1) throw new RangeError('A model must be fitted on at least one row. Got 0.');
  if (length !== x.rows)
    throw new RangeError(`The target must have a value for each of ${x.rows} rows. Got ${length}.`);
  if (weights === undefined) return undefined;
  if (weights.length !== x.rows || !weights.every((weight) => weight >= 0 && weight < Infinity)) {
    throw new RangeError(`The weights must be ${x.rows} finite numbers of at least 0.`);
  }
  const mean = weights.reduce((sum, weight) => sum + weight, 0) / x.rows;
  if (mean === 0) throw new RangeError('The weights must not all be 0.');
  return weights.map((weight) => weight / mean);
}

/**
 * Weights with which all classes that are there weigh the same together: rows / (classes · rows of its class).
 * @param weights - with mean 1, which count as so many rows; all 1 when left out.
 * @returns with mean 1; those of a target that is a number stay as they are.
 */
export function balancedWeights(y: Target, weights: Float32Array | undefined): Float32Array | undefined {
  if (y.kind !== 'classes') return weights;
  const own = new Float64Array(y.classes.length);
  for (const [i, code] of y.codes.entries()) own[code] += weights?.[i] ?? 1;
  const present = own.filter((sum) => sum > 0).length;
  const { length } = y.codes;
  return Float32Array.from(y.codes, (code, i) => ((weights?.[i] ?? 1) * length) / (present * (own[code] || 1)));
}
