import { expect, it } from 'vitest';
import { scoreTable } from '../../evaluation/table-scores.ts';

it('ranks what is sure of two classes by how sure it is, where float32 has no digits left', () => {
  const truth = { kind: 'classes', codes: Int32Array.of(0, 1, 1, 0), classes: ['a', 'b'] } as const;
  // The second column is 1 in the first three rows.
  const sure = Float32Array.of(1e-9, 1 - 1e-9, 1e-20, 1, 1e-12, 1 - 1e-12, 1, 1e-12);
  expect(scoreTable('auc', truth, sure)).toBe(1);
  expect(scoreTable('averagePrecision', truth, sure)).toBe(1);
});
