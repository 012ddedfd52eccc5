/**
 * ½ mean w (r − Δη)² + λ Σ |β|, brought to its minimum by coordinate descent, for the changes Δη = Δb + Σ x Δβ / σ.
 *
 * A step of β_j takes the intercept along, so that the weighted residuals always have the sum 0. What that changes for
 * all rows alike is kept in one number beside them, so that the zeros of a sparse column are never touched.
 */
import type { FeatureColumn } from './columns.ts';

/** Least weight of a row: what is all but certain would else be free to move anywhere. */
const leastWeight = 1e-5;
const mostPasses = 100;

export class Parabola {
  readonly #columns: readonly FeatureColumn[];
  readonly #deviation: Float64Array;
  readonly #weights: Float64Array;
  /** w r, `[rows]`, to which `#offset` · w is to be added; and what it was in the beginning. */
  readonly #residuals: Float64Array;
  readonly #first: Float64Array;
  #offset = 0;
  /** Σ w x and Σ w x² of each column, where they are known. */
  readonly #sums: Float64Array;
  readonly #squares: Float64Array;
  #total = 0;

  /** @param deviation - σ of each column, above 0 for those that are asked for. */
  constructor(columns: readonly FeatureColumn[], deviation: Float64Array, rows: number) {
    this.#columns = columns;
    this.#deviation = deviation;
    [this.#weights, this.#residuals, this.#first] = [rows, rows, rows].map((length) => new Float64Array(length));
    [this.#sums, this.#squares] = [columns, columns].map(({ length }) => new Float64Array(length));
  }

  /** Begins another one. @param of - w r and w of each row. */
  begin(of: (row: number) => { residual: number; weight: number }): void {
    this.#total = 0;
    let sum = 0;
    for (let i = 0; i < this.#weights.length; i++) {
      const { residual, weight } = of(i);
      this.#first[i] = this.#residuals[i] = residual;
      this.#weights[i] = Math.max(weight, leastWeight);
      this.#total += this.#weights[i];
      sum += residual;
    }
    this.#offset = -sum / this.#total;
    this.#sums.fill(Number.NaN);
  }

  /** Brings coefficients to the minimum, those that are chosen; a pass at the end changes none by more than `enough`. */
  descend(beta: Float64Array, chosen: Int32Array, penalty: number, enough: number): void {
    let changed = this.#pass(beta, chosen, penalty);
    if (!(changed > enough)) return;
    const active = chosen.filter((j) => beta[j] !== 0);
    for (let pass = 1; pass < mostPasses && changed > enough; pass++) changed = this.#pass(beta, active, penalty);
  }

  #pass(beta: Float64Array, chosen: Int32Array, penalty: number): number {
    let largest = 0;
    for (const j of chosen) {
      // With the curvature h: β ← S(h β + slope, λ) / h
      const slope = this.slope(j);
      const curvature = this.#curvature(j);
      const free = curvature * beta[j] + slope;
      if (!(curvature > 0) || (beta[j] === 0 && Math.abs(free) <= penalty)) continue;
      const next = Math.abs(free) <= penalty ? 0 : (free - Math.sign(free) * penalty) / curvature;
      const change = next - beta[j];
      if (change === 0) continue;
      beta[j] = next;
      largest = Math.max(largest, Math.abs(change));
      this.#move(j, change / this.#deviation[j]);
    }
    return largest;
  }

  /** Σ w z r / n: what the loss falls by with a small step of β. */
  slope(j: number): number {
    if (Number.isNaN(this.#sums[j])) this.#weigh(j);
    const { rows, values } = this.#columns[j];
    const residuals = this.#residuals;
    let products = 0;
    if (rows === undefined) for (let i = 0; i < values.length; i++) products += values[i] * residuals[i];
    else for (let i = 0; i < values.length; i++) products += values[i] * residuals[rows[i]];
    return (products + this.#offset * this.#sums[j]) / (this.#deviation[j] * residuals.length);
  }

  #weigh(j: number): void {
    const { rows, values } = this.#columns[j];
    let [sum, squares] = [0, 0];
    for (let i = 0; i < values.length; i++) {
      const weighted = this.#weights[rows === undefined ? i : rows[i]] * values[i];
      sum += weighted;
      squares += weighted * values[i];
    }
    this.#sums[j] = sum;
    this.#squares[j] = squares;
  }

  /** Σ w (x − m)² / (n σ²) for the weighted mean m, as the intercept moves along. */
  #curvature(j: number): number {
    const deviation = this.#squares[j] - (this.#sums[j] * this.#sums[j]) / this.#total;
    return deviation / (this.#weights.length * this.#deviation[j] ** 2);
  }

  /** r ← r − f (x − m) */
  #move(j: number, factor: number): void {
    const { rows, values } = this.#columns[j];
    const [residuals, weights] = [this.#residuals, this.#weights];
    if (rows === undefined) {
      for (let i = 0; i < values.length; i++) residuals[i] -= factor * weights[i] * values[i];
    } else {
      for (let i = 0; i < values.length; i++) residuals[rows[i]] -= factor * weights[rows[i]] * values[i];
    }
    this.#offset += (factor * this.#sums[j]) / this.#total;
  }

  /** Δη of each row where the descent stands. */
  moves(): Float64Array {
    return this.#residuals.map((residual, i) => (this.#first[i] - residual) / this.#weights[i] - this.#offset);
  }
}
