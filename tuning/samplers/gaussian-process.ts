/**
 * Regression by a Gaussian process (C. E. Rasmussen and C. K. I. Williams, "Gaussian processes for machine learning",
 * 2006, algorithm 2.1 and section 5.4.1) with the Matérn kernel of ν = 5/2 and a scale of its own for each coordinate:
 * k(x, x′) = v · (1 + √(5s) + 5s/3) · exp(−√(5s)), s = Σ_d w_d · δ_d², where δ_d is the difference of two numbers, and 0
 * or 1 for two categories that are the same or not.
 */
import { factorize, inverseOfTriangle, transposedTimes, triangleTimes } from './cholesky.ts';

export interface Observations {
  /** `[n × d]`, row-major. */
  points: Float64Array;
  /** `[n]` */
  values: Float64Array;
  /** `[d]`: 1 where a coordinate is a category. */
  categorical: Uint8Array;
}

export interface Hyperparameters {
  /** `[d]`: w, the inverse squares of length scales. */
  weights: Float64Array;
  /** v, the variance of the process. */
  variance: number;
  /** Of observations around it. */
  noise: number;
}

export interface Posterior {
  mean: number;
  /** Of the process itself, without the noise; at least 0. */
  variance: number;
}

export class GaussianProcess {
  readonly #observed: Observations;
  readonly #hyperparameters: Hyperparameters;
  readonly #n: number;
  readonly #d: number;
  /** L⁻¹ of K + noise = L Lᵀ. */
  readonly #inverse: Float64Array;
  /** α = (K + noise)⁻¹ y */
  readonly #alpha: Float64Array;
  readonly #k: Float64Array;
  /** ∂k/∂s */
  readonly #slopes: Float64Array;
  readonly #u: Float64Array;
  readonly #q: Float64Array;

  /** @throws RangeError where the observations' covariance is not positive definite: the noise is too small. */
  constructor(observed: Observations, hyperparameters: Hyperparameters) {
    this.#observed = observed;
    this.#hyperparameters = hyperparameters;
    const n = (this.#n = observed.values.length);
    const d = (this.#d = observed.categorical.length);
    const { variance, noise } = hyperparameters;
    const covariance = new Float64Array(n * n);
    [this.#k, this.#slopes, this.#u, this.#q] = [0, 1, 2, 3].map(() => new Float64Array(n)) as [
      Float64Array,
      Float64Array,
      Float64Array,
      Float64Array,
    ];
    for (let i = 0; i < n; i++) {
      this.#covariances(observed.points.subarray(i * d, (i + 1) * d), i);
      covariance.set(this.#k.subarray(0, i), i * n);
      covariance[i * n + i] = variance + noise;
    }
    if (!factorize(covariance, n)) throw new RangeError('The covariance of observations must be positive definite.');
    this.#inverse = inverseOfTriangle(covariance, n);
    // α = L⁻ᵀ (L⁻¹ y)
    this.#alpha = new Float64Array(n);
    triangleTimes(this.#inverse, observed.values, this.#u, n);
    transposedTimes(this.#inverse, this.#u, this.#alpha, n);
  }

  /** @param x - `[d]` */
  posterior(x: Float64Array): Posterior {
    const n = this.#n;
    this.#covariances(x, n);
    triangleTimes(this.#inverse, this.#k, this.#u, n);
    let mean = 0;
    // σ² = v − |L⁻¹ k|²
    let variance = this.#hyperparameters.variance;
    for (let i = 0; i < n; i++) {
      mean += this.#k[i] * this.#alpha[i];
      variance -= this.#u[i] * this.#u[i];
    }
    return { mean, variance: Math.max(0, variance) };
  }

  /**
   * Also writes the derivatives by the coordinates of x; of categories, which have none, 0.
   * @param meanSlope - `[d]`; so is `varianceSlope`.
   */
  posteriorWithSlopes(x: Float64Array, meanSlope: Float64Array, varianceSlope: Float64Array): Posterior {
    const posterior = this.posterior(x);
    const [n, d] = [this.#n, this.#d];
    const { points, categorical } = this.#observed;
    const { weights } = this.#hyperparameters;
    // q = (K + noise)⁻¹ k
    transposedTimes(this.#inverse, this.#u, this.#q, n);
    meanSlope.fill(0);
    varianceSlope.fill(0);
    for (let i = 0; i < n; i++) {
      for (let c = 0; c < d; c++) {
        if (categorical[c] === 1) continue;
        // ∂k_i/∂x_c = ∂k/∂s · 2 w_c (x_c − X_ic)
        const slope = this.#slopes[i] * 2 * weights[c] * (x[c] - points[i * d + c]);
        meanSlope[c] += this.#alpha[i] * slope;
        varianceSlope[c] -= 2 * this.#q[i] * slope;
      }
    }
    return posterior;
  }

  /** Writes k(x, X_i) and its derivative by s for the first `count` observations. */
  #covariances(x: Float64Array, count: number): void {
    const { points, categorical } = this.#observed;
    const { weights, variance } = this.#hyperparameters;
    const d = this.#d;
    for (let i = 0, at = 0; i < count; i++) {
      let s = 0;
      for (let c = 0; c < d; c++, at++) {
        const difference = x[c] - points[at];
        if (categorical[c] === 0) s += weights[c] * difference * difference;
        else if (difference !== 0) s += weights[c];
      }
      const root = Math.sqrt(5 * s);
      const decay = variance * Math.exp(-root);
      this.#k[i] = decay * (1 + root + (5 / 3) * s);
      this.#slopes[i] = (-5 / 6) * decay * (1 + root);
    }
  }
}
