import { describe, expect, it } from 'vitest';
import { derivatives } from '../../../compute/graph/derivatives/table.ts';
import { zero } from '../../../compute/graph/derivatives/definition.ts';
import { operationNames } from '../../../compute/graph/operations/table.ts';
import { CheckedGraph, checkGradients } from './gradient-check.ts';
import { gradientCases } from './gradient-cases.ts';

const draws = 3;

describe('the derivative of', () => {
  it.each(operationNames)('%s is its difference quotient, by each input and in every broadcast', async (name) => {
    const given = gradientCases[name];
    expect(given, `${name} needs a case in gradient-cases.ts`).toBeDefined();
    if ('none' in given) {
      if (given.none !== 'is refused') expect(derivatives[name]).toBe(zero);
      return;
    }
    const programs = Object.entries(given.programs);
    for (const [at, [title, build]] of programs.entries()) {
      for (let draw = 0; draw < draws; draw++) {
        const seed = 1000 * at + draw;
        try {
          await checkGradients(build, given.type ?? 'float64', seed);
        } catch (cause) {
          throw new Error(`${name}, ${title}: ${(cause as Error).message}`, { cause });
        }
      }
      const g = new CheckedGraph('float64', 0);
      build(g);
      expect(g.nodes.map((node) => node.operation)).toContain(name);
    }
  });
});
