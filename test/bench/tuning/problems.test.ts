import { describe, expect, it } from 'vitest';
import { bestParameters } from '../../../bench/suites/tuning/digits-task.ts';
import { openProblem, problemNames } from '../../../bench/suites/tuning/problems.ts';
import type { ParameterValues } from '../../../contracts/parameters.ts';
import { random } from '../../../tuning/samplers/random.ts';

const numbers = (...x: number[]) => Object.fromEntries(x.map((value, i) => [`x${i + 1}`, value]));

describe.each(problemNames)('the problem %s', (name) => {
  it('costs no less than nothing, and the same each time', async () => {
    const { space, regret } = await openProblem(name);
    for (let index = 0; index < 20; index++) {
      const parameters = random({ space, history: [], seed: 1, index })!;
      expect(regret(parameters)).toBeGreaterThan(0);
      expect(regret(parameters)).toBe(regret(parameters));
    }
  });
});

describe('the functions of the literature', () => {
  it.each([
    ['branin', numbers(-Math.PI, 12.275)],
    ['branin', numbers(Math.PI, 2.275)],
    ['branin', numbers(9.42478, 2.475)],
    ['hartmann-6', numbers(0.20169, 0.150011, 0.476874, 0.275332, 0.311652, 0.6573)],
    ['rosenbrock-5', numbers(1, 1, 1, 1, 1)],
  ] as const)('%s has its least value where it is known to: %j', async (name, best) => {
    const { regret } = await openProblem(name);
    expect(Math.abs(regret(best))).toBeLessThan(1e-8);
  });

  it.each([
    // f(0, 0) = 36 + 10 (1 − 1 / (8 π)) + 10
    ['branin', numbers(0, 0), 56 - 10 / (8 * Math.PI) - 10 / (8 * Math.PI)],
    ['rosenbrock-5', numbers(0, 0, 0, 0, 0), 4],
    ['rosenbrock-5', numbers(2, 2, 2, 2, 2), 4 * 401],
  ] as const)('%s has at %j the regret %d', async (name, at, expected) => {
    const { regret } = await openProblem(name);
    expect(regret(at)).toBeCloseTo(expected, 10);
  });
});

describe('reading digits', () => {
  it('has its least known error at the parameters that are named', async () => {
    const { regret } = await openProblem('digits');
    expect(Math.abs(regret(bestParameters))).toBeLessThan(1e-12);
    const away: ParameterValues[] = [
      { ...bestParameters, blur: 1 },
      { ...bestParameters, kernel: 'gaussian' },
      { ...bestParameters, ridge: 1e-3 },
      { ...bestParameters, scale: 2 },
    ];
    for (const parameters of away) expect(regret(parameters)).toBeGreaterThan(1e-6);
  });
});
