/** What samplers are compared on: three functions that the literature does, and one real tuning task. */
import type { ParameterValues, SearchSpace } from '../../../contracts/parameters.ts';
import { digitsTask } from './digits-task.ts';

export interface Problem {
  space: SearchSpace;
  /** How much more it comes to than the least that is known; at least 0, but for what nobody had found. */
  regret: (parameters: Readonly<ParameterValues>) => number;
}

export const problemNames = ['branin', 'hartmann-6', 'rosenbrock-5', 'digits'] as const;
export type ProblemName = (typeof problemNames)[number];

export async function openProblem(name: ProblemName): Promise<Problem> {
  switch (name) {
    case 'branin':
      return branin;
    case 'hartmann-6':
      return hartmann;
    case 'rosenbrock-5':
      return rosenbrock;
    case 'digits':
      return digitsTask();
  }
}

/** Of numbers alone, `x1`, `x2` and so on. */
function functionOf(
  ranges: readonly (readonly [number, number])[],
  f: (x: number[]) => number,
  least: number,
): Problem {
  const dimensions = ranges.map(([min, max], i) => [`x${i + 1}`, { kind: 'number', min, max, log: false }] as const);
  return {
    space: Object.fromEntries(dimensions),
    regret: (parameters) => f(dimensions.map(([name]) => Number(parameters[name]))) - least,
  };
}

/** F. H. Branin, IBM J. Res. Dev. 16, 1972: three minima of the same depth. */
const branin = functionOf(
  [
    [-5, 10],
    [0, 15],
  ],
  ([x, y]) =>
    (y - (5.1 / (4 * Math.PI ** 2)) * x ** 2 + (5 / Math.PI) * x - 6) ** 2 +
    10 * (1 - 1 / (8 * Math.PI)) * Math.cos(x) +
    10,
  // 10 / (8 π), at (π, 2.275)
  10 / (8 * Math.PI),
);

/** H. H. Rosenbrock, Computer Journal 3, 1960, in the form of sums over neighbours: a bent valley, and a second minimum. */
const rosenbrock = functionOf(
  Array.from({ length: 5 }, () => [-5, 10] as const),
  (x) => x.slice(1).reduce((sum, next, i) => sum + 100 * (next - x[i] ** 2) ** 2 + (1 - x[i]) ** 2, 0),
  0,
);

/** L. C. W. Dixon and G. P. Szegő, "Towards global optimisation 2", 1978: six minima, one of them the deepest. */
const heights = [1, 1.2, 3, 3.2];
const widths = [
  [10, 3, 17, 3.5, 1.7, 8],
  [0.05, 10, 17, 0.1, 8, 14],
  [3, 3.5, 1.7, 10, 17, 8],
  [17, 8, 0.05, 10, 0.1, 14],
];
const centres = [
  [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
  [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
  [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.665],
  [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
];
const hartmann = functionOf(
  Array.from({ length: 6 }, () => [0, 1] as const),
  (x) =>
    -heights.reduce((sum, height, i) => {
      const distance = x.reduce((total, value, j) => total + widths[i][j] * (value - centres[i][j]) ** 2, 0);
      return sum + height * Math.exp(-distance);
    }, 0),
  -3.322368011415512,
);
