/** The mathematics of the Gaussian process sampler, against what is known exactly and against differences. */
import { describe, expect, it } from 'vitest';
import { Random } from '../../contracts/random.ts';
import { LogExpectedImprovement } from '../../tuning/samplers/acquisition.ts';
import { factorize, inverseOfTriangle, squareOfTriangle } from '../../tuning/samplers/cholesky.ts';
import { GaussianProcess, type Hyperparameters, type Observations } from '../../tuning/samplers/gaussian-process.ts';
import { fit, guess, negativeLogPosterior } from '../../tuning/samplers/marginal-likelihood.ts';
import { minimize } from '../../tuning/samplers/quasi-newton.ts';

/** Two numbers and a category, with values that vary smoothly. */
function observed(count: number): Observations {
  const random = new Random(7);
  const points = new Float64Array(count * 3);
  const values = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const [x, y, c] = [random.uniform(), random.uniform(), random.integer(3)];
    points.set([x, y, c], 3 * i);
    values[i] = Math.sin(5 * x) + (y - 0.4) ** 2 - 0.3 * c;
  }
  return { points, values, categorical: Uint8Array.of(0, 0, 1) };
}

const hyperparameters: Hyperparameters = { weights: Float64Array.of(3, 0.5, 2), variance: 1.3, noise: 1e-3 };

/** ∂f/∂x_i from differences. */
function differences(f: (x: Float64Array) => number, x: Float64Array, step = 1e-5): number[] {
  return Array.from(x, (_, i) => {
    const at = (by: number) => f(x.map((value, k) => (k === i ? value + by : value)));
    return (at(step) - at(-step)) / (2 * step);
  });
}

describe('a Gaussian process', () => {
  it('passes through what it observed without noise, and is certain there', () => {
    const data = observed(20);
    const process = new GaussianProcess(data, { ...hyperparameters, noise: 1e-9 });
    for (const [i, value] of data.values.entries()) {
      const { mean, variance } = process.posterior(data.points.subarray(3 * i, 3 * i + 3));
      expect(mean).toBeCloseTo(value, 5);
      expect(variance).toBeLessThan(1e-6);
    }
  });

  it('knows nothing far from what it observed', () => {
    const process = new GaussianProcess(observed(20), hyperparameters);
    const { mean, variance } = process.posterior(Float64Array.of(50, 50, 0));
    expect(mean).toBeCloseTo(0, 6);
    expect(variance).toBeCloseTo(1.3, 6);
  });

  it('of one observation has the posterior of a normal distribution of two variables', () => {
    const data = { points: Float64Array.of(0.2), values: Float64Array.of(1.5), categorical: Uint8Array.of(0) };
    const process = new GaussianProcess(data, { weights: Float64Array.of(4), variance: 2, noise: 0.1 });
    const root = Math.sqrt(5 * 4 * 0.3 ** 2);
    const k = 2 * (1 + root + root ** 2 / 3) * Math.exp(-root);
    const { mean, variance } = process.posterior(Float64Array.of(0.5));
    expect(mean).toBeCloseTo((k / 2.1) * 1.5, 12);
    expect(variance).toBeCloseTo(2 - k ** 2 / 2.1, 12);
  });

  it('writes the slopes of its mean and variance', () => {
    const process = new GaussianProcess(observed(20), hyperparameters);
    const x = Float64Array.of(0.31, 0.72, 1);
    const [mean, variance] = [new Float64Array(3), new Float64Array(3)];
    process.posteriorWithSlopes(x, mean, variance);
    const means = differences((at) => process.posterior(at).mean, x);
    const variances = differences((at) => process.posterior(at).variance, x);
    for (const d of [0, 1]) {
      expect(mean[d]).toBeCloseTo(means[d], 6);
      expect(variance[d]).toBeCloseTo(variances[d], 6);
    }
    expect([mean[2], variance[2]]).toEqual([0, 0]);
  });

  it('refuses observations that are the same where it may have no noise', () => {
    const data = { points: Float64Array.of(0.5, 0.5), values: Float64Array.of(1, 2), categorical: Uint8Array.of(0) };
    expect(() => new GaussianProcess(data, { weights: Float64Array.of(1), variance: 1, noise: 0 })).toThrow(RangeError);
  });
});

describe('its hyperparameters', () => {
  it('have the slopes of their posterior', () => {
    const loss = negativeLogPosterior(observed(17));
    const theta = Float64Array.of(0.4, -0.7, 1.1, 0.2, -4);
    const gradient = new Float64Array(5);
    loss(theta, gradient);
    const expected = differences((at) => loss(at, new Float64Array(5)), theta);
    for (let i = 0; i < 5; i++) expect(gradient[i]).toBeCloseTo(expected[i], 5);
  });

  it('give no weight to a coordinate on which values do not depend', () => {
    const { points, categorical } = observed(40);
    const values = Float64Array.from({ length: 40 }, (_, i) => Math.sin(9 * points[3 * i]));
    const { weights } = fit({ points, values, categorical }, guess(3), 40);
    expect(weights[0]).toBeGreaterThan(10 * weights[1]);
    expect(weights[0]).toBeGreaterThan(10 * weights[2]);
  });
});

describe('the expected improvement', () => {
  const process = new GaussianProcess(observed(20), hyperparameters);
  const at = Float64Array.of(0.35, 0.6, 2);

  it.each([-3, 0, 3, 30])('is what an integral says, on a logarithmic scale, over a best value of %d', (best) => {
    const { mean, variance } = process.posterior(at);
    const deviation = Math.sqrt(variance);
    // ∫ max(0, f − best) φ((f − best − …) / σ) df, its exponent moved so that nothing is too small for float64.
    const from = Math.max(best, mean - 12 * deviation);
    const shift = Math.max(0, (best - mean) / deviation) ** 2 / 2;
    let sum = 0;
    const steps = 200_000;
    const width = (12 * deviation) / steps;
    for (let i = 0; i < 2 * steps; i++) {
      const f = from + (i + 0.5) * width;
      sum += (f - best) * Math.exp(shift - ((f - mean) / deviation) ** 2 / 2);
    }
    const expected = Math.log((sum * width) / (deviation * Math.sqrt(2 * Math.PI))) - shift;
    expect(new LogExpectedImprovement(process, best, 3).at(at)).toBeCloseTo(expected, 3);
  });

  it.each([-1, 1, 20])('has its own slope over a best value of %d', (best) => {
    const improvement = new LogExpectedImprovement(process, best, 3);
    const slope = new Float64Array(3);
    const value = improvement.withSlope(at, slope);
    expect(value).toBe(improvement.at(at));
    const expected = differences((x) => improvement.at(x), at, 1e-6);
    for (const d of [0, 1]) expect(slope[d] / expected[d]).toBeCloseTo(1, 4);
  });
});

describe('the linear algebra', () => {
  it.each([1, 2, 3, 4, 5, 15, 16, 17])('inverts a matrix of %d rows', (n) => {
    const random = new Random(n);
    const a = Float64Array.from({ length: n * n }, () => random.normal());
    const matrix = new Float64Array(n * n);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        for (let k = 0; k < n; k++) matrix[i * n + j] += a[i * n + k] * a[j * n + k];
        if (i === j) matrix[i * n + j] += 1;
      }
    }
    const triangle = matrix.slice();
    expect(factorize(triangle, n)).toBe(true);
    const precision = squareOfTriangle(inverseOfTriangle(triangle, n), n);
    const inverse = (i: number, j: number) => precision[Math.max(i, j) * n + Math.min(i, j)];
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        let sum = 0;
        for (let k = 0; k < n; k++) sum += matrix[i * n + k] * inverse(k, j);
        expect(sum).toBeCloseTo(i === j ? 1 : 0, 9);
      }
    }
  });

  it('tells a matrix that is not positive definite', () => {
    expect(factorize(Float64Array.of(1, 0, 2, 1), 2)).toBe(false);
  });
});

describe('minimization in a box', () => {
  const limits = { steps: 200, slope: 1e-8, gain: 1e-14 };
  const valley = ([x, y]: Float64Array, gradient: Float64Array) => {
    gradient.set([-400 * x * (y - x * x) - 2 * (1 - x), 200 * (y - x * x)]);
    return 100 * (y - x * x) ** 2 + (1 - x) ** 2;
  };

  it('follows a bent valley to its end', () => {
    const { x, value } = minimize(valley, [-1.2, 1], { ...limits, lower: [-5, -5], upper: [5, 5] });
    expect(value).toBeLessThan(1e-8);
    expect(x[0]).toBeCloseTo(1, 3);
  });

  it('ends at a bound where the minimum is beyond it', () => {
    const { x } = minimize(valley, [-1.2, 1], { ...limits, lower: [-5, -5], upper: [0.5, 5] });
    expect(x[0]).toBe(0.5);
    expect(x[1]).toBeCloseTo(0.25, 4);
  });

  it('never steps to where there is no value', () => {
    const f = ([x]: Float64Array, gradient: Float64Array) => {
      gradient[0] = 1;
      return x < 0.3 ? Infinity : x;
    };
    const { x, value } = minimize(f, [0.9], { ...limits, lower: [0], upper: [1] });
    expect(x[0]).toBeGreaterThanOrEqual(0.3);
    expect(value).toBeLessThan(0.9);
  });
});
