/**
 * What behaviour before a cut-off is described by: each feature with its name, its meaning, and its formula in SQL over
 * the sums that `behaviour.ts` makes of a user's days before the cut-off.
 *
 * | column | what it is | undefined (NULL) |
 * |---|---|---|
 * | `recency` | days from the last event to the cut-off, with fractions | – |
 * | `tenure` | days from the first event to the cut-off, with fractions | – |
 * | `frequency` | distinct baskets; an event without a basket is one of its own | – |
 * | `items` | distinct items | – |
 * | `active_days` | distinct days (UTC) with an event | – |
 * | `days_between` | mean days from one active day to the next | one active day |
 * | `monetary` | spending: sum of the values, missing ones as 0 | – |
 * | `average_basket` | monetary / frequency | – |
 * | `frequency_30d`, `items_30d`, `active_days_30d`, `monetary_30d`, `average_basket_30d` | the same of the last 30 days, for each window | `average_basket_30d` where frequency_30d = 0 |
 * | `frequency_trend_7d_30d`, `monetary_trend_7d_30d` | rate per day in the shorter window / rate in the longer, for each two neighbouring windows | the longer has none, or no spending above 0 |
 * | `share_<department>` | share of the spending in the department; of the events where there are no values | no spending above 0 |
 * | `share_night`, `share_morning`, `share_afternoon`, `share_evening` | share of the baskets begun in hours 0-5, 6-11, 12-17, 18-23 UTC | – |
 * | `share_monday` … `share_sunday` | share of the baskets begun on that day, UTC | – |
 *
 * `monetary`, `average_basket` and what derives from them are there only where events have values. Recency, frequency and
 * monetary are those of J. R. Bult and T. Wansbeek, "Optimal selection for direct mail" (Marketing Science 14, 1995).
 */
import type { BehaviourSpec } from '../contracts/table-splits.ts';
import { identifier } from './database.ts';

/** What follows from the events before the first cut-off; to be given again where rows are scored later. */
export interface SettledBehaviour {
  /** With a feature each: most events before the first cut-off first. */
  departments: readonly string[];
  /** Whether events have values. */
  monetary: boolean;
}

export interface BehaviourFeature {
  name: string;
  /** A phrase for people. */
  doc: string;
  /** Over the columns `sumsOf` makes. */
  sql: string;
}

const parts = ['night', 'morning', 'afternoon', 'evening'];
const weekdays = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'];

type FeatureSpec = Pick<BehaviourSpec, 'windows' | 'habits'>;

/** In the order of the table's columns. */
export function behaviourFeatures(spec: FeatureSpec, { departments, monetary }: SettledBehaviour): BehaviourFeature[] {
  const list: BehaviourFeature[] = [
    { name: 'recency', doc: 'days since the last event', sql: 'recency' },
    { name: 'tenure', doc: 'days since the first event', sql: 'tenure' },
  ];
  const counted = (suffix: string, when: string) => {
    list.push(
      { name: `frequency${suffix}`, doc: `baskets${when}`, sql: `frequency${suffix}` },
      { name: `items${suffix}`, doc: `distinct items${when}`, sql: `items${suffix}` },
      { name: `active_days${suffix}`, doc: `days with an event${when}`, sql: `active_days${suffix}` },
    );
    if (!monetary) return;
    list.push(
      { name: `monetary${suffix}`, doc: `spending${when}`, sql: `monetary${suffix}` },
      {
        name: `average_basket${suffix}`,
        doc: `spending of a basket${when}`,
        sql: ratio(`monetary${suffix}`, `frequency${suffix}`),
      },
    );
  };
  counted('', '');
  list.push({
    name: 'days_between',
    doc: 'mean days from one active day to the next',
    sql: ratio('active_span', '(active_days - 1)'),
  });
  for (const window of spec.windows) counted(`_${window}d`, ` in the ${window} days before`);
  for (const [i, long] of spec.windows.entries()) {
    if (i === 0) continue;
    const short = spec.windows[i - 1];
    for (const what of monetary ? ['frequency', 'monetary'] : ['frequency']) {
      list.push({
        name: `${what}_trend_${short}d_${long}d`,
        doc: `${what} a day in ${short} days, as a multiple of that in ${long}`,
        // (short sum / short days) / (long sum / long days)
        sql: ratio(`${what}_${short}d * ${long}`, `(${what}_${long}d * ${short})`),
      });
    }
  }
  for (const [d, department] of departments.entries()) {
    list.push({
      name: `share_${department}`,
      doc: `share of ${monetary ? 'spending' : 'events'} in ${department}`,
      sql: ratio(`department_${d}`, monetary ? 'monetary' : 'events'),
    });
  }
  if (spec.habits) {
    for (const name of [...parts, ...weekdays]) {
      list.push({ name: `share_${name}`, doc: `share of baskets begun in: ${name}`, sql: ratio(name, 'frequency') });
    }
  }
  return withoutRepeats(list);
}

/** A department may be called as a day is: the later of equal names has a number behind it. */
function withoutRepeats(features: BehaviourFeature[]): BehaviourFeature[] {
  // As DuckDB compares them.
  const seen = new Set(['user', 'time', 'returns', 'spend']);
  return features.map((feature) => {
    let { name } = feature;
    for (let n = 2; seen.has(name.toLowerCase()); n++) name = `${feature.name}_${n}`;
    seen.add(name.toLowerCase());
    return { ...feature, name };
  });
}

function ratio(above: string, below: string): string {
  return `CASE WHEN ${below} > 0 THEN ${above} / ${below} END`;
}

/**
 * The sums of each user's days before `cutOff`, as a query of `u` and columns that the features' formulas name. A basket or
 * an item counts in a window where it occurs there for the first time: on a day of the window whose day before, of the
 * same basket or item, is outside. So all sums are plain counts.
 *
 * @param cutOff - a DATE in SQL
 */
export function sumsOf(spec: FeatureSpec, { departments, monetary }: SettledBehaviour, cutOff: string): string {
  const windows = [{ suffix: '', from: undefined as string | undefined }].concat(
    spec.windows.map((days) => ({ suffix: `_${days}d`, from: `(${cutOff} - ${days})` })),
  );
  const inside = (from: string | undefined) => (from === undefined ? 'true' : `day >= ${from}`);
  const newIn = (from: string | undefined) =>
    from === undefined ? 'previous IS NULL' : `day >= ${from} AND (previous IS NULL OR previous < ${from})`;
  const count = (condition: string, name: string) =>
    `CAST(count(*) FILTER (${condition}) AS DOUBLE) AS ${identifier(name)}`;
  const seconds = (time: string) => `(epoch(CAST(${cutOff} AS TIMESTAMP)) - epoch(${time})) / 86400`;
  const visitSums = [
    `${seconds('max(last)')} AS recency`,
    `${seconds('min(first)')} AS tenure`,
    `CAST(date_diff('day', min(day), max(day)) AS DOUBLE) AS active_span`,
    `CAST(sum(events) AS DOUBLE) AS events`,
    ...windows.flatMap(({ suffix, from }) => [
      count(newIn(from), `frequency${suffix}`),
      count(`opens_day AND ${inside(from)}`, `active_days${suffix}`),
      ...(monetary
        ? [`CAST(coalesce(sum(value) FILTER (${inside(from)}), 0) AS DOUBLE) AS ${identifier(`monetary${suffix}`)}`]
        : []),
    ]),
    ...(spec.habits
      ? [
          ...parts.map((name, p) => count(`previous IS NULL AND hour(first) // 6 = ${p}`, name)),
          ...weekdays.map((name, d) => count(`previous IS NULL AND isodow(first) = ${d + 1}`, name)),
        ]
      : []),
  ];
  const items = windows.map(({ suffix, from }) => ({
    name: `items${suffix}`,
    sql: count(newIn(from), `items${suffix}`),
  }));
  const shares = departments.map((_, d) => {
    const sum = `sum(${monetary ? 'value' : 'events'}) FILTER (department = ${d})`;
    return { name: `department_${d}`, sql: `CAST(${sum} AS DOUBLE) AS department_${d}` };
  });
  const sums = (table: string, list: readonly string[]) =>
    `(SELECT u, ${list.join(', ')} FROM ${table} WHERE day < ${cutOff} GROUP BY u)`;
  const joined = (table: string, list: readonly { sql: string }[]) =>
    list.length === 0
      ? ''
      : `LEFT JOIN ${sums(
          table,
          list.map(({ sql }) => sql),
        )} AS ${table}_sums USING (u)`;
  // A user may have no event with an item, or none in any of the departments.
  const whole = [...items, ...shares].map(({ name }) => `coalesce(${identifier(name)}, 0) AS ${identifier(name)}`);
  return `SELECT visit_sums.*, ${whole.join(', ')} FROM ${sums('visits', visitSums)} AS visit_sums
    ${joined('item_days', items)} ${joined('department_days', shares)}`;
}
