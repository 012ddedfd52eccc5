/** Parts of dates and clock times, in UTC and the proleptic Gregorian calendar. */
import type { Graph } from '../../compute/graph/graph.ts';
import type { Tensor } from '../../compute/graph/program.ts';
import type { ColumnStepParameters } from '../../contracts/preparation.ts';
import { nothingThere } from './refusal.ts';
import type { ColumnStep } from './transformer.ts';

type Parameters = ColumnStepParameters<'dateParts'>;
type State = Parameters & {
  /** Seconds since 1970: what stands for a missing time. */
  otherwise: number;
  /** Whether a last feature says that the time was missing. */
  missing: 'yes' | 'no';
};

/** From 0001-01-01 to before 10000-01-01, in seconds since 1970. */
const [earliest, latest] = [-62_135_596_800, 253_402_300_800];
const daySeconds = 86_400;

/** What repeats, with its first number and how many there are; a year does not. */
const parts = {
  year: undefined,
  month: [1, 12],
  day: [1, 31],
  /** ISO 8601: 1 is Monday. */
  weekday: [1, 7],
  yearday: [1, 366],
  hour: [0, 24],
  minute: [0, 60],
} as const satisfies Record<string, readonly [number, number] | undefined>;
type Part = keyof typeof parts;

const calendar: readonly Part[] = ['year', 'month', 'day', 'weekday', 'yearday'];
const clock: readonly Part[] = ['hour', 'minute'];
const partsOf = { calendar, clock, all: [...calendar, ...clock] };

/**
 * A missing time, or one outside of the years 1 to 9999, counts as the median of the training rows; where these lack
 * times, the feature `<column>_missing` says so.
 */
export const dateParts: ColumnStep<Parameters, State, 'times'> = {
  from: 'times',
  fit(name, { values }, { parts: asked, cyclic }) {
    const there = values.filter((seconds) => seconds >= earliest && seconds < latest).sort();
    if (there.length === 0) throw nothingThere(name, values.length);
    const missing = there.length < values.length ? 'yes' : 'no';
    const names = partsOf[asked].flatMap((part) =>
      cyclic === 'yes' && parts[part] !== undefined
        ? [`${name}_${part}_sin`, `${name}_${part}_cos`]
        : [`${name}_${part}`],
    );
    // The lower of two in the middle: a time of the rows.
    const otherwise = there[(there.length - 1) >> 1];
    return {
      names: missing === 'yes' ? [...names, `${name}_missing`] : names,
      state: { parts: asked, cyclic, otherwise, missing },
      report: {
        [name]: {
          first: new Date(there[0] * 1000).toISOString(),
          last: new Date(there[there.length - 1] * 1000).toISOString(),
          missing: values.length - there.length,
        },
      },
    };
  },
  lower(g, { parts: asked, cyclic, otherwise, missing }, input) {
    const known = g.and(g.greaterOrEqual(input, earliest), g.less(input, latest));
    const numbers = numbersOf(g, g.where(known, input, otherwise));
    const features = partsOf[asked].map((part) => {
      const range = parts[part];
      return cyclic === 'yes' && range !== undefined
        ? onCircle(g, numbers[part], range)
        : g.cast(g.unsqueeze(numbers[part], [1]), 'float32');
    });
    if (missing === 'yes') features.push(g.cast(g.unsqueeze(g.not(known), [1]), 'float32'));
    return g.concat(features, 1);
  },
};

/** [sin 2πk/n, cos 2πk/n] of the k-th of n, read from a table: a runtime's own sine may differ by the place in a batch. */
function onCircle(g: Graph, number: Tensor<'int64'>, [first, count]: readonly [number, number]): Tensor<'float32'> {
  const table = Float32Array.from({ length: 2 * count }, (_, i) => {
    const angle = (2 * Math.PI * (i >> 1)) / count;
    return i % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
  });
  return g.gather(g.constant('float32', table, [count, 2]), g.sub(number, first), 0);
}

/**
 * Days to civil dates by H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", 2013: years begin in March, eras
 * of 400 years on 0000-03-01. All quotients are of integers that are not negative.
 */
function numbersOf(g: Graph, seconds: Tensor<'float64'>): Record<Part, Tensor<'int64'>> {
  // ⌊seconds / 86400⌋, where the quotient may have been rounded up to a whole number
  const quotient = g.floor(g.div(seconds, daySeconds));
  const days = g.where(g.greater(g.mul(quotient, daySeconds), seconds), g.sub(quotient, 1), quotient);
  const second = g.cast(g.floor(g.sub(seconds, g.mul(days, daySeconds))), 'int64');
  const z = g.add(g.cast(days, 'int64'), 719_468);
  const era = g.div(z, 146_097);
  const dayOfEra = g.sub(z, g.mul(era, 146_097));
  // (doe − doe/1460 + doe/36524 − doe/146096) / 365
  const leaps = g.sub(g.sub(g.div(dayOfEra, 36_524), g.div(dayOfEra, 1460)), g.div(dayOfEra, 146_096));
  const yearOfEra = g.div(g.add(dayOfEra, leaps), 365);
  // doe − (365 yoe + yoe/4 − yoe/100)
  const before = g.add(g.mul(yearOfEra, 365), g.sub(g.div(yearOfEra, 4), g.div(yearOfEra, 100)));
  const dayFromMarch = g.sub(dayOfEra, before);
  const monthFromMarch = g.div(g.add(g.mul(dayFromMarch, 5), 2), 153);
  const day = g.add(g.sub(dayFromMarch, g.div(g.add(g.mul(monthFromMarch, 153), 2), 5)), 1);
  const beforeMarch = g.greaterOrEqual(monthFromMarch, 10);
  const month = g.add(monthFromMarch, g.where(beforeMarch, g.literal('int64', -9), g.literal('int64', 3)));
  const year = g.add(g.add(yearOfEra, g.mul(era, 400)), g.cast(beforeMarch, 'int64'));
  const divides = (n: number) => g.equal(g.mod(year, n), 0);
  const leap = g.cast(g.or(g.and(divides(4), g.not(divides(100))), divides(400)), 'int64');
  // 1 March is day 60, or 61 of a leap year; 1 January is the 306th day from 1 March.
  const yearday = g.where(beforeMarch, g.sub(dayFromMarch, 305), g.add(g.add(dayFromMarch, 60), leap));
  return {
    year,
    month,
    day,
    // 0000-03-01 was a Wednesday.
    weekday: g.add(g.mod(g.add(z, 2), 7), 1),
    yearday,
    hour: g.div(second, 3600),
    minute: g.mod(g.div(second, 60), 60),
  };
}
