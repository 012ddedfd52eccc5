/**
 * Linear models with an L1 penalty: least squares (R. Tibshirani, 1996) and the softmax of classes, by coordinate descent
 * (J. Friedman, T. Hastie and R. Tibshirani, "Regularization Paths for Generalized Linear Models via Coordinate Descent",
 * Journal of Statistical Software 33, 2010), over dense or sparse columns, in float64.
 *
 * Coefficients are those of z = x / σ. The log loss is replaced by a parabola where it stands, logit after logit, which
 * coordinate descent brings to its minimum; of the way there as much is gone as lowers the loss itself. Least squares is
 * a parabola as it is.
 */
import type { FeatureColumn } from './columns.ts';
import { Parabola } from './lasso-parabola.ts';

export interface LassoInput {
  readonly columns: readonly FeatureColumn[];
  /** Standard deviation of each; a column with 0 has coefficient 0. */
  readonly deviation: Float64Array;
  readonly rows: number;
  /** `[logits × rows]`: of least squares the target; of classes 1 where a row is of the logit's class, else 0. */
  readonly targets: readonly Float64Array[];
  /** Two classes have one logit. */
  readonly loss: 'squares' | 'classes';
}

/** On the way to the penalty that is asked for, a round changes no coefficient by more than this. */
const enoughBefore = 1e-2;
const mostRounds = 100;
/** Steps for each factor of ten between the penalty that leaves nothing and the one that is asked for. */
const stepsPerDecade = 5;

/**
 * The minimum of loss + λ Σ |β|, the loss being ½ mean (y − η)² or the mean log loss, intercepts left out.
 * @param share - λ as a share of the least λ that makes all coefficients 0, in (0, 1].
 * @param enough - the descent ends with a round that changes no coefficient by more.
 * @returns `coefficients`, `[logits × columns]`; and what the gradient of each is where all are 0, the largest of its
 * logits'.
 */
export function lasso(
  input: LassoInput,
  share: number,
  enough: number,
): { coefficients: Float64Array[]; gradients: Float64Array } {
  const descent = new Descent(input);
  const gradients = descent.gradients();
  const most = gradients.reduce((a, b) => Math.max(a, b), 0);
  const steps = Math.ceil(stepsPerDecade * -Math.log10(share));
  // From large to small penalties, each beginning where the one before ended.
  for (let step = 1; step <= steps && most > 0; step++) {
    descent.descend(most * share ** (step / steps), step < steps ? Math.max(enough, enoughBefore) : enough);
  }
  return { coefficients: descent.coefficients, gradients };
}

class Descent {
  readonly #input: LassoInput;
  readonly coefficients: Float64Array[];
  /** η of each logit, `[rows]`. */
  readonly #scores: Float64Array[];
  /** Columns that vary. */
  readonly #all: Int32Array;
  readonly #parabola: Parabola;
  /** Σ exp(η − `#shift`) over the logits, `[rows]`. */
  readonly #total: Float64Array;
  readonly #shift: Float64Array;

  constructor(input: LassoInput) {
    const { columns, rows, targets, deviation } = input;
    this.#input = input;
    this.coefficients = targets.map(() => new Float64Array(columns.length));
    this.#scores = targets.map((target) => new Float64Array(rows).fill(interceptOf(target, input)));
    this.#all = Int32Array.from(columns.keys()).filter((j) => deviation[j] > 0);
    this.#parabola = new Parabola(columns, deviation, rows);
    this.#total = new Float64Array(rows);
    this.#shift = new Float64Array(rows);
  }

  /** |∂loss/∂β| of each column where the descent stands, the largest of its logits'. */
  gradients(): Float64Array {
    const gradients = new Float64Array(this.#input.columns.length);
    this.#findTotals();
    for (const k of this.coefficients.keys()) {
      this.#bend(k);
      for (const j of this.#all) gradients[j] = Math.max(gradients[j], Math.abs(this.#parabola.slope(j)));
    }
    return gradients;
  }

  /** To the minimum for a penalty, from where the descent stands. */
  descend(penalty: number, enough: number): void {
    let rounds = 0;
    const settled = (onlyActive: boolean) =>
      ++rounds > mostRounds || this.#round(penalty, onlyActive, enough) <= enough;
    // Those that are not 0 change most; all are looked at where these have settled.
    do while (!settled(true));
    while (!settled(false));
  }

  /** One parabola of each logit. @returns the largest change of a coefficient. */
  #round(penalty: number, onlyActive: boolean, enough: number): number {
    let largest = 0;
    this.#findTotals();
    for (const [k, beta] of this.coefficients.entries()) {
      this.#bend(k);
      const chosen = onlyActive ? this.#all.filter((j) => beta[j] !== 0) : this.#all;
      const next = beta.slice();
      this.#parabola.descend(next, chosen, penalty, enough / 4);
      largest = Math.max(largest, this.#go(k, next, penalty));
    }
    return largest;
  }

  /** Makes the parabola that touches the loss where the descent stands, as a function of one logit. */
  #bend(k: number): void {
    const { targets, loss } = this.#input;
    const [y, score, total, shift] = [targets[k], this.#scores[k], this.#total, this.#shift];
    this.#parabola.begin((i) => {
      if (loss === 'squares') return { residual: y[i] - score[i], weight: 1 };
      const p = Math.exp(score[i] - shift[i]) / total[i];
      return { residual: y[i] - p, weight: p * (1 - p) };
    });
  }

  /** Goes towards these coefficients, and to the parabola's η with them, as far as the loss falls. */
  #go(k: number, next: Float64Array, penalty: number): number {
    const [beta, score] = [this.coefficients[k], this.#scores[k]];
    const moves = this.#parabola.moves();
    let share = 1;
    if (this.#input.loss === 'classes') {
      const [from, to] = [norm(beta), norm(next)];
      const before = this.#lossOf(k, moves, 0) + penalty * from;
      // The penalty along the way is at most what lies between its ends.
      const after = () => this.#lossOf(k, moves, share) + penalty * (from + share * (to - from));
      while (share > 1e-3 && !(after() <= before)) share /= 2;
      if (share <= 1e-3) return 0;
    }
    let largest = 0;
    for (const [j, value] of next.entries()) {
      largest = Math.max(largest, Math.abs(value - beta[j]));
      // Exactly 0 where it is to be.
      beta[j] = share === 1 ? value : beta[j] + share * (value - beta[j]);
    }
    for (const [i, move] of moves.entries()) {
      const moved = score[i] + share * move;
      if (this.coefficients.length > 1) this.#total[i] = this.#totalWith(i, score[i], moved);
      score[i] = moved;
    }
    if (this.#input.loss === 'classes' && this.coefficients.length === 1) this.#findTotals();
    return largest;
  }

  /** The mean log loss as far as it depends on one logit. */
  #lossOf(k: number, moves: Float64Array, share: number): number {
    const [y, score, shift] = [this.#input.targets[k], this.#scores[k], this.#shift];
    let sum = 0;
    for (let i = 0; i < moves.length; i++) {
      const moved = score[i] + share * moves[i];
      sum += Math.log(this.#totalWith(i, score[i], moved)) + shift[i] - y[i] * moved;
    }
    return sum / moves.length;
  }

  /** Σ exp(η − shift) where one of the logits has another value. */
  #totalWith(i: number, score: number, moved: number): number {
    const own = Math.exp(score - this.#shift[i]);
    // What the others have is never nothing, which rounding might make of it.
    return Math.max(this.#total[i] - own, 1e-15 * this.#total[i]) + Math.exp(moved - this.#shift[i]);
  }

  /** Of two classes, the other one's logit is 0. */
  #findTotals(): void {
    const scores = this.#scores;
    if (this.#input.loss === 'squares') return;
    const other = scores.length === 1 ? 0 : -Infinity;
    for (let i = 0; i < this.#total.length; i++) {
      let largest = other;
      for (const score of scores) largest = Math.max(largest, score[i]);
      let total = Math.exp(other - largest);
      for (const score of scores) total += Math.exp(score[i] - largest);
      this.#shift[i] = largest;
      this.#total[i] = total;
    }
  }
}

/** The best one while all coefficients are 0; of a class that no row has or all have, a finite one. */
function interceptOf(target: Float64Array, { loss, targets }: LassoInput): number {
  const sum = target.reduce((total, y) => total + y, 0);
  if (loss === 'squares') return sum / target.length;
  const others = targets.length === 1 ? target.length - sum : target.length;
  return Math.log(Math.max(sum, 0.5) / Math.max(others, 0.5));
}

function norm(beta: Float64Array): number {
  return beta.reduce((sum, value) => sum + Math.abs(value), 0);
}
