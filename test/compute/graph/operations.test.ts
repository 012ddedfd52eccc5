import { describe, expect, it } from 'vitest';
import { operationNames } from '../../../compute/graph/operations/table.ts';
import { cases } from './cases.ts';
import { FedGraph, plain } from './running.ts';

describe('the operations of the table', () => {
  it.each(operationNames)(
    '%s computes what its formula says, in the type and sizes inferred while building',
    async (name) => {
      const { build, expected, shape = [expected.length] } = cases[name];
      const g = new FedGraph();
      const tensor = build(g);
      if (name !== 'Identity') expect(g.nodes.map((node) => node.operation)).toContain(name);
      const { out } = await g.run({ out: tensor });
      expect(out.datatype).toBe(tensor.type);
      // Sizes that only the run could tell are symbols in the inferred shape.
      expect(tensor.shape.map((dim, axis) => (typeof dim === 'number' ? dim : out.shape[axis]))).toEqual(out.shape);
      if (shape.length > 1) expect(out.shape).toEqual(shape);
      const got = plain(out);
      expect(got).toHaveLength(expected.length);
      for (const [i, value] of expected.entries()) {
        if (typeof value === 'string' || !Number.isFinite(Number(value))) expect(got[i]).toBe(value);
        else expect(got[i]).toBeCloseTo(Number(value), 5);
      }
    },
  );
});
