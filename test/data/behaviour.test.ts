import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Random } from '../../contracts/random.ts';
import { behaviourSchema, type BehaviourSpecInput } from '../../contracts/table-splits.ts';
import { behaviourTable, type BehaviourOptions } from '../../data/behaviour.ts';
import { literal } from '../../data/database.ts';
import { planSplit } from '../../data/table-split.ts';
import { tableSplitSchema } from '../../contracts/table-splits.ts';
import { digest, failure, folder, parquet, parquetRows } from './files.ts';

interface Purchase {
  user: string;
  item: string | null;
  /** Seconds since 1970. */
  time: number;
  value: number | null;
  basket: string | null;
  notHumanFrom?: string;
}
type Features = Record<string, number | string | boolean | null>;

const second = (text: string) => Date.parse(`${text}Z`) / 1000;
const departments = ['DELI', "BABY'S", 'night', 'FUEL', null];
const departmentOf = (item: string | null) => (item === null ? null : departments[Number(item.slice(1)) % 5]);

async function behaviour(
  purchases: Purchase[],
  input: BehaviourSpecInput,
  options: BehaviourOptions & { items?: boolean } = {},
) {
  const { items = true, ...rest } = options;
  const dir = folder();
  const text = (value: string | null | undefined) => (value === null || value === undefined ? 'NULL' : literal(value));
  const rows = purchases.map(
    (p) =>
      `(${[text(p.user), text(p.item), p.time, p.value ?? 'NULL', text(p.basket), text(p.notHumanFrom)].join(', ')})`,
  );
  const marked = purchases.some((p) => p.notHumanFrom !== undefined);
  const events = await parquet(
    join(dir, 'events.parquet'),
    `SELECT "user", CAST(item AS VARCHAR) AS item, make_timestamp(CAST(time AS BIGINT) * 1000000) AS time,
       CAST(1 AS DOUBLE) AS quantity, CAST(value AS DOUBLE) AS value, CAST(basket AS VARCHAR) AS basket
       ${marked ? ', CAST(flag AS DATE) AS not_human_from' : ''}
     FROM (VALUES ${rows.join(', ')}) AS rows("user", item, time, value, basket, flag)`,
  );
  const catalogue = await parquet(
    join(dir, 'items.parquet'),
    `SELECT 'i' || i AS item, NULL AS title, NULL AS category,
       [${departments.map((name) => text(name)).join(', ')}][1 + i % 5] AS department FROM range(40) AS numbers(i)`,
  );
  const out = join(dir, 'behaviour.parquet');
  const table = await behaviourTable(events, items ? catalogue : undefined, behaviourSchema.parse(input), out, {
    threads: 1,
    ...rest,
  });
  return { table, rows: (await parquetRows(out)) as Features[], digest: digest(out), out };
}

function randomPurchases(random: Random, count: number): Purchase[] {
  return Array.from({ length: count }, () => {
    const user = `u${Math.floor(12 * random.uniform() ** 2)}`;
    const basket = random.uniform() < 0.2 ? null : `b${user}${random.integer(25)}`;
    return {
      user,
      basket,
      item: random.uniform() < 0.05 ? null : `i${random.integer(30)}`,
      // Every quarter of an hour in January to June; midnights often, where cut-offs are.
      time: second('2024-01-01') + (random.uniform() < 0.2 ? random.integer(180) * 96 : random.integer(180 * 96)) * 900,
      value: random.uniform() < 0.1 ? null : Math.round(random.uniform() * 3000 - 300) / 100,
    };
  });
}

/** The features as their table has them, gone through event by event. */
function expected(
  purchases: Purchase[],
  user: string,
  cutOff: number,
  windows: number[],
  shares: readonly string[],
): Features {
  const day = (t: number) => Math.floor(t / 86_400);
  const mine = purchases.filter((p) => p.user === user && p.time < cutOff);
  const or = (value: number) => (Number.isFinite(value) ? value : null);
  const distinct = (values: unknown[]) => new Set(values).size;
  const basketsOf = (list: Purchase[]) => list.map((p) => p.basket ?? p);
  const sum = (list: Purchase[]) => list.reduce((total, p) => total + (p.value ?? 0), 0);
  const counted = (list: Purchase[], suffix: string): Features => {
    const frequency = distinct(basketsOf(list));
    const itemsHad = list.map((p) => p.item).filter((item) => item !== null);
    return {
      [`frequency${suffix}`]: frequency,
      [`items${suffix}`]: distinct(itemsHad),
      [`active_days${suffix}`]: distinct(list.map((p) => day(p.time))),
      [`monetary${suffix}`]: sum(list),
      [`average_basket${suffix}`]: or(sum(list) / frequency),
    };
  };
  const features: Features = {
    recency: (cutOff - Math.max(...mine.map((p) => p.time))) / 86_400,
    tenure: (cutOff - Math.min(...mine.map((p) => p.time))) / 86_400,
    ...counted(mine, ''),
  };
  const days = [...new Set(mine.map((p) => day(p.time)))].sort((a, b) => a - b);
  features['days_between'] = or((days.at(-1)! - days[0]) / (days.length - 1));
  for (const w of windows)
    Object.assign(
      features,
      counted(
        mine.filter((p) => p.time >= cutOff - w * 86_400),
        `_${w}d`,
      ),
    );
  for (const [i, long] of windows.entries()) {
    if (i === 0) continue;
    const short = windows[i - 1];
    for (const what of ['frequency', 'monetary']) {
      const rate = (w: number) => (features[`${what}_${w}d`] as number) / w;
      features[`${what}_trend_${short}d_${long}d`] = rate(long) > 0 ? rate(short) / rate(long) : null;
    }
  }
  const spending = sum(mine);
  for (const name of shares) {
    features[`share_${name}`] = spending > 0 ? sum(mine.filter((p) => departmentOf(p.item) === name)) / spending : null;
  }
  const firsts = [...new Set(basketsOf(mine))].map(
    (basket) => new Date(1000 * Math.min(...mine.filter((p) => (p.basket ?? p) === basket).map((p) => p.time))),
  );
  const part = (name: string, is: (begun: Date) => boolean) => {
    const taken = Object.hasOwn(features, `share_${name}`) ? `share_${name}_2` : `share_${name}`;
    features[taken] = firsts.filter(is).length / firsts.length;
  };
  for (const [p, name] of ['night', 'morning', 'afternoon', 'evening'].entries()) {
    part(name, (begun) => Math.floor(begun.getUTCHours() / 6) === p);
  }
  for (const [d, name] of ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'].entries()) {
    part(name, (begun) => begun.getUTCDay() === d);
  }
  return features;
}

const spec = {
  from: '2024-02-01',
  everyDays: 15,
  windows: [7, 30, 60],
  target: { days: 20 },
} satisfies BehaviourSpecInput;
const at = (row: Features) => (row['time'] as unknown as Date).getTime() / 1000;

describe('random events', () => {
  test.for([1, 2, 3])(
    'give features and labels that equal those gone through event by event, seed %i',
    async (seed) => {
      const purchases = randomPurchases(new Random(seed), 400);
      const { table, rows } = await behaviour(purchases, spec);
      expect(table.settled).toMatchObject({ monetary: true });
      expect(table.settled.departments.toSorted()).toEqual(["BABY'S", 'DELI', 'FUEL', 'night']);
      expect(table.cutOffs.map(({ cutOff }) => cutOff)).toEqual([
        '2024-02-01',
        '2024-02-16',
        '2024-03-02',
        '2024-03-17',
        '2024-04-01',
        '2024-04-16',
        '2024-05-01',
        '2024-05-16',
        '2024-05-31',
      ]);
      for (const row of rows) {
        const { user, time: _, returns, ...features } = row;
        const cutOff = at(row);
        const known = expected(purchases, user as string, cutOff, spec.windows, table.settled.departments);
        expect(Object.keys(features).toSorted()).toEqual(Object.keys(known).toSorted());
        for (const [name, value] of Object.entries(known)) {
          const what = `${name} of ${user as string}`;
          if (value === null) expect(features[name], what).toBeNull();
          else expect(features[name], what).toBeCloseTo(value as number, 9);
        }
        const later = purchases.filter((p) => p.user === user && p.time >= cutOff && p.time < cutOff + 20 * 86_400);
        expect(returns).toBe(later.length > 0);
      }
      // Everybody seen before a cut-off has a row, by cut-off and id.
      const wanted = table.cutOffs.flatMap(({ cutOff }) => {
        const users = new Set(purchases.filter((p) => p.time < second(cutOff)).map((p) => p.user));
        return [...users].sort().map((user) => `${cutOff} ${user}`);
      });
      expect(
        rows.map((row) => `${new Date(at(row) * 1000).toISOString().slice(0, 10)} ${row['user'] as string}`),
      ).toEqual(wanted);
      expect(Object.keys(table.features)).toEqual(
        table.columns.map(({ name }) => name).filter((name) => !['user', 'time', 'returns'].includes(name)),
      );
    },
  );

  test('spend is the sum of the values in the horizon', async () => {
    const purchases = randomPurchases(new Random(4), 300);
    const { table, rows } = await behaviour(purchases, { ...spec, target: { kind: 'spend', days: 20 } });
    for (const row of rows) {
      const later = purchases.filter(
        (p) => p.user === row['user'] && p.time >= at(row) && p.time < at(row) + 20 * 86_400,
      );
      expect(row['spend']).toBeCloseTo(
        later.reduce((total, p) => total + (p.value ?? 0), 0),
        9,
      );
    }
    expect(table.columns.at(-1)).toEqual({ name: 'spend', kind: 'number' });
    const first = rows.filter((row) => at(row) === second('2024-02-01'));
    const mean = first.reduce((total, row) => total + (row['spend'] as number), 0) / first.length;
    expect(table.cutOffs[0].mean).toBeCloseTo(mean, 9);
  });

  test.for([5, 6, 7, 8])('nothing on or after a cut-off changes a feature of its rows, seed %i', async (seed) => {
    const random = new Random(seed);
    const purchases = randomPurchases(random, 300);
    const cutOff = second('2024-03-17');
    const { rows } = await behaviour(purchases, { ...spec, until: '2024-03-17' });
    const before = purchases.filter((p) => p.time < cutOff);
    const last = purchases.reduce((a, b) => (a.time > b.time ? a : b));
    const changed = [
      ...before,
      // At the cut-off itself; of known baskets and items; by everybody; and the end of the data stays where it is.
      ...before.slice(0, 60).map((p, i) => ({ ...p, time: cutOff + i * 7200 * random.integer(100), value: 1e6 })),
      ...before.slice(0, 20).map((p) => ({ ...p, time: cutOff, item: 'i7', basket: null })),
      last,
    ];
    const after = await behaviour(changed, { ...spec, until: '2024-03-17' });
    const features = (list: Features[]) => list.map((row) => ({ ...row, returns: null }));
    expect(features(after.rows)).toEqual(features(rows));
    expect(rows.length).toBeGreaterThan(20);
    expect(after.rows.map((row) => row['returns'])).not.toEqual(rows.map((row) => row['returns']));
  });

  test('the order of events and the number of threads do not change a byte', async () => {
    const purchases = randomPurchases(new Random(9), 500);
    const first = await behaviour(purchases, spec);
    const second_ = await behaviour(purchases.toReversed(), spec, { threads: 3 });
    expect(second_.digest).toBe(first.digest);
    expect(second_.table).toEqual(first.table);
  });
});

const buy = (user: string, day: string, changes: Partial<Purchase> = {}): Purchase => ({
  user,
  item: 'i0',
  time: second(`${day.length === 10 ? `${day}T12:00:00` : day}`),
  value: 2,
  basket: null,
  ...changes,
});
const year = [buy('z', '2024-01-01'), buy('z', '2024-12-30T23:00:00')];

describe('cut-offs', () => {
  test('go on as long as the horizon ends within the data, or until the day given', async () => {
    const days = async (input: BehaviourSpecInput) =>
      (await behaviour(year, { windows: [7], ...input })).table.cutOffs.map(({ cutOff }) => cutOff);
    // The data ends with December 30: a horizon of 30 days fits from December 1 on.
    expect(await days({ from: '2024-10-02', everyDays: 30 })).toEqual(['2024-10-02', '2024-11-01', '2024-12-01']);
    expect(await days({ from: '2024-10-03', everyDays: 30 })).toEqual(['2024-10-03', '2024-11-02']);
    expect(await days({ from: '2024-10-02', until: '2024-11-01', everyDays: 30 })).toEqual([
      '2024-10-02',
      '2024-11-01',
    ]);
    expect(await days({ from: '-60d', until: '-30d', everyDays: 15 })).toEqual([
      '2024-11-01',
      '2024-11-16',
      '2024-12-01',
    ]);
  });

  test('without a target they go up to the day after the last event, with the columns of the training table', async () => {
    const purchases = [...year, buy('a', '2024-06-01', { item: 'i1' }), buy('a', '2024-12-29', { item: 'i3' })];
    const trained = await behaviour(purchases, { from: '2024-07-01', until: '2024-08-01' });
    const { table, rows } = await behaviour(
      purchases,
      { from: '2024-12-31', everyDays: 1 },
      { settled: trained.table.settled, withoutTarget: true },
    );
    expect(table.cutOffs).toEqual([{ cutOff: '2024-12-31', rows: 2, mean: null }]);
    expect(table.columns).toEqual(trained.table.columns.slice(0, -1));
    expect([table.target, table.horizonDays]).toEqual([null, 0]);
    expect(rows[0]).toMatchObject({ user: 'a', recency: 1.5, "share_BABY'S": 0.5 });
  });

  test('that do not fit the data, or that nobody was seen before, are refused', async () => {
    const late = await failure(behaviour(year, { from: '2024-12-15' }));
    expect(late).toMatchObject({ code: 'SPLIT_EMPTY' });
    expect(late.message).toMatch(
      /from 2024-12-15 on with 30 days of events after it. Got events from 2024-01-01 to 2024-12-30/,
    );
    const early = await failure(behaviour(year, { from: '2023-12-01', until: '2023-12-31' }));
    expect(early).toMatchObject({ code: 'SPLIT_EMPTY' });
    const { table } = await behaviour(year, { from: '2023-12-31', until: '2024-02-01' });
    expect(table.warnings).toEqual(['No user was seen before 2023-12-31.']);
    expect(table.settled).toEqual({ departments: ['DELI'], monetary: true });
  });

  test('can leave out users not seen for long', async () => {
    const purchases = [...year, buy('a', '2024-05-31'), buy('b', '2024-05-01')];
    const { rows } = await behaviour(purchases, { from: '2024-06-10', until: '2024-06-10', seenWithinDays: 20 });
    expect(rows.map(({ user }) => user)).toEqual(['a']);
  });
});

describe('columns', () => {
  test('departments are those of the most events before the first cut-off, ties by name', async () => {
    const purchases = [
      ...['i0', 'i0', 'i1', 'i3'].map((item) => buy('z', '2024-01-05', { item })),
      ...Array.from({ length: 9 }, () => buy('z', '2024-08-01', { item: 'i2' })),
      ...year,
    ];
    const { table, rows } = await behaviour(purchases, {
      from: '2024-07-01',
      departments: 2,
      habits: false,
      windows: [],
    });
    expect(table.settled.departments).toEqual(['DELI', "BABY'S"]);
    const names =
      "user time recency tenure frequency items active_days monetary average_basket days_between share_DELI share_BABY'S returns";
    expect(table.columns.map(({ name }) => name).join(' ')).toBe(names);
    expect(rows[0]).toMatchObject({ share_DELI: 0.6, "share_BABY'S": 0.2, frequency: 5, items: 3, days_between: 4 });
    expect((await behaviour(purchases, { from: '2024-07-01' }, { items: false })).table.settled.departments).toEqual(
      [],
    );
  });

  test('a user without a known item or department has none of them, rather than nothing known', async () => {
    const { rows } = await behaviour([...year, buy('a', '2024-03-01', { item: null })], { from: '2024-07-01' });
    expect(rows.find(({ user }) => user === 'a')).toMatchObject({ items: 0, items_7d: 0, share_DELI: 0, frequency: 1 });
  });

  test('events without values have no monetary features; shares are of events then', async () => {
    const purchases = [...year, buy('z', '2024-01-02', { item: 'i1' })].map((p) => ({ ...p, value: null }));
    const { table, rows } = await behaviour(purchases, { from: '2024-07-01', windows: [7] });
    expect(table.settled.monetary).toBe(false);
    expect(Object.keys(table.features).filter((name) => /monetary|average/.test(name))).toEqual([]);
    expect(rows[0]).toMatchObject({ share_DELI: 0.5, "share_BABY'S": 0.5, frequency_7d: 0 });
    const error = await failure(behaviour(purchases, { from: '2024-07-01', target: { kind: 'spend' } }));
    expect(error).toMatchObject({ code: 'COLUMN_MISSING' });
  });
});

test('users found not to be human have no row from then on, nor one whose horizon reaches beyond it', async () => {
  const bot = { notHumanFrom: '2024-08-15' };
  const purchases = [...year, buy('bot', '2024-02-01', bot), buy('bot', '2024-08-01', bot)];
  const { table, rows } = await behaviour(purchases, { from: '2024-07-06', until: '2024-08-25', everyDays: 10 });
  const cutOffs = rows.filter(({ user }) => user === 'bot').map((row) => new Date(at(row) * 1000).toISOString());
  expect(cutOffs).toEqual(['2024-07-06T00:00:00.000Z', '2024-07-16T00:00:00.000Z']);
  expect(table.notHuman).toBe(4);
});

test('a split in time keeps the horizon between its parts: no label reaches into the next one', async () => {
  const purchases = randomPurchases(new Random(11), 400);
  const { table, out } = await behaviour(purchases, { ...spec, everyDays: 5 });
  const split = tableSplitSchema.parse({ by: 'time', validationFrom: '2024-04-01', testFrom: '2024-05-06' });
  const summary = await planSplit(
    out,
    split,
    { seed: 1, target: 'returns', task: 'classify', gapDays: table.horizonDays },
    join(folder(), 'split.safetensors'),
  );
  const ends = (part: 'train' | 'validation') => second(summary.parts[part].last!.slice(0, 10)) + 20 * 86_400;
  expect(ends('train')).toBeLessThanOrEqual(second('2024-04-01'));
  expect(ends('validation')).toBeLessThanOrEqual(second('2024-05-06'));
  expect(summary.classes).toEqual(['false', 'true']);
  expect(summary.leftOut.beforeTest).toBeGreaterThan(0);
});
