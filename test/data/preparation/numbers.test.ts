import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { quantileOf, sorted } from '../../../data/preparation/statistics.ts';
import type { Table } from '../../../data/table.ts';
import { differences, firstRows, fitted, numberColumn, rowsOf, tableOf, through, type Steps } from './tables.ts';

type Matrix = readonly (readonly (number | null)[])[];
interface Recorded {
  fitted: number;
  x: Matrix;
  holes: Matrix;
  constant: Matrix;
  scale: Record<string, Matrix>;
  impute: Record<string, Matrix>;
  scaledWithHoles: Matrix;
  scaledConstant: Matrix;
  bins: { method: string; bins: number; encode: string; expected: Matrix }[];
  quantiles: { shares: number[]; expected: Matrix };
}
const recorded = JSON.parse(readFileSync(new URL('./fixtures/numbers.json', import.meta.url), 'utf8')) as Recorded;
const rows = firstRows(recorded.fitted);

function columnsOf(matrix: Matrix): Table {
  return tableOf(
    Object.fromEntries(matrix[0].map((_, column) => [`x${column}`, numberColumn(matrix.map((row) => row[column]))])),
  );
}

/** Fitted on the first rows, of all rows. */
async function made(matrix: Matrix, ...steps: Steps): Promise<{ names: readonly string[]; got: number[][] }> {
  const table = columnsOf(matrix);
  const { fitted: preparation } = await fitted(table, through(Object.keys(table.columns), ...steps), { rows });
  return { names: preparation.names, got: rowsOf(await preparation.transform(table)) };
}

describe('numbers are what scikit-learn makes of them', () => {
  it('in quantiles between two of them', () => {
    const { shares, expected } = recorded.quantiles;
    const columns = recorded.x[0].map((_, j) =>
      sorted(Float32Array.from(recorded.x.slice(0, recorded.fitted), (row) => row[j]!)),
    );
    const got = shares.map((share) => columns.map((column) => quantileOf(column, share)));
    expect(differences(got, expected, 1e-15)).toEqual([]);
  });

  it.each(Object.keys(recorded.scale))('scaled: %s', async (method) => {
    const { got } = await made(recorded.x, ['scale', { method }]);
    expect(differences(got, recorded.scale[method])).toEqual([]);
  });

  it.each(Object.keys(recorded.impute))('where they were missing: %s', async (strategy) => {
    const indicator = strategy === 'constant' ? 'yes' : 'no';
    const { got, names } = await made(recorded.holes, ['impute', { strategy, value: -7.5, indicator }]);
    expect(differences(got, recorded.impute[strategy])).toEqual([]);
    if (indicator === 'yes') expect(names.slice(4)).toEqual(['x0_missing', 'x1_missing', 'x2_missing', 'x3_missing']);
  });

  it('scaled without those that are missing, which stay so until they are replaced', async () => {
    const { got } = await made(recorded.holes, 'scale', ['impute', { strategy: 'constant', value: 123 }]);
    const expected = recorded.scaledWithHoles.map((row) => row.map((x) => x ?? 123));
    expect(differences(got, expected)).toEqual([]);
  });

  it.each(recorded.bins)('in $bins bins by $method, $encode', async ({ expected, ...parameters }) => {
    const { got } = await made(recorded.x, ['bins', parameters]);
    expect(differences(got, expected, 0)).toEqual([]);
  });

  it('scaled to 0 where they are constant, and in rows that come later too', async () => {
    const { got } = await made(recorded.constant, 'scale');
    expect(differences(got.slice(0, recorded.fitted), recorded.scaledConstant)).toEqual([]);
    const table = columnsOf([[5], [5], [5]]);
    for (const method of ['standard', 'minMax', 'robust']) {
      const { fitted: preparation } = await fitted(table, through(['x0'], ['scale', { method }]));
      const later = await preparation.transform(columnsOf([[5], [-3e38], [6]]));
      expect(rowsOf(later).flat().map(Math.abs), method).toEqual([0, 0, 0]);
    }
  });
});

describe('outliers', () => {
  const values = [0, 1, 2, 3, 4, 5, 6, 7, 8, 100];
  const clipped = async (parameters: Record<string, number | string>, given: readonly number[] = values) => {
    const table = columnsOf(given.map((x) => [x]));
    const { features, fitted: preparation } = await fitted(table, through(['x0'], ['clip', parameters]));
    return { got: rowsOf(features).flat(), learned: preparation.report[0].learned['x0'] };
  };

  it('become the fences of Tukey, and are counted', async () => {
    // Quartiles 2.25 and 6.75: 6.75 + 1.5 · 4.5 = 13.5
    const { got, learned } = await clipped({ method: 'iqr', factor: 1.5 });
    expect(got).toEqual([...values.slice(0, 9), 13.5]);
    expect(learned).toEqual({ lower: -4.5, upper: 13.5, clipped: 1 });
  });

  it('stay where quartiles are one number: all others would become it', async () => {
    expect((await clipped({ method: 'iqr' }, [0, 0, 0, 0, 0, 0, 0, 0, 3, 4])).got.slice(8)).toEqual([3, 4]);
  });

  it('become a multiple of the deviation from the mean', async () => {
    const mean = 13.6;
    const deviation = Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / 10);
    const { got } = await clipped({ method: 'zScore', factor: 2 });
    expect(got[9]).toBeCloseTo(mean + 2 * deviation, 4);
  });

  it('become the quantiles at the tails', async () => {
    const { got } = await clipped({ method: 'quantile', tail: 0.1 });
    expect(got[0]).toBeCloseTo(0.9, 6);
    expect(got[9]).toBeCloseTo(17.2, 5);
  });
});

describe('the logarithm', () => {
  it('is sign(x) · ln(1 + |x|) from the least to the greatest of float32', async () => {
    const values = [0, 1e-45, -1e-30, 1e-7, -0.5, 1, -Math.E, 1e10, -3.4e38, 3.4028234663852886e38];
    const table = columnsOf(values.map((x) => [x]));
    const { features } = await fitted(table, through(['x0'], 'log'));
    for (const [i, got] of rowsOf(features).flat().entries()) {
      const x = Math.fround(values[i]);
      expect(got).toBe(Math.fround(Math.sign(x) * Math.log1p(Math.abs(x))));
    }
  });
});

describe('bins', () => {
  it('have a feature for missing numbers where the training rows have some, else none; as a number they are −1', async () => {
    const table = columnsOf([
      [1, 1],
      [2, 2],
      [3, 3],
      [null, 4],
    ]);
    const { fitted: wide } = await fitted(table, through(['x0', 'x1'], ['bins', { bins: 2 }]));
    expect(wide.names).toEqual(['x0<2', 'x0>=2', 'x0=missing', 'x1<2.5', 'x1>=2.5']);
    const later = columnsOf([[null, null]]);
    expect(rowsOf(await wide.transform(later))).toEqual([[0, 0, 1, 0, 0]]);
    const { fitted: numbers } = await fitted(table, through(['x0', 'x1'], ['bins', { bins: 2, encode: 'ordinal' }]));
    expect(rowsOf(await numbers.transform(later))).toEqual([[-1, -1]]);
  });

  it('are one where a column is constant', async () => {
    const { fitted: preparation, features } = await fitted(columnsOf([[7], [7]]), through(['x0'], 'bins'));
    expect([preparation.names, rowsOf(features)]).toEqual([['x0=any'], [[1], [1]]]);
  });
});
