/** minimise ½ βᵀQβ − zᵀβ + p ‖β‖₁ over lower ≤ β ≤ upper and, where `balanced`, Σ β = 0. */
export interface BoxQp {
  Q: number[][];
  z: number[];
  epsilon: number;
  lower: number[];
  upper: number[];
  balanced: boolean;
}

export function objectiveOf({ Q, z, epsilon }: BoxQp, beta: ArrayLike<number>): number {
  let sum = 0;
  for (const [i, row] of Q.entries()) {
    for (const [j, q] of row.entries()) sum += (q * beta[i] * beta[j]) / 2;
    sum += epsilon * Math.abs(beta[i]) - z[i] * beta[i];
  }
  return sum;
}

/**
 * The least objective, by trying for each variable whether it is at a bound, at zero, or free on one side of it: the
 * optimum is the stationary point of one of these choices.
 */
export function bruteForce(qp: BoxQp): number {
  const { lower, upper } = qp;
  const n = lower.length;
  let least = Infinity;
  const choices: { value?: number; sign: number }[][] = lower.map((low, i) => [
    ...[...new Set([low, 0, upper[i]])].filter(Number.isFinite).map((value) => ({ value, sign: 0 })),
    ...(upper[i] > 0 ? [{ sign: 1 }] : []),
    ...(low < 0 ? [{ sign: -1 }] : []),
  ]);
  const chosen: { value?: number; sign: number }[] = [];
  const descend = (i: number): void => {
    if (i < n) {
      for (const choice of choices[i]) {
        chosen[i] = choice;
        descend(i + 1);
      }
      return;
    }
    const beta = stationary(qp, chosen);
    if (!beta) return;
    const feasible =
      beta.every((b, k) => b >= lower[k] - 1e-12 && b <= upper[k] + 1e-12 && b * chosen[k].sign >= -1e-12) &&
      (!qp.balanced || Math.abs(beta.reduce((a, b) => a + b, 0)) < 1e-9);
    if (feasible) least = Math.min(least, objectiveOf(qp, beta));
  };
  descend(0);
  return least;
}

/** The free variables where their gradients vanish (or are equal, where balanced), the others where they were put. */
function stationary({ Q, z, epsilon, balanced }: BoxQp, chosen: readonly { value?: number; sign: number }[]) {
  const beta = chosen.map(({ value }) => value ?? 0);
  const free = chosen.flatMap(({ value }, i) => (value === undefined ? [i] : []));
  if (free.length === 0) return beta;
  const A = free.map((i) => [...free.map((j) => Q[i][j]), ...(balanced ? [1] : [])]);
  const b = free.map((i) => z[i] - epsilon * chosen[i].sign - Q[i].reduce((sum, q, j) => sum + q * beta[j], 0));
  if (balanced) {
    A.push([...free.map(() => 1), 0]);
    b.push(-beta.reduce((sum, value) => sum + value, 0));
  }
  const solved = solve(A, b);
  for (const [k, i] of free.entries()) beta[i] = solved ? solved[k] : Number.NaN;
  return solved ? beta : undefined;
}

/** By elimination with pivoting; undefined where the matrix is singular. */
function solve(A: number[][], b: number[]): number[] | undefined {
  const n = b.length;
  const rows = A.map((row, i) => [...row, b[i]]);
  for (let c = 0; c < n; c++) {
    let pivot = c;
    for (let r = c; r < n; r++) if (Math.abs(rows[r][c]) > Math.abs(rows[pivot][c])) pivot = r;
    if (Math.abs(rows[pivot][c]) < 1e-10) return undefined;
    [rows[c], rows[pivot]] = [rows[pivot], rows[c]];
    for (let r = 0; r < n; r++) {
      const factor = r === c ? 0 : rows[r][c] / rows[c][c];
      for (let k = c; k <= n; k++) rows[r][k] -= factor * rows[c][k];
    }
  }
  return rows.map((row, i) => row[n] / row[i]);
}
