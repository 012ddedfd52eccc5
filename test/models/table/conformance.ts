/** What holds for every classifier and regressor, in one place. A new algorithm is one line in `conformance.test.ts`. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { decodeArrays, encodeArrays, type ArrayFile } from '../../../compute/arrays/safetensors.ts';
import { Graph } from '../../../compute/graph/graph.ts';
import { encodeModel } from '../../../compute/onnx/model.ts';
import { openSession } from '../../../compute/onnx/session.ts';
import type { Parameter, ParameterTable, ParameterValues } from '../../../contracts/parameters.ts';
import { tableAlgorithmOf, tableAlgorithms, type TableAlgorithmName } from '../../../contracts/table-algorithms.ts';
import type { TableTask } from '../../../contracts/tables.ts';
import type { Features } from '../../../data/features.ts';
import type { Target } from '../../../data/table.ts';
import type { FittedTableModel, TableFitContext } from '../../../models/table-estimator.ts';
import { tableEstimatorOf } from '../../../models/table-registry.ts';
import { classesOf, concordance, denseOf, learnable, shuffled, sparseOf, takeFeatures } from './tables.ts';

export interface TableSubject {
  algorithm: TableAlgorithmName;
  task: TableTask;
  classes?: number;
  /** With them the model learns the test's table well, in a fraction of a second. */
  parameters: ParameterValues;
  /** With them nothing is drawn but the beginning, so that a weight is a repetition, to rounding. */
  exact: ParameterValues;
  /** A seed decides nothing. */
  seeded?: false;
  /** There is nothing to look at before the end. */
  rungs?: false;
  /** A parameter that is a cost of each row, not of their mean: it grows where weights stand for more rows. */
  perRow?: string;
  /** A parameter that is so many rows of weight 1: it shrinks where weights stand for more rows. */
  inRows?: string;
  /** A parameter that must not be above the number of rows. */
  atMostRows?: string;
  /** Its features are counts: how far above 0 those of the tables are, and how far below. */
  counts?: true;
  /** It is fitted at one go, in a moment. */
  checkpoints?: false;
  /** Its features are the pixels of an image, which must be five in one unit; its sizes are in these parameters. */
  image?: readonly string[];
  /** How well it ranks rows that it has not seen, at least; 0.9. */
  least?: number;
}

export function describeTableEstimator(name: string, subject: TableSubject): void {
  const { algorithm, task, classes = 2, parameters, exact, seeded = true, rungs: hasRungs = true, perRow } = subject;
  const { checkpoints: hasCheckpoints = true, least = 0.9, image, inRows, counts, atMostRows } = subject;
  const takes = tableAlgorithmOf(algorithm).takes ?? [];
  const estimator = tableEstimatorOf(algorithm);
  const outputs = task === 'regress' ? 1 : classes;
  const made = (rows: number, seed: number) => {
    const table = learnable(task, rows, seed, classes, image !== undefined || counts);
    return counts ? { ...table, x: countsOf(table.x) } : table;
  };
  const { x, y } = made(200, 1);
  const others = made(150, 2);
  const whole = (rows: typeof x) => (image === undefined ? rows : widened(rows));

  async function fit(
    from: Features = x,
    target: Target = y,
    context: Partial<TableFitContext> = {},
    given: ParameterValues = {},
  ): Promise<FittedTableModel> {
    const all = { ...parameters, ...given };
    const most = atMostRows === undefined ? undefined : all[atMostRows];
    if (most !== undefined && from.rows > 0 && Number.isInteger(most) && Number(most) <= 1000) {
      all[atMostRows!] = Math.min(Number(most), from.rows);
    }
    const model = await estimator.fit(from, target, all, { seed: 7, threads: 1, ...context });
    onTestFinished(() => model.close());
    return model;
  }
  const bytesOf = (model: FittedTableModel) => Buffer.from(encodeArrays(model.state()));
  /** Differences in the target's own spread. */
  const spread = task === 'regress' ? 60 : 1;
  function expectClose(actual: Float32Array, expected: Float32Array, tolerance: number): void {
    expect(actual).toHaveLength(expected.length);
    let largest = 0;
    for (const [i, value] of actual.entries()) largest = Math.max(largest, Math.abs(value - expected[i]));
    expect(largest / spread).toBeLessThanOrEqual(tolerance);
  }
  function expectPredictions(predictions: Float32Array, rows: number): void {
    expect(predictions).toHaveLength(rows * outputs);
    expect(predictions.every(Number.isFinite)).toBe(true);
    if (task === 'regress') return;
    for (let i = 0; i < rows; i++) {
      const own = predictions.subarray(i * outputs, (i + 1) * outputs);
      expect(own.every((p) => p >= 0 && p <= 1)).toBe(true);
      expect(own.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 5);
    }
  }

  async function inGraph(model: FittedTableModel, rows: typeof x): Promise<Float32Array> {
    const graph = new Graph();
    graph.output('prediction', model.lower(graph, graph.input('features', 'float32', ['batch', x.names.length])));
    const session = await openSession(encodeModel(graph.toModel()));
    try {
      const features = { datatype: 'float32', shape: [rows.rows, x.names.length], data: rows.values } as const;
      return (await session.run({ features })).prediction.data as Float32Array;
    } finally {
      await session.close();
    }
  }

  describe(name, () => {
    it('learns what can be learned, and judges rows that it has not seen', async () => {
      const model = await fit();
      const predictions = await model.predict(others.x);
      expect(model).toMatchObject({ algorithm, task, outputs });
      expectPredictions(predictions, others.x.rows);
      expect(concordance(others.y, predictions)).toBeGreaterThan(least);
    });

    it('comes out at chance where the targets are shuffled', async () => {
      const chances: number[] = [];
      for (let seed = 1; seed <= 10; seed++) {
        const model = await fit(x, shuffled(y, seed), { seed });
        chances.push(concordance(others.y, await model.predict(others.x)));
      }
      const mean = chances.reduce((sum, chance) => sum + chance, 0) / chances.length;
      // The true direction may be hit or missed by luck in each; on average over seeds it is neither.
      expect(mean).toBeGreaterThan(0.35);
      expect(mean).toBeLessThan(0.65);
    });

    it('gives the same bytes for the same data, parameters and seed, and others for another seed', async () => {
      const model = await fit();
      expect(bytesOf(await fit()).equals(bytesOf(model))).toBe(true);
      expect(bytesOf(await fit(x, y, { seed: 8 })).equals(bytesOf(model))).toBe(!seeded);
    });

    it('learns the same from dense and from sparse features, on one thread or two', async () => {
      const expected = await (await fit()).predict(others.x);
      expectClose(await (await fit(sparseOf(x))).predict(others.x), expected, 0.01);
      expectClose(await (await fit(x, y, { threads: 2 })).predict(others.x), expected, 0.01);
    });

    it('predicts the same for dense and for sparse features', async () => {
      const model = await fit();
      expectClose(await model.predict(sparseOf(others.x)), await model.predict(others.x), 1e-5);
    });

    it.each(['dense', 'sparse'])('predicts a row the same alone as among others, %s', async (form) => {
      const model = await fit();
      const as = (rows: typeof x) => (form === 'dense' ? rows : sparseOf(rows));
      const many = takeFeatures(
        x,
        Array.from({ length: 2500 }, (_, i) => (i * 7) % x.rows),
      );
      const all = await model.predict(as(many));
      for (const row of [0, 1, 199, 1023, 1024, 2047, 2048, 2499]) {
        const alone = await model.predict(as(takeFeatures(many, [row])));
        expect(alone).toEqual(all.slice(row * outputs, (row + 1) * outputs));
      }
      const part = takeFeatures(
        many,
        Array.from({ length: 777 }, (_, i) => i),
      );
      expect(await model.predict(as(part))).toEqual(all.slice(0, 777 * outputs));
      expect(await model.predict(as(takeFeatures(many, [])))).toHaveLength(0);
    });

    it('answers calls that overlap in time like one after the other', async () => {
      const model = await fit();
      const forms = [others.x, sparseOf(others.x), x];
      const together = await Promise.all(forms.map((form) => model.predict(form)));
      for (const [i, form] of forms.entries()) expect(together[i]).toEqual(await model.predict(form));
    });

    it('is the same after it has been saved and loaded', async () => {
      const model = await fit();
      const loaded = await estimator.load(decodeArrays(new Uint8Array(bytesOf(model))), { threads: 1 });
      onTestFinished(() => loaded.close());
      expect(bytesOf(loaded).equals(bytesOf(model))).toBe(true);
      expect(loaded).toMatchObject({ algorithm, task, outputs });
      expect(await loaded.predict(others.x)).toEqual(await model.predict(others.x));
    });

    it('refuses the state of another format, and one whose arrays do not fit', async () => {
      const state = (await fit()).state();
      const refused = expect.objectContaining({ code: 'ARTIFACT_CORRUPT' });
      const other = { ...state, metadata: { ...state.metadata, format: 'tradewind-other/1' } };
      await expect(estimator.load(other, { threads: 1 })).rejects.toThrow(refused);
      for (const name of Object.keys(state.arrays)) {
        const { [name]: array, ...rest } = state.arrays;
        await expect(estimator.load({ ...state, arrays: rest }, { threads: 1 })).rejects.toThrow(refused);
        const cut = { ...state.arrays, [name]: { data: array.data.slice(1) } };
        await expect(estimator.load({ ...state, arrays: cut }, { threads: 1 })).rejects.toThrow(refused);
      }
    });

    it('lowers to a graph that predicts the same to 1e-5, whatever the number of rows', async () => {
      const model = await fit();
      const graph = new Graph();
      const features = graph.input('features', 'float32', ['batch', x.names.length]);
      graph.output('prediction', model.lower(graph, features));
      const session = await openSession(encodeModel(graph.toModel()));
      onTestFinished(() => session.close());
      for (const rows of [1, 2, 17, 150]) {
        const data = others.x.values.slice(0, rows * x.names.length);
        const feeds = { features: { datatype: 'float32', shape: [rows, x.names.length], data } } as const;
        const { prediction } = await session.run(feeds);
        expect(prediction.shape).toEqual([rows, outputs]);
        const expected = (await model.predict(others.x)).slice(0, rows * outputs);
        expectClose(prediction.data as Float32Array, expected, 1e-5);
      }
    });

    it.runIf(hasCheckpoints)(
      'goes on from any checkpoint to the same bytes as without a stop, and refuses one of other data',
      async () => {
        const states: ArrayFile[] = [];
        const context: Partial<TableFitContext> = {
          checkpointMilliseconds: 0,
          checkpoint: async (state) => void states.push(decodeArrays(encodeArrays(state))),
        };
        const whole = await fit(x, y, context);
        expect(bytesOf(await fit()).equals(bytesOf(whole))).toBe(true);
        expect(states.length).toBeGreaterThan(2);
        for (const resume of [states[0], states[Math.floor(states.length / 2)], states.at(-1)!]) {
          expect(bytesOf(await fit(x, y, { resume })).equals(bytesOf(whole))).toBe(true);
        }
        const foreign = expect.objectContaining({ code: 'ARTIFACT_CORRUPT' });
        await expect(fit(x, shuffled(y, 1), { resume: states[0] })).rejects.toThrow(foreign);
        await expect(fit(x, y, { resume: states[0], seed: 8 })).rejects.toThrow(foreign);
      },
    );

    it.runIf(hasRungs)(
      'reports at the rungs what it would predict, and ends there where that is not enough',
      async () => {
        const seen: { rung: number; predictions: Float32Array }[] = [];
        const report =
          (last: number) =>
          async (rung: number, predict: (x: Features) => Promise<Float32Array>): Promise<boolean> => {
            seen.push({ rung, predictions: await predict(others.x) });
            return rung < last;
          };
        const whole = await fit(x, y, { rungs: [1, 3, 9], report: report(Infinity) });
        expect(seen.map(({ rung }) => rung)).toEqual([1, 3, 9]);
        expect(bytesOf(whole).equals(bytesOf(await fit()))).toBe(true);
        const [first, third] = seen.splice(0);
        expectPredictions(third.predictions, others.x.rows);
        expect(third.predictions).not.toEqual(first.predictions);

        const states: ArrayFile[] = [];
        const checkpoint = async (state: ArrayFile) => void states.push(decodeArrays(encodeArrays(state)));
        const rungs = { rungs: [1, 3, 9], report: report(3), checkpointMilliseconds: 0 };
        const ended = await fit(x, y, { ...rungs, checkpoint });
        expect(seen.splice(0)).toEqual([first, third]);
        expect(await ended.predict(others.x)).toEqual(third.predictions);
        for (const resume of [states[0], states.at(-1)!]) {
          expect(bytesOf(await fit(x, y, { ...rungs, resume })).equals(bytesOf(ended))).toBe(true);
        }
      },
    );

    it('reports progress that never goes back and ends at 1, and can be interrupted by it', async () => {
      const fractions: number[] = [];
      await fit(x, y, { progress: (fraction) => fractions.push(fraction) });
      expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
      expect(fractions.at(-1)).toBe(1);
      const progress = () => {
        throw new Error('interrupted');
      };
      await expect(fit(x, y, { progress })).rejects.toThrow('interrupted');
    });

    it('takes a weight as so many repetitions, and no weight as absence', async () => {
      const times = Array.from({ length: x.rows }, (_, i) => i % 4);
      const repeated = times.flatMap((count, i) => Array.from({ length: count }, () => i));
      const weights = Float32Array.from(times, (count) => (count * x.rows) / repeated.length);
      const target = targetRows(y, repeated);
      const cost = perRow === undefined ? undefined : (exact[perRow] as number) * (repeated.length / x.rows);
      const given = perRow === undefined ? { ...exact } : { ...exact, [perRow]: cost! };
      if (inRows !== undefined) given[inRows] = (exact[inRows] as number) * (x.rows / repeated.length);
      for (const form of [(rows: typeof x) => rows, sparseOf]) {
        const weighted = await fit(form(x), y, { weights }, given);
        const expected = await fit(form(takeFeatures(x, repeated)), target, {}, exact);
        // What is sure of more rows may be surer of its probabilities.
        const tolerance = perRow === undefined ? 0.02 : 0.04;
        expectClose(await weighted.predict(others.x), await expected.predict(others.x), tolerance);
      }
      await expect(fit(x, y, { weights: weights.map(() => 0) })).rejects.toThrow('must not all be 0');
      await expect(fit(x, y, { weights: weights.map((w) => -w) })).rejects.toThrow('of at least 0');
      await expect(fit(x, y, { weights: weights.subarray(1) })).rejects.toThrow('200 finite numbers');
    });

    it.each(['dense', 'sparse'])('fits tables that say little, %s', async (form) => {
      const as = (rows: typeof x) => (form === 'dense' ? rows : sparseOf(rows));
      const few = (rows: number) =>
        targetRows(
          y,
          Array.from({ length: rows }, (_, i) => i),
        );
      const tables: [string, typeof x, Target][] = [
        ['a row', takeFeatures(x, [0]), few(1)],
        ['two rows that are alike', takeFeatures(x, [0, 0]), few(2)],
        [
          'no features',
          denseOf(
            Array.from({ length: 20 }, () => []),
            0,
          ),
          few(20),
        ],
        ['zeros alone', denseOf(Array.from({ length: 20 }, () => [0, 0])), few(20)],
        ['a feature that never changes', denseOf(Array.from({ length: 20 }, () => [0.1, 3e8])), few(20)],
        [
          'a feature with a single value in a million',
          denseOf(Array.from({ length: 20 }, (_, i) => [i === 3 ? 1e6 : 0])),
          few(20),
        ],
        [
          'rows without an entry among others',
          denseOf(Array.from({ length: 20 }, (_, i) => [i % 3 === 0 ? 1 : 0])),
          few(20),
        ],
        ['a target that never changes', takeFeatures(x, [1, 2, 3]), constantTarget(y, 3)],
      ];
      for (const [what, given, target] of tables) {
        const rows = whole(given);
        const model = await fit(as(rows), target);
        const predictions = await model.predict(as(rows));
        expect(predictions.every(Number.isFinite), what).toBe(true);
        expectPredictions(predictions, rows.rows);
        const loaded = await estimator.load(decodeArrays(encodeArrays(model.state())), { threads: 1 });
        expect(await loaded.predict(as(rows)), what).toEqual(predictions);
        await loaded.close();
      }
    });

    it.runIf(!counts)('gives no weight to a feature that did not vary', async () => {
      const model = await fit();
      const changed = { ...others.x, values: others.x.values.map((value, i) => (i % 5 === 4 ? value + 1000 : value)) };
      expect(await model.predict(changed)).toEqual(await model.predict(others.x));
    });

    it('says where a feature is no number', async () => {
      const wrong = takes.includes('missing') ? Infinity : Number.NaN;
      const values = x.values.slice();
      values[5 * 17 + 2] = wrong;
      const message = expect.stringContaining(String(wrong));
      const refused = expect.objectContaining({ code: 'TRAINING_DIVERGED', message });
      await expect(fit({ ...x, values })).rejects.toThrow(refused);
      await expect(fit(sparseOf({ ...x, values }))).rejects.toThrow(refused);
    });

    it.runIf(takes.includes('missing'))(
      'learns from missing numbers, and lowers to a graph that knows them',
      async () => {
        // The larger of the first feature are missing, and all of the second one of later rows may be.
        const gaps = (rows: typeof x): typeof x => {
          const values = rows.values.map((value, i) => (i % 5 === 0 && value > 0.5 ? Number.NaN : value));
          return { ...rows, values };
        };
        const model = await fit(gaps(x));
        const judged = gaps(others.x);
        const predictions = await model.predict(judged);
        expectPredictions(predictions, judged.rows);
        expect(concordance(others.y, predictions)).toBeGreaterThan(least - 0.05);
        expectClose(await (await fit(sparseOf(gaps(x)))).predict(sparseOf(judged)), predictions, 1e-5);
        const holes = { ...judged, values: judged.values.map((value, i) => (i % 3 === 0 ? Number.NaN : value)) };
        for (const rows of [judged, holes]) {
          expectClose(await inGraph(model, rows), await model.predict(rows), 1e-5);
        }
      },
    );

    it.runIf(takes.includes('categories'))(
      'learns from categories, and lowers to a graph that knows them',
      async () => {
        // The fourth feature is noise; in its place stands which of 40 ranges the second one is in, in no order.
        const coded = (rows: typeof x): typeof x => {
          const values = rows.values.map((value, i) => {
            if (i % 5 === 1) return 0;
            if (i % 5 !== 3) return value;
            const b = (rows.values[i - 2] - 5000) / 1000;
            return (Math.min(39, Math.max(0, Math.floor(8 * b + 20))) * 17) % 40;
          });
          const special = { missing: new Uint8Array(5), categories: Int32Array.of(0, 0, 0, 40, 0) };
          return { ...rows, values, special };
        };
        const model = await fit(coded(x));
        const judged = coded(others.x);
        const predictions = await model.predict(judged);
        expect(concordance(others.y, predictions)).toBeGreaterThan(least - 0.1);
        expect(model.importances!()[3]).toBeGreaterThan(0.05);
        // All that a code may be, and what is none.
        const codes = [...Array.from({ length: 42 }, (_, c) => c), -1, -0, 2.5, 1e9, -1e9, 255, 256, Number.NaN];
        const rows = takeFeatures(
          judged,
          codes.map((_, i) => i % 5),
        );
        for (const [i, code] of codes.entries()) rows.values[5 * i + 3] = code;
        for (const each of [judged, rows]) expectClose(await inGraph(model, each), await model.predict(each), 1e-5);
      },
    );

    it('refuses what does not belong together', async () => {
      const wrong: Target = task === 'regress' ? classesOf([0, 1]) : { kind: 'number', values: Float32Array.of(0, 1) };
      if (tableAlgorithms[algorithm].tasks.length === 1) {
        await expect(fit(takeFeatures(x, [0, 1]), wrong)).rejects.toThrow(RangeError);
      }
      await expect(fit(takeFeatures(x, [0, 1]), y)).rejects.toThrow('a value for each of 2 rows. Got 200.');
      await expect(fit(takeFeatures(x, []), targetRows(y, []))).rejects.toThrow('at least one row');
      const model = await fit();
      await expect(model.predict(denseOf([[1, 2]]))).rejects.toThrow('must be 5. Got 2.');
    });

    it.each(Object.entries<Parameter>(tableAlgorithms[algorithm].parameters))(
      'refuses values of "%s" outside its table, and names it',
      async (key, parameter) => {
        for (const value of badValues(parameter)) {
          await expect(fit(x, y, {}, { [key]: value } as ParameterValues)).rejects.toThrow(
            expect.objectContaining({ code: 'PARAMETER_INVALID', message: expect.stringContaining(`"${key}"`) }),
          );
        }
      },
    );

    it('takes the bounds of its table', async () => {
      const table: ParameterTable = tableAlgorithms[algorithm].parameters;
      const small = made(12, 3);
      for (const [key, parameter] of Object.entries(table)) {
        // Which sizes an image may have depends on its features.
        if (image?.includes(key)) continue;
        // The largest models take long and are no other case than a middle one.
        const ends = parameter.kind === 'choice' ? parameter.choices : [parameter.min, Math.min(parameter.max, 200)];
        for (const value of ends) {
          const model = await fit(small.x, small.y, {}, { [key]: value });
          expectPredictions(await model.predict(small.x), 12);
        }
      }
    });
  });
}

/** As of a text in which a feature above 0 is another word than the same below. */
function countsOf(x: Features & { kind: 'dense' }): Features & { kind: 'dense' } {
  return denseOf(
    Array.from({ length: x.rows }, (_, i) => {
      const [a, b, rare] = x.values.subarray(5 * i, 5 * i + 3);
      return [Math.max(0, a), Math.max(0, -a), Math.max(0, b), Math.max(0, -b), rare];
    }),
  );
}

/** Zeros beside the columns, up to five. */
function widened(x: Features & { kind: 'dense' }): Features & { kind: 'dense' } {
  const columns = x.names.length;
  const rows = Array.from({ length: x.rows }, (_, i) =>
    Array.from({ length: 5 }, (__, j) => (j < columns ? x.values[i * columns + j] : 0)),
  );
  return denseOf(rows, 5);
}

function targetRows(y: Target, rows: readonly number[]): Target {
  return y.kind === 'classes'
    ? { ...y, codes: Int32Array.from(rows, (i) => y.codes[i]) }
    : { ...y, values: Float32Array.from(rows, (i) => y.values[i]) };
}

function constantTarget(y: Target, rows: number): Target {
  const first = Array.from({ length: rows }, () => 0);
  return targetRows(y, first);
}

function badValues(parameter: Parameter): unknown[] {
  if (parameter.kind === 'choice') return ['', 'other', 1, Number.NaN];
  const outside = [parameter.min - 1, parameter.max * 2, Number.NaN, Infinity, String(parameter.default)];
  return parameter.kind === 'integer' ? [...outside, parameter.default + 0.5] : outside;
}
