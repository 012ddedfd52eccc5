/** Hyperparameters of a Gaussian process: the likeliest after the observations (Rasmussen and Williams, section 5.4.1). */
import { factorize, inverseOfTriangle, squareOfTriangle } from './cholesky.ts';
import type { Hyperparameters, Observations } from './gaussian-process.ts';
import { minimize } from './quasi-newton.ts';

/** Observations are never taken for more exact than this share of their variance: covariances stay invertible. */
export const leastNoise = 1e-6;

/** Natural logarithms beyond which no hyperparameter is looked for. */
const widest = 12;

/** What is likeliest before there are observations, of values with mean 0 and variance 1. */
export function guess(coordinates: number): Hyperparameters {
  return { weights: new Float64Array(coordinates).fill(1), variance: 1, noise: 1e-2 };
}

/**
 * @param observed - values of mean 0 and variance 1.
 * @param start - where the search begins.
 * @param steps - most steps of it; each takes O(n³).
 */
export function fit(observed: Observations, start: Hyperparameters, steps: number): Hyperparameters {
  const d = observed.categorical.length;
  const theta = Float64Array.of(
    ...start.weights.map(Math.log),
    Math.log(start.variance),
    Math.log(Math.max(start.noise - leastNoise, leastNoise * 0.01)),
  );
  const limits = {
    lower: new Float64Array(d + 2).fill(-widest),
    upper: new Float64Array(d + 2).fill(widest),
    steps,
    slope: 1e-2,
    gain: 1e-3,
  };
  limits.lower[d + 1] = Math.log(leastNoise) - 5;
  const loss = negativeLogPosterior(observed);
  return hyperparametersOf(minimize(loss, theta, limits).x);
}

/** From the logarithms of weights, variance and noise above the least. */
function hyperparametersOf(theta: Float64Array): Hyperparameters {
  const d = theta.length - 2;
  return {
    weights: theta.slice(0, d).map(Math.exp),
    variance: Math.exp(theta[d]),
    noise: leastNoise + Math.exp(theta[d + 1]),
  };
}

/** −log p(y | θ) − log p(θ) but for constants, as a function of θ, the logarithms of the hyperparameters. */
export function negativeLogPosterior(observed: Observations) {
  const { values, categorical } = observed;
  const [n, d] = [values.length, categorical.length];
  const squares = squaresOf(observed);
  const matrix = new Float64Array(n * n);
  const kernel = new Float64Array((n * (n - 1)) / 2);
  const slopes = new Float64Array(kernel.length);
  return (theta: Float64Array, gradient: Float64Array): number => {
    const { weights, variance, noise } = hyperparametersOf(theta);
    for (let i = 0, pair = 0, at = 0; i < n; i++) {
      for (let j = 0; j < i; j++, pair++) {
        let s = 0;
        for (let c = 0; c < d; c++, at++) s += weights[c] * squares[at];
        const root = Math.sqrt(5 * s);
        const decay = variance * Math.exp(-root);
        matrix[i * n + j] = kernel[pair] = decay * (1 + root + (5 / 3) * s);
        slopes[pair] = (-5 / 6) * decay * (1 + root);
      }
      matrix[i * n + i] = variance + noise;
    }
    if (!factorize(matrix, n)) return Infinity;
    // log det(K + noise) / 2 = Σ log L_ii
    let loss = 0;
    for (let i = 0; i < n; i++) loss += Math.log(matrix[i * n + i]);
    const precision = squareOfTriangle(inverseOfTriangle(matrix, n), n);
    const alpha = solved(precision, values);
    // + yᵀ (K + noise)⁻¹ y / 2
    for (let i = 0; i < n; i++) loss += 0.5 * values[i] * alpha[i];

    // ∂/∂θ = −tr((α αᵀ − (K + noise)⁻¹) ∂K/∂θ) / 2
    gradient.fill(0);
    for (let i = 0, pair = 0, at = 0; i < n; i++) {
      for (let j = 0; j < i; j++, pair++) {
        const difference = alpha[i] * alpha[j] - precision[i * n + j];
        const slope = difference * slopes[pair];
        for (let c = 0; c < d; c++, at++) gradient[c] -= slope * weights[c] * squares[at];
        gradient[d] -= difference * kernel[pair];
      }
      const difference = alpha[i] * alpha[i] - precision[i * n + i];
      gradient[d] -= 0.5 * difference * variance;
      gradient[d + 1] -= 0.5 * difference * (noise - leastNoise);
    }
    return loss + prior(weights, variance, noise, gradient);
  };
}

/**
 * −log p(θ): weights by 0.1/w + 0.1 w, which keeps length scales between a tenth of the space and ten of it; variance by
 * a gamma distribution (2, 1), noise by one (1.1, 30): as Optuna's. Adds its derivatives.
 */
function prior(weights: Float64Array, variance: number, noise: number, gradient: Float64Array): number {
  const d = weights.length;
  let loss = variance - Math.log(variance) + 30 * noise - 0.1 * Math.log(noise);
  gradient[d] += variance - 1;
  gradient[d + 1] += (30 - 0.1 / noise) * (noise - leastNoise);
  for (const [c, w] of weights.entries()) {
    loss += 0.1 / w + 0.1 * w;
    gradient[c] += 0.1 * w - 0.1 / w;
  }
  return loss;
}

/** δ² of each pair (i, j < i) and coordinate. */
function squaresOf({ points, values, categorical }: Observations): Float64Array {
  const [n, d] = [values.length, categorical.length];
  const squares = new Float64Array(((n * (n - 1)) / 2) * d);
  for (let i = 0, at = 0; i < n; i++) {
    for (let j = 0; j < i; j++) {
      for (let c = 0; c < d; c++, at++) {
        const difference = points[i * d + c] - points[j * d + c];
        squares[at] = categorical[c] === 0 ? difference * difference : difference === 0 ? 0 : 1;
      }
    }
  }
  return squares;
}

/** P y of a symmetric P, of which the lower triangle is given. */
function solved(precision: Float64Array, y: Float64Array): Float64Array {
  const n = y.length;
  const x = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) {
      x[i] += precision[i * n + j] * y[j];
      x[j] += precision[i * n + j] * y[i];
    }
    x[i] += precision[i * n + i] * y[i];
  }
  return x;
}
