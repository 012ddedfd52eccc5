import { describe, expect, it } from 'vitest';
import { Graph } from '../../../compute/graph/graph.ts';
import { encodeModel } from '../../../compute/onnx/model.ts';
import { openSession } from '../../../compute/onnx/session.ts';
import { Random } from '../../../contracts/random.ts';
import { target as encoding } from '../../../data/preparation/target-encoding.ts';
import type { Learned, StepState } from '../../../data/preparation/transformer.ts';
import type { StringColumn, Target } from '../../../data/table.ts';
import { classesOf, fixture, targets } from './judged.ts';

function columnOf(values: readonly string[]): StringColumn {
  const dictionary = [...new Set(values)].toSorted();
  return { kind: 'category', codes: Int32Array.from(values, (value) => dictionary.indexOf(value)), dictionary };
}

function fit(
  values: readonly string[],
  y: Target | undefined,
  { smoothing = 10, folds = 5, seed = 1, groups }: { smoothing?: number; folds?: number; seed?: number; groups?: Int32Array } = {}, // prettier-ignore
): Learned<StepState> & { training: Float32Array } {
  const learned = encoding.fit('city', columnOf(values), { smoothing, folds }, y, { seed, threads: 1, groups });
  return learned as Learned<StepState> & { training: Float32Array };
}

async function encode({ state }: Learned<StepState>, values: readonly string[]): Promise<Float32Array> {
  const g = new Graph();
  g.output('features', encoding.lower(g, state as never, g.input('city', 'string', ['batch'])));
  const session = await openSession(encodeModel(g.toModel()));
  const { features } = await session.run({ city: { datatype: 'string', shape: [values.length], data: values } });
  await session.close();
  return features.data as Float32Array;
}

const numbersOf = (values: readonly number[]): Target => ({ kind: 'number', values: Float32Array.from(values) });

describe('target encoding', () => {
  it.each(['two', 'three', 'numbers'] as const)("has scikit-learn's encodings of %s", async (name) => {
    const { values, encodings, mean } = fixture.encodings[name];
    const learned = fit(fixture.words, targets[name], { smoothing: fixture.smoothing });
    // Of classes, each but the first; of two, scikit-learn has the second alone as well.
    const skip = name === 'three' ? 1 : 0;
    const width = encodings.length - skip;
    expect(learned.names).toEqual(name === 'three' ? ['city_b', 'city_c'] : ['city']);
    const encoded = await encode(learned, [...values, 'never seen']);
    for (let k = 0; k < width; k++) {
      for (const [v, value] of encodings[k + skip].entries()) expect(encoded[v * width + k]).toBeCloseTo(value, 5);
      // What is not in the training rows is the mean of all.
      expect(encoded[values.length * width + k]).toBeCloseTo(mean[k + skip], 5);
    }
  });

  it('is the plain mean without smoothing, and the mean of all with much of it', async () => {
    const values = ['a', 'a', 'b', 'b', 'b', 'c'];
    const y = numbersOf([1, 3, 6, 6, 9, 11]);
    expect([...(await encode(fit(values, y, { smoothing: 0 }), ['a', 'b', 'c', '']))]).toEqual([2, 7, 11, 6]);
    for (const encoded of await encode(fit(values, y, { smoothing: 1e6 }), ['a', 'b', 'c'])) {
      expect(encoded).toBeCloseTo(6, 3);
    }
  });

  it('encodes a training row by the rows of other folds alone', () => {
    const random = new Random(4);
    const values = Array.from({ length: 101 }, () => 'abcdefg'[random.integer(7)]);
    const codes = values.map((value) => Number(random.uniform() < (value < 'd' ? 0.8 : 0.2)));
    // Each its own group, so that folds do not depend on targets.
    const groups = Int32Array.from(values, (_, row) => row);
    const before = fit(values, classesOf(codes), { groups }).training;
    expect(before).toHaveLength(101);
    for (const row of [0, 1, 50, 100]) {
      const other = codes.with(row, 1 - codes[row]);
      expect(fit(values, classesOf(other), { groups }).training[row]).toBe(before[row]);
      expect(fit(values, classesOf(other), { groups }).training).not.toEqual(before);
    }
  });

  it('has no row of a group encoded by rows of its group', () => {
    const random = new Random(9);
    const groups = Int32Array.from({ length: 60 }, () => random.integer(12));
    const values = Array.from(groups, () => 'ab'[random.integer(2)]);
    const y = Array.from(groups, () => random.normal());
    const before = fit(values, numbersOf(y), { groups, folds: 4 }).training;
    // All targets of one group are moved: what is told of its rows stays, what is told of others does not.
    const moved = y.map((value, row) => (groups[row] === groups[0] ? value + 5 : value));
    const after = fit(values, numbersOf(moved), { groups, folds: 4 }).training;
    for (const [row, group] of groups.entries()) if (group === groups[0]) expect(after[row]).toBe(before[row]);
    expect(after).not.toEqual(before);
  });

  it('tells a value that is in one row alone nothing but the mean of the other folds, alike in all', () => {
    const values = Array.from({ length: 100 }, (_, row) => `id ${row}`);
    const codes = values.map((_, row) => Number(row % 4 === 0));
    const { training } = fit(values, classesOf(codes), { smoothing: 0 });
    for (const told of training) expect(told).toBe(0.25);
    // The lowest of a round of numbers is not always in the same fold.
    const numbers = values.map((_, row) => row);
    const means = new Set(fit(values, numbersOf(numbers), { smoothing: 0 }).training);
    expect(means.size).toBeLessThanOrEqual(5);
    for (const mean of means) expect(Math.abs(mean - 49.5)).toBeLessThan(0.3);
  });

  it('is the same by the same seed, and has other folds by another', () => {
    const values = Array.from({ length: 60 }, (_, row) => 'abc'[row % 3]);
    const y = numbersOf(values.map((_, row) => (row * 17) % 23));
    expect(fit(values, y)).toEqual(fit(values, y));
    const other = fit(values, y, { seed: 2 });
    expect(other.state).toEqual(fit(values, y).state);
    expect(other.training).not.toEqual(fit(values, y).training);
  });

  it('fits where there are fewer rows or groups than folds', () => {
    expect([...fit(['a'], numbersOf([3])).training]).toEqual([3]);
    expect([...fit(['a', 'a'], numbersOf([1, 5]), { smoothing: 0 }).training]).toEqual([5, 1]);
    const one = fit(['a', 'b', 'b'], numbersOf([1, 2, 6]), { groups: new Int32Array(3) });
    expect([...one.training]).toEqual([3, 3, 3]);
  });

  it('takes a missing value as one like others, and a dictionary that holds more than the column', async () => {
    const column: StringColumn = {
      kind: 'category',
      codes: Int32Array.of(0, 0, 2),
      dictionary: ['', 'not there', 'z'],
    };
    const y = numbersOf([4, 6, 20]);
    const learned = await encoding.fit('city', column, { smoothing: 0, folds: 2 }, y, { seed: 1, threads: 1 });
    expect(learned.report).toEqual({ city: { values: 2, mean: 10 } });
    expect([...(await encode(learned as Learned<StepState>, ['', 'z', 'not there']))]).toEqual([5, 20, 10]);
  });

  it('refuses to be fitted without a target, or without a value', () => {
    expect(() => fit(['a'], undefined)).toThrow(expect.objectContaining({ code: 'PREPARATION_FAILED' }));
    expect(() => fit(['', ''], numbersOf([1, 2]))).toThrow(expect.objectContaining({ code: 'PREPARATION_FAILED' }));
  });
});
