/** What holds for every preparation, whatever its steps. */
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { decodeArrays, encodeArrays } from '../../../compute/arrays/safetensors.ts';
import { Graph } from '../../../compute/graph/graph.ts';
import { encodeModel } from '../../../compute/onnx/model.ts';
import { openSession, type TensorValue } from '../../../compute/onnx/session.ts';
import { columnStepNames, type Preparation } from '../../../contracts/preparation.ts';
import { Random } from '../../../contracts/random.ts';
import { defaultColumns } from '../../../contracts/table-features.ts';
import type { Features } from '../../../data/features.ts';
import { fitPreparation } from '../../../data/preparation/fit.ts';
import { loadPreparation } from '../../../data/preparation/fitted.ts';
import type { FittedPreparation } from '../../../data/preparation/transformer.ts';
import { schemaOf, takeRows, type Table, type Target } from '../../../data/table.ts';
import { firstRows, fitted, numberColumn, rowsOf, stringColumn, tableOf, through, timeColumn } from './tables.ts';

const [training, all] = [60, 90];
const rows = firstRows(training);

const strange = {
  numbers: [null, Infinity, -Infinity, 3.4028234663852886e38, -3.4028234663852886e38, 1e-45, -0, 0, 16_777_217, -1e20],
  strings: ['', ' ', 'unseen', '\ud800', 'a\0b', '😀 😀', 'ÄÖÜ ẞ İ', 'x'.repeat(5000), 'ÉÈ '.repeat(300), '\n\t\r'],
  times: [null, Infinity, -Infinity, 1e300, -1e300, 0, -62_135_596_801, 253_402_300_799.999, 0.5, -0.5],
};

/** The rows that are fitted on are the same for all; of the others, one in three is strange. */
function makeTable(heldOut = 1): Table {
  const random = new Random(11);
  const others = new Random(heldOut, 1);
  const columnOf = <T>(draw: (random: Random) => T, odd: readonly T[]): T[] =>
    Array.from({ length: all }, (_, row) => {
      if (row < training) return draw(random);
      return row % 3 === heldOut % 3 ? odd[others.integer(odd.length)] : draw(others);
    });
  const words = ['Rye', 'bread', 'MILK', 'fresh', 'Äpfel', '2x', 'oz', 'juice'];
  const value = (r: Random) => ['rye', 'wheat', 'oat', 'Äpfel', ''][Math.min(4, r.integer(6))];
  const text = (r: Random) => Array.from({ length: r.integer(6) }, () => words[r.integer(words.length)]).join(' ');
  const number = (r: Random) => Math.fround(100 * r.normal() ** 3);
  const holed = (r: Random) => (r.uniform() < 0.2 ? null : number(r));
  return tableOf({
    full: numberColumn(columnOf(number, strange.numbers)),
    holed: numberColumn(columnOf(holed, strange.numbers)),
    flag: numberColumn(
      columnOf((r) => (r.uniform() < 0.1 ? null : r.integer(2)), [null, 1, 0]),
      'boolean',
    ),
    value: stringColumn(columnOf(value, strange.strings)),
    text: stringColumn(columnOf(text, strange.strings), 'text'),
    time: timeColumn(columnOf((r) => (r.uniform() < 0.1 ? null : 4e9 * r.uniform()), strange.times)),
  });
}
const table = makeTable();
const target: Target = {
  kind: 'classes',
  codes: Int32Array.from({ length: all }, (_, i) => (i * i) % 2),
  classes: ['a', 'b'],
};

const together = (...parts: readonly Preparation[]): Preparation => ({
  columns: parts.flatMap(({ columns }) => columns),
  select: parts.flatMap(({ select }) => select),
});
const preparations: Record<string, Preparation> = {
  'the default of every kind': { columns: defaultColumns(schemaOf(table)), select: [] },
  'numbers as they are': through(['full']),
  'impute, with indicators': through(['full', 'holed'], ['impute', { strategy: 'mean', indicator: 'yes' }]),
  'clip without impute': through(['full'], ['clip', { method: 'zScore', factor: 1 }]),
  'scale without impute': through(['full'], ['scale', { method: 'robust' }]),
  'log and scale': through(['full', 'holed'], 'impute', 'log', ['scale', { method: 'minMax' }]),
  'bins of missing numbers': through(['full', 'holed'], ['bins', { bins: 5 }]),
  'bins as numbers, scaled': through(['holed', 'full'], ['bins', { bins: 5, encode: 'ordinal' }], 'scale'),
  'one-hot of booleans': through(['flag'], ['bins', { bins: 2 }]),
  'one-hot, scaled': through(['value', 'text'], ['oneHot', { maxValues: 3 }], 'scale'),
  'ordinal, clipped, in a logarithm': through(['value'], 'ordinal', 'clip', 'log'),
  'target encoding': through(['value', 'text'], 'target'),
  'target encoding, scaled': through(['value'], 'target', 'scale'),
  'parts of dates, plain and scaled': through(['time'], ['dateParts', { parts: 'all', cyclic: 'no' }], 'scale'),
  'parts of dates on circles': through(['time'], ['dateParts', { parts: 'all' }]),
  'TF-IDF, sublinear': through(['text'], ['tfIdf', { ngrams: 3, sublinear: 'yes', norm: 'l1', minRows: 1 }]),
  'TF-IDF of two columns, scaled': through(['value', 'text'], ['tfIdf', { norm: 'none' }], 'scale'),
  'one column in two groups': together(
    through(['full'], 'scale'),
    through(['full'], 'log'),
    through(['value'], 'oneHot'),
  ),
  'a selection of all': {
    columns: defaultColumns(schemaOf(table)),
    select: [
      { step: 'variance', parameters: { threshold: 0.05 } },
      { step: 'mutualInformation', parameters: { keep: 7 } },
    ],
  },
};
const outOfFold = (name: string) => name.startsWith('target');

const bytesOf = (values: Iterable<number>) => Buffer.from(Float32Array.from(values).buffer).toString('hex');

const fit = (preparation: Preparation, given: Table = table) => fitted(given, preparation, { target, rows });

describe.each(Object.entries(preparations))('a preparation: %s', (name, preparation) => {
  let made: FittedPreparation;
  let features: Features;
  beforeAll(async () => {
    ({ fitted: made, features } = await fitPreparation(table, target, preparation, { seed: 1, threads: 1, rows }));
  });
  afterAll(() => made.close());

  it('learns nothing from rows that are held out', async () => {
    const others = (await fit(preparation, makeTable(2))).fitted.state();
    expect(encodeArrays(others)).toEqual(encodeArrays(made.state()));
  });

  it('gives the training rows what it gives them later', async () => {
    const later = await made.transform(takeRows(table, rows));
    expect(later.names).toEqual(features.names);
    expect(new Set(later.names).size).toBe(later.names.length);
    if (outOfFold(name)) expect(rowsOf(later)).not.toEqual(rowsOf(features));
    else expect(later).toEqual(features);
  });

  it('gives finite numbers for whatever comes', async () => {
    const got = rowsOf(await made.transform(table));
    expect(got).toHaveLength(all);
    expect(got.flat().filter((x) => !Number.isFinite(x))).toEqual([]);
  });

  it('gives a row alone what it gives it among others, to the bit, on one thread or two', async () => {
    const two = await loadPreparation(made.state(), { threads: 2 });
    onTestFinished(() => two.close());
    const among = rowsOf(await made.transform(table)).map(bytesOf);
    const reversed = takeRows(table, firstRows(all).reverse());
    expect(rowsOf(await two.transform(reversed)).map(bytesOf)).toEqual(among.toReversed());
    for (let row = 0; row < all; row++) {
      const alone = await made.transform(takeRows(table, Int32Array.of(row)));
      expect(rowsOf(alone).map(bytesOf)).toEqual([among[row]]);
    }
  });

  it('is the same after it was saved, and by the same seed', async () => {
    const bytes = encodeArrays(made.state());
    const again = await fit(preparation);
    expect(encodeArrays(again.fitted.state())).toEqual(bytes);
    expect(again.features).toEqual(features);
    const loaded = await loadPreparation(decodeArrays(bytes), { threads: 1 });
    onTestFinished(() => loaded.close());
    expect(encodeArrays(loaded.state())).toEqual(bytes);
    expect([loaded.names, loaded.inputs, loaded.report]).toEqual([made.names, made.inputs, made.report]);
    expect(await loaded.transform(table)).toEqual(await made.transform(table));
  });

  it('of no rows has no rows', async () => {
    expect(await made.transform(takeRows(table, new Int32Array()))).toMatchObject({ rows: 0, names: made.names });
  });

  it('is the first part of a larger graph', async () => {
    const graph = new Graph();
    const features = made.lower(graph);
    expect(features.shape).toEqual(['batch', made.names.length]);
    graph.output('prediction', graph.mul(features, 2));
    const session = await openSession(encodeModel(graph.toModel()));
    onTestFinished(() => session.close());
    expect(session.inputs.map((input) => input.name).sort()).toEqual(made.inputs.map((input) => input.name).sort());
    const { prediction } = await session.run(
      feedsOf(
        table,
        made.inputs.map((input) => input.name),
      ),
    );
    const doubled = rowsOf(await made.transform(table)).map((row) => row.map((x) => Math.fround(2 * x)));
    expect(bytesOf(prediction.data as Float32Array)).toBe(bytesOf(doubled.flat()));
  });
});

function feedsOf(given: Table, names: readonly string[]): Record<string, TensorValue> {
  return Object.fromEntries(
    names.map((name): [string, TensorValue] => {
      const column = given.columns[name];
      const shape = [given.rows];
      if ('codes' in column) {
        return [name, { datatype: 'string', shape, data: Array.from(column.codes, (code) => column.dictionary[code]) }];
      }
      return [name, { datatype: column.kind === 'time' ? 'float64' : 'float32', shape, data: column.values }];
    }),
  );
}

describe('a preparation', () => {
  it('has been tried with every step', () => {
    const tried = Object.values(preparations).flatMap(({ columns }) => columns.flatMap(({ steps }) => steps));
    expect(new Set(tried.map(({ step }) => step))).toEqual(new Set(columnStepNames));
  });

  it('tells features of one name apart', async () => {
    const { fitted: made } = await fit(preparations['one column in two groups']);
    expect(made.names.slice(0, 2)).toEqual(['full', 'full (2)']);
  });

  it('replaces a number that no training row lacks by their median, when a later row does', async () => {
    const steps = through(['full'], 'scale');
    const { fitted: made } = await fitted(tableOf({ full: numberColumn([1, 2, 6]) }), steps);
    const lacking = tableOf({ full: numberColumn([2, null, Infinity]) });
    const [[median], ...missing] = rowsOf(await made.transform(lacking));
    expect(missing.flat()).toEqual([median, median]);
  });

  it('takes an output name that no column has', async () => {
    const { fitted: made } = await fitted(tableOf({ features: numberColumn([1, 2]) }), through(['features'], 'scale'));
    expect(rowsOf(await made.transform(tableOf({ features: numberColumn([1, 2]) })))).toEqual([[-1], [1]]);
  });

  it('scales features that are out of fold by what the training rows were told', async () => {
    const { features } = await fit(preparations['target encoding, scaled']);
    const values = rowsOf(features).flat();
    expect(values.reduce((sum, x) => sum + x, 0) / training).toBeCloseTo(0, 6);
    expect(values.reduce((sum, x) => sum + x * x, 0) / training).toBeCloseTo(1, 5);
  });
});
