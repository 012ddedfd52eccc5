/**
 * Linear support vector machines with squared loss in the primal, by Newton's method (S. Keerthi and D. DeCoste, JMLR 6,
 * 2005; with conjugate gradients C.-J. Lin, R. Weng and S. Keerthi, JMLR 9, 2008): many rows of few features are learned in
 * some tens of passes, for which dual coordinate descent needs thousands. LIBLINEAR chooses between the two alike.
 *
 * Formula: minimise f(w) = ½ ‖w‖² + Σ Cᵢ ξᵢ², ξ = max(0, 1 − z s) of a class, max(0, |s − z| − ε) of a number, s = w · x,
 * where each row has a further feature 1, the bias. f is convex, quadratic between kinks: with I the rows of ξ > 0, its
 * gradient is w + 2 Σ_I Cᵢ ξᵢ ξᵢ′ xᵢ, and H = 1 + 2 Σ_I Cᵢ xᵢ xᵢᵀ. All sums are float64.
 */
import type { FeatureRows } from '../../../compute/kernels/feature-rows.ts';
import type { SvmProblem } from '../../../compute/kernels/svm-problem.ts';

/** Up to so many unknowns H is made and taken apart: conjugate gradients would pass over the rows more often. */
const mostDirect = 160;
/** Rows that are added to H at a time, so that a sum is fetched once for them. */
const together = 4;
/** Of the residual in the Newton equation, as a part of the gradient. */
const forcing = 0.1;
const mostConjugateSteps = 100;

interface PrimalOptions {
  rowWeights: Float32Array;
  tolerance: number;
  from?: Float64Array | undefined;
  resumed?: boolean;
}

export class PrimalSvm {
  /** float64 `[columns + 1]`, the bias last. */
  readonly w: Float64Array;
  readonly #rows: FeatureRows;
  readonly #problem: SvmProblem;
  /** `[rows]`: Cᵢ. */
  readonly #costs: Float64Array;
  /** ‖gradient‖ that is small enough. */
  readonly #enough: number;
  /** `[rows]`: s, of the present w. */
  #margins: Float64Array;
  /** Where a solution of other rows is the beginning, it is left by one step at least. */
  #fresh = true;

  /**
   * @param rowWeights - `[rows]`: factors of C, at least 0.
   * @param tolerance - solved when ‖∇f(w)‖ is at most this part of ‖∇f(0)‖, times the share of the rarer class.
   * @param from - where to begin; 0 when left out.
   * @param resumed - whether that is where this problem's own steps came to.
   */
  constructor(rows: FeatureRows, problem: SvmProblem, { rowWeights, tolerance, from, resumed = false }: PrimalOptions) {
    this.#rows = rows;
    this.#problem = problem;
    this.#costs = Float64Array.from(rowWeights, (weight, i) => weight * costOf(problem, problem.targets[i]));
    this.w = new Float64Array(rows.columns + 1);
    this.#margins = new Float64Array(rowWeights.length);
    const { gradient } = this.#slope(this.#margins);
    this.#enough = tolerance * rarerShare(problem, rowWeights) * length(gradient);
    if (from === undefined) return;
    this.w.set(from);
    this.#fresh = resumed;
    this.#margins = this.#times(this.w);
  }

  /** One Newton step. @returns whether the problem is solved. */
  step(): boolean {
    const { value, gradient, active } = this.#slope(this.#margins);
    if (this.#fresh && !(length(gradient) > this.#enough)) return true;
    this.#fresh = true;
    const direction =
      gradient.length <= mostDirect ? this.#direct(gradient, active) : this.#conjugate(gradient, active);
    const change = this.#times(direction);
    const descent = dot(gradient, direction);
    if (!(descent < 0)) return true;
    const [ww, wd, dd] = [dot(this.w, this.w), dot(this.w, direction), dot(direction, direction)];
    for (let t = 1; t > 1e-10; t /= 2) {
      const margins = this.#margins.map((s, i) => s + t * change[i]);
      // f(w + t d), ‖w + t d‖² = ‖w‖² + 2 t w·d + t² ‖d‖²
      const next = (ww + 2 * t * wd + t * t * dd) / 2 + this.#loss(margins);
      if (next > value + 1e-4 * t * descent) continue;
      for (let j = 0; j < this.w.length; j++) this.w[j] += t * direction[j];
      // Anew, so that one who goes on from w alone is where this one is.
      this.#margins = this.#times(this.w);
      return false;
    }
    // What is left is rounding.
    return true;
  }

  /** Σ Cᵢ ξᵢ² */
  #loss(margins: Float64Array): number {
    let sum = 0;
    for (let i = 0; i < margins.length; i++) sum += this.#costs[i] * excess(this.#problem, i, margins[i]) ** 2;
    return sum;
  }

  /** f(w), ∇f(w), and the rows with a loss. */
  #slope(margins: Float64Array): { value: number; gradient: Float64Array; active: Int32Array } {
    const factors = new Float64Array(margins.length);
    const active = new Int32Array(margins.length);
    let [loss, count] = [0, 0];
    for (let i = 0; i < margins.length; i++) {
      const xi = excess(this.#problem, i, margins[i]);
      if (xi === 0 || this.#costs[i] === 0) continue;
      loss += this.#costs[i] * xi * xi;
      factors[i] = 2 * this.#costs[i] * xi;
      active[count++] = i;
    }
    const rows = active.subarray(0, count);
    const gradient = this.w.slice();
    this.#addRows(rows, factors, gradient);
    return { value: dot(this.w, this.w) / 2 + loss, gradient, active: rows };
  }

  /** d with H d = −g, by Cholesky's decomposition of H. */
  #direct(gradient: Float64Array, active: Int32Array): Float64Array {
    const size = gradient.length;
    const H = new Float64Array(size * size);
    for (let j = 0; j < size; j++) H[j * size + j] = 1;
    // √(2 Cᵢ) (xᵢ, 1) of some rows, one behind the other.
    const block = new Float64Array(together * size);
    for (let n = 0; n < active.length; n += together) {
      block.fill(0);
      for (let k = n; k < Math.min(active.length, n + together); k++) this.#spread(active[k], block, (k - n) * size);
      for (let a = 0; a < size; a++) {
        const [x0, x1, x2, x3] = [block[a], block[size + a], block[2 * size + a], block[3 * size + a]];
        if (x0 === 0 && x1 === 0 && x2 === 0 && x3 === 0) continue;
        for (let b = 0, at = a * size; b <= a; b++, at++) {
          H[at] += x0 * block[b] + x1 * block[size + b] + (x2 * block[2 * size + b] + x3 * block[3 * size + b]);
        }
      }
    }
    return solved(
      H,
      gradient.map((g) => -g),
    );
  }

  #spread(row: number, out: Float64Array, at: number): void {
    const { columns, values } = this.#rows;
    const root = Math.sqrt(2 * this.#costs[row]);
    if ('indptr' in this.#rows) {
      const { indptr, indices } = this.#rows;
      for (let k = indptr[row]; k < indptr[row + 1]; k++) out[at + indices[k]] = root * values[k];
    } else {
      for (let j = 0; j < columns; j++) out[at + j] = root * values[row * columns + j];
    }
    out[at + columns] = root;
  }

  /** d with H d ≈ −g, by conjugate gradients preconditioned with H's diagonal. */
  #conjugate(gradient: Float64Array, active: Int32Array): Float64Array {
    const size = gradient.length;
    const curvature = new Float64Array(this.#costs.length);
    for (const i of active) curvature[i] = 2 * this.#costs[i];
    const diagonal = this.#diagonal(active, curvature);
    const d = new Float64Array(size);
    const r = gradient.map((g) => -g);
    const z = r.map((value, j) => value / diagonal[j]);
    const p = z.slice();
    let rz = dot(r, z);
    const enough = forcing * length(gradient);
    const factors = new Float64Array(this.#costs.length);
    for (let k = 0; k < mostConjugateSteps && length(r) > enough; k++) {
      // H p = p + Σ_I 2 Cᵢ (xᵢ · p) xᵢ
      const Hp = p.slice();
      const products = this.#times(p, active);
      for (const i of active) factors[i] = curvature[i] * products[i];
      this.#addRows(active, factors, Hp);
      const alpha = rz / dot(p, Hp);
      for (let j = 0; j < size; j++) {
        d[j] += alpha * p[j];
        r[j] -= alpha * Hp[j];
        z[j] = r[j] / diagonal[j];
      }
      const next = dot(r, z);
      for (let j = 0; j < size; j++) p[j] = z[j] + (next / rz) * p[j];
      rz = next;
    }
    return d;
  }

  #diagonal(active: Int32Array, curvature: Float64Array): Float64Array {
    const { columns, values } = this.#rows;
    const diagonal = new Float64Array(columns + 1).fill(1);
    for (const i of active) {
      if ('indptr' in this.#rows) {
        const { indptr, indices } = this.#rows;
        for (let k = indptr[i]; k < indptr[i + 1]; k++) diagonal[indices[k]] += curvature[i] * values[k] * values[k];
      } else {
        const at = i * columns;
        for (let j = 0; j < columns; j++) diagonal[j] += curvature[i] * values[at + j] * values[at + j];
      }
      diagonal[columns] += curvature[i];
    }
    return diagonal;
  }

  /** X v of the rows that have a cost, or of some of them. */
  #times(v: Float64Array, rows?: Int32Array): Float64Array {
    const out = new Float64Array(this.#costs.length);
    const { columns, values } = this.#rows;
    const bias = v[columns];
    const count = rows?.length ?? out.length;
    for (let n = 0; n < count; n++) {
      const i = rows === undefined ? n : rows[n];
      if (this.#costs[i] === 0) continue;
      let [s0, s1, s2, s3] = [bias, 0, 0, 0];
      if ('indptr' in this.#rows) {
        const { indptr, indices } = this.#rows;
        for (let k = indptr[i]; k < indptr[i + 1]; k++) s0 += values[k] * v[indices[k]];
      } else {
        const at = i * columns;
        let j = 0;
        for (; j + 4 <= columns; j += 4) {
          s0 += values[at + j] * v[j];
          s1 += values[at + j + 1] * v[j + 1];
          s2 += values[at + j + 2] * v[j + 2];
          s3 += values[at + j + 3] * v[j + 3];
        }
        for (; j < columns; j++) s0 += values[at + j] * v[j];
      }
      out[i] = s0 + s1 + (s2 + s3);
    }
    return out;
  }

  /** out ← out + Σ factorᵢ xᵢ */
  #addRows(rows: Int32Array, factors: Float64Array, out: Float64Array): void {
    const { columns, values } = this.#rows;
    for (let n = 0; n < rows.length; n++) {
      const i = rows[n];
      const factor = factors[i];
      if ('indptr' in this.#rows) {
        const { indptr, indices } = this.#rows;
        for (let k = indptr[i]; k < indptr[i + 1]; k++) out[indices[k]] += factor * values[k];
      } else {
        const at = i * columns;
        for (let j = 0; j < columns; j++) out[j] += factor * values[at + j];
      }
      out[columns] += factor;
    }
  }
}

/** ξ with the sign of its slope along s. */
function excess(problem: SvmProblem, row: number, s: number): number {
  const z = problem.targets[row];
  if (problem.kind === 'classification') return z * s < 1 ? s - z : 0;
  const off = s - z;
  return Math.abs(off) > problem.epsilon ? off - Math.sign(off) * problem.epsilon : 0;
}

function costOf(problem: SvmProblem, target: number): number {
  if (problem.kind === 'regression') return problem.cost;
  return target > 0 ? problem.positiveCost : problem.negativeCost;
}

function rarerShare({ kind, targets }: SvmProblem, weights: Float32Array): number {
  if (kind === 'regression') return 1;
  let [positive, all] = [0, 0];
  for (let i = 0; i < weights.length; i++) {
    if (weights[i] === 0) continue;
    all++;
    if (targets[i] > 0) positive++;
  }
  return Math.max(Math.min(positive, all - positive), 1) / all;
}

/** x with A x = b. @param A - `[size × size]`, its lower half; left as L with A = L Lᵀ. @param b - left as x. */
function solved(A: Float64Array, b: Float64Array): Float64Array {
  const size = b.length;
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = A[i * size + j];
      for (let k = 0; k < j; k++) sum -= A[i * size + k] * A[j * size + k];
      A[i * size + j] = i === j ? Math.sqrt(sum) : sum / A[j * size + j];
    }
    // L y = b
    for (let k = 0; k < i; k++) b[i] -= A[i * size + k] * b[k];
    b[i] /= A[i * size + i];
  }
  for (let i = size - 1; i >= 0; i--) {
    // Lᵀ x = y
    for (let k = i + 1; k < size; k++) b[i] -= A[k * size + i] * b[k];
    b[i] /= A[i * size + i];
  }
  return b;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let j = 0; j < a.length; j++) sum += a[j] * b[j];
  return sum;
}

function length(a: Float64Array): number {
  return Math.sqrt(dot(a, a));
}
