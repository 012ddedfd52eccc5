import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { differences, firstRows, fitted, rowsOf, stringColumn, tableOf, through, type Steps } from './tables.ts';

interface Recorded {
  fitted: number;
  column: string[];
  categories: string[];
  oneHot: number[][];
  oneHotRare: { minRows: number; expected: number[][] };
  ordinal: number[][];
}
const recorded = JSON.parse(readFileSync(new URL('./fixtures/values.json', import.meta.url), 'utf8')) as Recorded;

async function made(values: readonly string[], ...steps: Steps) {
  const table = tableOf({ grain: stringColumn(values) });
  const rows = firstRows(recorded.fitted);
  const { fitted: preparation } = await fitted(table, through(['grain'], ...steps), { rows });
  return { names: preparation.names, got: rowsOf(await preparation.transform(table)) };
}

/** Fitted on some values, what others become. */
async function later(training: readonly string[], others: readonly string[], ...steps: Steps) {
  const { fitted: preparation } = await fitted(
    tableOf({ grain: stringColumn(training) }),
    through(['grain'], ...steps),
  );
  return {
    names: preparation.names,
    got: rowsOf(await preparation.transform(tableOf({ grain: stringColumn(others) }))),
  };
}

describe('one-hot', () => {
  it("is scikit-learn's, a missing value being one like others", async () => {
    const { names, got } = await made(recorded.column, 'oneHot');
    expect(differences(got, recorded.oneHot, 0)).toEqual([]);
    expect(names).toEqual(recorded.categories.map((value) => `grain=${value}`));
  });

  it("is scikit-learn's where rare and unknown values share a feature", async () => {
    const { minRows, expected } = recorded.oneHotRare;
    const { names, got } = await made(recorded.column, ['oneHot', { minRows }]);
    expect(differences(got, expected, 0)).toEqual([]);
    expect(names.at(-1)).toBe('grain:other');
  });

  it('keeps the most frequent values, of equal ones the first', async () => {
    const { names, got } = await later(['b', 'c', 'c', 'a'], ['a', 'b', 'c', '', 'z'], ['oneHot', { maxValues: 2 }]);
    expect(names).toEqual(['grain=a', 'grain=c', 'grain:other']);
    expect(got).toEqual([
      [1, 0, 0],
      [0, 0, 1],
      [0, 1, 0],
      [0, 0, 1],
      [0, 0, 1],
    ]);
  });

  it('is 1 throughout where all values are rare', async () => {
    const { names, got } = await later(['a', 'b'], ['a', 'z'], ['oneHot', { minRows: 2 }]);
    expect([names, got]).toEqual([['grain:other'], [[1], [1]]]);
  });

  it('has no values that are not in the training rows, though the dictionary names them', async () => {
    const { names } = await later(['b', 'b'], ['a', 'b'], 'oneHot');
    expect(names).toEqual(['grain=b']);
    const unused = { ...stringColumn(['b', 'b']), codes: Int32Array.of(1, 1), dictionary: ['a', 'b', 'c'] };
    const { fitted: preparation } = await fitted(tableOf({ grain: unused }), through(['grain'], 'oneHot'));
    expect(preparation.names).toEqual(['grain=b']);
  });

  it('takes lone surrogates for what the runtime takes them for', async () => {
    const { names, got } = await later(['\ud800', '\udfff', 'a'], ['\udbff', '\ufffd', 'a'], 'oneHot');
    expect(names).toEqual(['grain=a', 'grain=\ufffd']);
    expect(got).toEqual([
      [0, 1],
      [0, 1],
      [1, 0],
    ]);
  });
});

describe('ordinals', () => {
  it("are scikit-learn's by the alphabet; what is missing or unknown is −1", async () => {
    const { got } = await made(recorded.column, ['ordinal', { order: 'alphabetical' }]);
    expect(differences(got, recorded.ordinal, 0)).toEqual([]);
  });

  it('follow the frequency, of equal ones the alphabet', async () => {
    const values = ['b', 'c', 'c', '', '', '', 'a'];
    expect((await later(values, ['c', 'a', 'b', '', 'z'], 'ordinal')).got.flat()).toEqual([0, 1, 2, -1, -1]);
  });
});
