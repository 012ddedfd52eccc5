import { describe, expect, it } from 'vitest';
import { Random } from '../../contracts/random.ts';
import {
  historyBand,
  historyLabels,
  LaneSlicing,
  ownersOf,
  popularityBands,
} from '../../evaluation/recommender-slices.ts';
import { sliceRows, type RowSlice } from '../../evaluation/slices.ts';
import { codes } from './known.ts';

const shown = (slices: RowSlice[]) => slices.map(({ kind, label, rows }) => [kind, label, [...rows]]);

describe('sliceRows', () => {
  it('gives each value of a category its rows, those with most rows first, and missing ones last', () => {
    const column = {
      kind: 'category',
      codes: codes([2, 1, 0, 2, 1, 2]),
      dictionary: ['', 'a', 'b', 'unused'],
    } as const;
    expect(shown(sliceRows(column))).toEqual([
      ['value', 'b', [0, 3, 5]],
      ['value', 'a', [1, 4]],
      ['missing', 'missing', [2]],
    ]);
  });

  it('puts rare values together', () => {
    const column = { kind: 'text', codes: codes([0, 1, 2, 1, 3, 3]), dictionary: ['d', 'a', 'missing', 'b'] } as const;
    expect(shown(sliceRows(column, { values: 2 }))).toEqual([
      ['value', 'a', [1, 3]],
      ['value', 'b', [4, 5]],
      ['other', '2 other values', [0, 2]],
    ]);
  });

  it('cuts numbers into ranges of about as many rows', () => {
    const values = Float32Array.from({ length: 100 }, (_, i) => (i === 40 ? Number.NaN : (i * 37) % 100));
    const slices = sliceRows({ kind: 'number', values }, { bins: 4 });
    expect(slices.map(({ kind }) => kind)).toEqual(['range', 'range', 'range', 'range', 'missing']);
    expect(slices.map(({ rows }) => rows.length)).toEqual([25, 25, 24, 25, 1]);
    expect(slices[0].label).toBe('[0, 24.5]');
    expect(slices[1].label).toBe('(24.5, 49]');
    expect(slices.flatMap(({ rows }) => [...rows]).toSorted((a, b) => a - b)).toEqual([...values.keys()]);
  });

  it('gives few numbers a slice each, in their order', () => {
    const column = { kind: 'number', values: Float32Array.of(10, 2, Number.NaN, 2, -1, 10, 10) } as const;
    expect(shown(sliceRows(column))).toEqual([
      ['value', '-1', [4]],
      ['value', '2', [1, 3]],
      ['value', '10', [0, 5, 6]],
      ['missing', 'missing', [2]],
    ]);
  });

  it('bounds one range by a value that most rows have', () => {
    const values = Float32Array.from({ length: 60 }, (_, i) => (i < 50 ? 0 : i));
    expect(sliceRows({ kind: 'number', values }, { bins: 4 }).map(({ label, rows }) => [label, rows.length])).toEqual([
      ['[0, 59]', 60],
    ]);
  });

  it('names yes and no, and days', () => {
    expect(shown(sliceRows({ kind: 'boolean', values: Float32Array.of(1, 0, 1) }))).toEqual([
      ['value', 'false', [1]],
      ['value', 'true', [0, 2]],
    ]);
    const day = Date.UTC(2026, 1, 3) / 1000;
    const slices = sliceRows({ kind: 'time', values: Float64Array.of(day, day + 3600, day) });
    expect(slices.map(({ label }) => label)).toEqual(['2026-02-03', '2026-02-03T01:00:00']);
  });

  it('holds every row once, whatever the column', () => {
    const random = new Random(4);
    for (let round = 0; round < 200; round++) {
      const n = 1 + random.integer(80);
      const distinct = 1 + random.integer(30);
      const values = Float32Array.from({ length: n }, () =>
        random.uniform() < 0.1 ? Number.NaN : random.integer(distinct) / 7,
      );
      const options = { bins: 1 + random.integer(6), values: 1 + random.integer(6) };
      const dictionary = ['', ...Array.from({ length: distinct }, (_, i) => `v${i}`)];
      const column = Int32Array.from({ length: n }, () => random.integer(distinct + 1));
      for (const slices of [
        sliceRows({ kind: 'number', values }, options),
        sliceRows({ kind: 'category', codes: column, dictionary }, options),
      ]) {
        const rows = slices.flatMap((slice) => [...slice.rows]).toSorted((a, b) => a - b);
        expect({ round, rows }).toEqual({ round, rows: [...values.keys()] });
        expect(slices.every((slice) => slice.rows.length > 0)).toBe(true);
      }
    }
  });
});

describe('bands of users and items', () => {
  it('begin anew at their edges', () => {
    expect([0, 1, 4, 5, 19, 20, 99, 100, 5000].map(historyBand)).toEqual([0, 0, 0, 1, 1, 2, 2, 3, 3]);
    expect(historyLabels.length).toBe(4);
  });

  it('are thirds of what users have', () => {
    // 12 owners: 4 of item 2, then 2, 2, 1, 1, 1, 1.
    expect([...popularityBands(codes([1, 2, 4, 1, 2, 1, 1, 0]))]).toEqual([2, 1, 0, 2, 1, 2, 2, 2]);
    expect([...popularityBands(codes([0, 0]))]).toEqual([0, 0]);
    expect([...popularityBands(codes([9]))]).toEqual([0]);
  });

  it('count owners once a user', () => {
    expect([...ownersOf({ indices: codes([0, 2, 2, 0, 0]) }, 4)]).toEqual([3, 0, 2, 0]);
  });

  it('have no value with fewer users than asked for, and no recall with nothing to find', () => {
    const slicing = new LaneSlicing(Uint8Array.of(0, 1, 1));
    for (const value of [0.2, 0.4]) slicing.addUser(3, value);
    slicing.addUser(50, 1);
    slicing.addRelevant(1, 1);
    slicing.addRelevant(2, 0.5);
    for (const item of [0, 1, 1]) slicing.addShown(item);
    const { users, items } = slicing.finish(2);
    expect(users.map(({ users: count }) => count)).toEqual([2, 0, 1, 0]);
    expect(users[0].value).toBeCloseTo(0.3, 12);
    expect(users.slice(1).map(({ value }) => value)).toEqual([null, null, null]);
    expect(items).toEqual([
      { label: 'head', items: 1, relevant: 0, recall: null, shown: 1 / 3 },
      { label: 'middle', items: 2, relevant: 2, recall: 0.75, shown: 2 / 3 },
      { label: 'tail', items: 0, relevant: 0, recall: null, shown: 0 },
    ]);
  });

  it('gives bands with a value an interval where it is asked for, another one for other streams', () => {
    const sliced = (stream?: number) => {
      const slicing = new LaneSlicing(Uint8Array.of(0));
      for (const value of [0.5, 0.5, 0.5]) slicing.addUser(3, value);
      for (let user = 0; user < 40; user++) slicing.addUser(50, user % 4 === 0 ? 1 : user * 1e-6);
      slicing.addUser(500, 1);
      return slicing.finish(2, stream === undefined ? undefined : { seed: 1, stream }).users;
    };
    expect(sliced().every((band) => !('interval' in band))).toBe(true);
    const [constant, empty, varied, single] = sliced(2);
    expect(constant).toEqual({ label: '1-4 items', users: 3, value: 0.5, interval: [0.5, 0.5] });
    expect([empty, single].map(({ users, value, interval }) => [users, value, interval])).toEqual([
      [0, null, undefined],
      [1, null, undefined],
    ]);
    // Ten of forty: 1.96 · √(¼ · ¾ / 40) = 0.134 to each side.
    expect(varied.value).toBeCloseTo(0.25, 4);
    expect(varied.interval![0]).toBeCloseTo(0.25 - 0.134, 1);
    expect(varied.interval![1]).toBeCloseTo(0.25 + 0.134, 1);
    expect(sliced(2)).toEqual(sliced(2));
    expect(sliced(9)[2].interval).not.toEqual(varied.interval);
  });
});
