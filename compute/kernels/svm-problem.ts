/** What support vector machines are asked to learn, linear ones and those with kernels. */

export interface SvmClassification {
  kind: 'classification';
  /** `[rows]`: 1 or −1. */
  targets: ArrayLike<number>;
  /** C of the rows with target 1, and with target −1; above 0. */
  positiveCost: number;
  negativeCost: number;
}
export interface SvmRegression {
  kind: 'regression';
  /** `[rows]`, finite. */
  targets: ArrayLike<number>;
  /** C, above 0. */
  cost: number;
  /** Half the width of the tube without loss, at least 0, in the unit of the targets. */
  epsilon: number;
}
export type SvmProblem = SvmClassification | SvmRegression;

/**
 * A kernel checks nothing, so that a problem is looked at before it gets there.
 * @param rowWeights - factors of C, at least 0.
 * @throws RangeError where targets, costs or weights are out of range, or not as many as there are rows.
 */
export function checkProblem(problem: SvmProblem, count: number, rowWeights?: Float32Array): void {
  const { targets, kind } = problem;
  if (targets.length !== count) throw new RangeError(`There must be ${count} targets. Got ${targets.length}.`);
  for (let i = 0; i < count; i++) {
    if (kind === 'classification' ? Math.abs(targets[i]) !== 1 : !Number.isFinite(targets[i])) {
      throw new RangeError(`Targets must be ${kind === 'classification' ? '1 or −1' : 'finite'}. Got ${targets[i]}.`);
    }
  }
  const costs = kind === 'classification' ? [problem.positiveCost, problem.negativeCost] : [problem.cost];
  for (const cost of costs) {
    if (!(cost > 0 && cost < Infinity)) throw new RangeError(`A cost must be finite and above 0. Got ${cost}.`);
  }
  if (kind === 'regression' && !(problem.epsilon >= 0 && problem.epsilon < Infinity)) {
    throw new RangeError(`Epsilon must be finite and at least 0. Got ${problem.epsilon}.`);
  }
  if (!rowWeights) return;
  if (rowWeights.length !== count) {
    throw new RangeError(`There must be ${count} row weights. Got ${rowWeights.length}.`);
  }
  const wrong = rowWeights.find((weight) => !(weight >= 0 && weight < Infinity));
  if (wrong !== undefined) throw new RangeError(`Row weights must be finite and at least 0. Got ${wrong}.`);
}

/** @throws RangeError where a number of steps or epochs is no integer of at least 0. */
export function checkSteps(what: 'steps' | 'epochs', count: number): void {
  if (!Number.isInteger(count) || count < 0) {
    throw new RangeError(`The number of ${what} must be an integer of at least 0. Got ${count}.`);
  }
}
