import { describe, expect, it } from 'vitest';
import { Random } from '../../../contracts/random.ts';
import { fitted, rowsOf, timeColumn, tableOf, through } from './tables.ts';

const seconds = (date: string) => Date.parse(date) / 1000;
const [firstDay, lastDay] = [seconds('0001-01-01T00:00:00Z'), seconds('9999-12-31T23:59:59Z')];

/** Fitted on `training`, what times become. */
async function partsOf(
  times: readonly (number | null)[],
  parameters: Record<string, string>,
  training: readonly (number | null)[] = times,
) {
  const { fitted: preparation } = await fitted(
    tableOf({ t: timeColumn(training) }),
    through(['t'], ['dateParts', parameters]),
  );
  const got = rowsOf(await preparation.transform(tableOf({ t: timeColumn(times) })));
  return { names: preparation.names, got };
}

/** By JavaScript's own calendar. */
function expectedOf(time: number): number[] {
  const date = new Date(Math.floor(time) * 1000);
  const yearBegins = new Date(0);
  yearBegins.setUTCFullYear(date.getUTCFullYear(), 0, 1);
  return [
    date.getUTCFullYear(),
    date.getUTCMonth() + 1,
    date.getUTCDate(),
    date.getUTCDay() || 7,
    Math.floor((date.getTime() - yearBegins.getTime()) / 86_400_000) + 1,
    date.getUTCHours(),
    date.getUTCMinutes(),
  ];
}

describe('parts of dates', () => {
  it('are those of the calendar, leap years and the last moment of a day among them', async () => {
    const random = new Random(3);
    const [from, to] = [seconds('1900-01-01T00:00:00Z'), seconds('2101-01-01T00:00:00Z')];
    const times = Array.from({ length: 20_000 }, () => from + random.uniform() * (to - from));
    for (const year of [1, 4, 100, 400, 1600, 1899, 1900, 1904, 1970, 1999, 2000, 2023, 2024, 2100, 9996, 9999]) {
      const spelled = String(year).padStart(4, '0');
      for (const day of ['01-01', '02-28', '03-01', '12-31']) {
        const midnight = seconds(`${spelled}-${day}T00:00:00Z`);
        times.push(midnight, midnight + 86_399, midnight + 86_399.999, midnight + 3599.5);
        if (day === '02-28') times.push(midnight + 86_400);
        if (midnight > firstDay) times.push(midnight - 1e-5, midnight - 1);
      }
    }
    const { names, got } = await partsOf(times, { parts: 'all', cyclic: 'no' });
    expect(names).toEqual(['t_year', 't_month', 't_day', 't_weekday', 't_yearday', 't_hour', 't_minute']);
    const wrong = times.filter((time, i) => expectedOf(time).some((value, j) => got[i][j] !== value));
    expect(wrong).toEqual([]);
  });

  it('on a circle are sine and cosine, so that December is next to January', async () => {
    const times = ['2024-01-31T06:00:00Z', '2024-12-31T18:30:00Z'].map(seconds);
    const { names, got } = await partsOf(times, { parts: 'all' });
    const circle = (k: number, n: number) => [Math.sin((2 * Math.PI * k) / n), Math.cos((2 * Math.PI * k) / n)];
    const expected = [
      [
        2024,
        ...circle(0, 12),
        ...circle(30, 31),
        ...circle(2, 7),
        ...circle(30, 366),
        ...circle(6, 24),
        ...circle(0, 60),
      ],
      [
        2024,
        ...circle(11, 12),
        ...circle(30, 31),
        ...circle(1, 7),
        ...circle(365, 366),
        ...circle(18, 24),
        ...circle(30, 60),
      ],
    ];
    expect(names.slice(0, 4)).toEqual(['t_year', 't_month_sin', 't_month_cos', 't_day_sin']);
    for (const [i, row] of expected.entries()) for (const [j, x] of row.entries()) expect(got[i][j]).toBeCloseTo(x, 6);
  });

  it('of a missing time are those of the median, and a feature says so where the training rows lack some', async () => {
    const training = ['2020-02-29T12:00:00Z', '2021-05-05T00:00:00Z', '2024-01-01T00:00:00Z'].map(seconds);
    const outside = [null, Infinity, -Infinity, 1e300, firstDay - 1e-3, lastDay + 1, 253_402_300_800];
    const median = [2021, 5, 5, 3, 125];
    const plain = { parts: 'calendar', cyclic: 'no' };
    expect((await partsOf(outside, plain, training)).got).toEqual(outside.map(() => median));
    const { names, got } = await partsOf([null, training[0]], plain, [...training, null]);
    expect(names.at(-1)).toBe('t_missing');
    expect(got).toEqual([
      [...median, 1],
      [2020, 2, 29, 6, 60, 0],
    ]);
  });
});
