import { expect, test } from 'vitest';
import { withoutContradictions } from '../../data/contradictions.ts';
import type { Table, Target } from '../../data/table.ts';

/** x, word, id, class: ten rows. */
const rows: [number, string, number, number][] = [
  [1, 'a', 0, 1],
  [1, 'a', 1, 0],
  [1, 'a', 2, 1],
  [2, 'a', 3, 1],
  [2, 'a', 4, 0],
  [3, 'a', 5, 1],
  [NaN, '', 6, 0],
  [NaN, '', 7, 2],
  [NaN, '', 8, 2],
  [1, 'b', 9, 0],
];
const words = ['', 'a', 'b'];
const table: Table = {
  rows: rows.length,
  columns: {
    x: { kind: 'number', values: Float32Array.from(rows, ([x]) => x) },
    word: { kind: 'category', dictionary: words, codes: Int32Array.from(rows, ([, word]) => words.indexOf(word)) },
    id: { kind: 'number', values: Float32Array.from(rows, ([, , id]) => id) },
  },
};
const target: Target = {
  kind: 'classes',
  classes: ['maybe', 'no', 'yes'],
  codes: Int32Array.from(rows, ([, , , code]) => code),
};
const all = Int32Array.from(rows.keys());
const kept = (rule: 'majority' | 'drop', given = all, features = ['x', 'word']) => [
  ...withoutContradictions(table, target, given, features, rule),
];

test('the majority stays, of a draw none', () => {
  expect(kept('majority')).toEqual([0, 2, 5, 7, 8, 9]);
});

test('or all that contradict go', () => {
  expect(kept('drop')).toEqual([5, 9]);
});

test('rows that are not learned from have no vote', () => {
  expect(kept('majority', Int32Array.of(0, 1, 3, 7))).toEqual([3, 7]);
  expect(kept('drop', Int32Array.of(9, 4, 0))).toEqual([9, 4, 0]);
});

test('rows are alike in the features alone', () => {
  expect(kept('drop', all, ['x', 'word', 'id'])).toEqual([...all]);
  expect(kept('drop', all, ['word'])).toEqual([9]);
});

test('numbers do not contradict each other', () => {
  const numbers: Target = { kind: 'number', values: Float32Array.from(rows.keys()) };
  expect(withoutContradictions(table, numbers, all, ['word'], 'drop')).toBe(all);
});
