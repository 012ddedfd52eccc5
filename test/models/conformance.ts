/** What holds for every recommender, in one place. A new algorithm is one line in `conformance.test.ts`. */
import type { Worker } from 'node:worker_threads';
import { describe, expect, it, onTestFinished } from 'vitest';
import { decodeArrays, encodeArrays } from '../../compute/arrays/safetensors.ts';
import { topOf } from '../../compute/kernels/scalar/top-k.ts';
import { algorithms, type AlgorithmName } from '../../contracts/algorithms.ts';
import type { Parameter, ParameterTable, ParameterValues } from '../../contracts/parameters.ts';
import { Random } from '../../contracts/random.ts';
import type { Interactions } from '../../data/interactions.ts';
import type { FitContext, FittedRecommender } from '../../models/estimator.ts';
import { estimatorOf } from '../../models/registry.ts';
import { interactionsOf, listOf, noHistory, scoresOf, shop } from './fixtures.ts';
import { ask, withGraph } from './lowering/asking.ts';

export interface Subject {
  algorithm: AlgorithmName;
  parameters: ParameterValues;
}

export function describeRecommender(name: string, { algorithm, parameters }: Subject): void {
  const estimator = estimatorOf(algorithm);
  const train = shop(1, 150, 220);
  // Users that no model was fitted on, one of them without a history.
  const others = interactionsOf([...rowsOf(shop(2, 60, 220)), []], 220);

  async function fit(data: Interactions, context: Partial<FitContext> = {}): Promise<FittedRecommender> {
    const model = await estimator.fit(data, parameters, { seed: 7, threads: 1, ...context });
    onTestFinished(() => model.close());
    return model;
  }
  const bytesOf = (model: FittedRecommender) => Buffer.from(encodeArrays(model.state()));

  describe(name, () => {
    it('gives the same bytes for the same data, parameters and seed', async () => {
      expect(bytesOf(await fit(train)).equals(bytesOf(await fit(train)))).toBe(true);
    });

    it('gives the same bytes and scores on two threads as on one', async () => {
      const [one, two] = [await fit(train), await fit(train, { threads: 2 })];
      expect(bytesOf(two).equals(bytesOf(one))).toBe(true);
      expect(await scoresOf(two, others)).toEqual(await scoresOf(one, others));
    });

    it('scores a user the same alone as in a batch', async () => {
      const model = await fit(train);
      const batch = await scoresOf(model, others);
      for (let row = 0; row + 1 < others.indptr.length; row++) {
        const alone = await scoresOf(model, others, row, row + 1);
        expect(alone).toEqual(batch.subarray(row * model.items, (row + 1) * model.items));
      }
    });

    it('scores a part of the rows, and calls that overlap in time, like all at once', async () => {
      const model = await fit(train);
      const [whole, head, tail] = await Promise.all([
        scoresOf(model, others),
        scoresOf(model, others, 0, 13),
        scoresOf(model, others, 13),
      ]);
      expect(Float32Array.of(...head, ...tail)).toEqual(whole);
      expect(await scoresOf(model, others, 5, 5)).toHaveLength(0);
    });

    it('ranks, where it does so itself, as sorting its scores would, on any number of threads', async () => {
      const k = 17;
      const asked = shop(9, 61, 220);
      for (const threads of [1, 2]) {
        const model = await fit(train, { threads });
        const [from, to] = [3, 61];
        const ranked = await model.rank?.(others, from, to, { k, all: true, fresh: true, checked: true, asked });
        if (!ranked) return;
        const scores = await scoresOf(model, others, from, to);
        const at = asked.indptr[from];
        for (let row = 0; row < to - from; row++) {
          const own = scores.slice(row * 220, (row + 1) * 220);
          const [begin, end] = [asked.indptr[from + row], asked.indptr[from + row + 1]];
          const expected = Float32Array.from(asked.indices.subarray(begin, end), (item) => own[item]);
          expect(ranked.askedScores!.slice(begin - at, end - at)).toEqual(expected);
          expect(listOf(ranked.all!, row)).toEqual(topOf(own, k));
          const [first, last] = [others.indptr[from + row], others.indptr[from + row + 1]];
          for (const item of others.indices.subarray(first, last)) own[item] = -Infinity;
          expect(listOf(ranked.fresh!, row)).toEqual(topOf(own, k));
        }
        expect(ranked.finite!.every((finite) => finite === 1)).toBe(true);
      }
    });

    it('scores every item with a finite number, for an empty history too', async () => {
      const model = await fit(train);
      expect((await scoresOf(model, others)).every(Number.isFinite)).toBe(true);
      const empty = await scoresOf(model, noHistory);
      expect(empty).toHaveLength(220);
      expect(empty.every(Number.isFinite)).toBe(true);
    });

    it('scores from the history alone: a known user who is presented as new gets the same', async () => {
      const model = await fit(train);
      const known = await scoresOf(model, train, 40, 41);
      const alone = interactionsOf([rowsOf(train)[40]], 220);
      expect(await scoresOf(model, alone)).toEqual(known);
    });

    it('is the same after it has been saved and loaded', async () => {
      const model = await fit(train);
      const loaded = await estimator.load(decodeArrays(new Uint8Array(bytesOf(model))), { threads: 1 });
      onTestFinished(() => loaded.close());
      expect(bytesOf(loaded).equals(bytesOf(model))).toBe(true);
      expect(loaded.items).toBe(220);
      expect(loaded.algorithm).toBe(algorithm);
      expect(await scoresOf(loaded, others)).toEqual(await scoresOf(model, others));
    });

    it('refuses the state of another format', async () => {
      const state = { ...(await fit(train)).state(), metadata: { format: 'tradewind-other/1' } };
      await expect(estimator.load(state, { threads: 1 })).rejects.toThrow(
        expect.objectContaining({ code: 'ARTIFACT_CORRUPT' }),
      );
    });

    it('exports a graph with the same scores to 1e-5 and the same lists', async () => {
      const model = await fit(train);
      const scores = await scoresOf(model, others);
      const histories = rowsOf(others).map((row) => row.map(([item, count]) => ({ id: train.items[item], count })));
      await withGraph(model.lower(train.items, {}), async (session) => {
        const { ids, scores: exported } = await ask(session, { histories, k: 220 }, 220);
        for (const [row, list] of ids.entries()) {
          const own = list.map((id) => scores[row * 220 + train.items.indexOf(id)]);
          const scale = Math.max(1, ...own.map(Math.abs));
          expect(new Set(list).size).toBe(220);
          for (const [place, score] of own.entries()) {
            expect(Math.abs(score - exported[row][place])).toBeLessThanOrEqual(1e-5 * scale);
            if (place > 0) expect(score).toBeLessThanOrEqual(own[place - 1] + 1e-5 * scale);
          }
        }
      });
    });

    it('reports progress that never goes back and ends at 1', async () => {
      const fractions: number[] = [];
      await fit(train, { progress: (fraction) => fractions.push(fraction) });
      expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
      expect(fractions.at(-1)).toBe(1);
      expect(fractions[0]).toBeGreaterThan(0);
    });

    it('ends its threads when it is interrupted, and fits again', async () => {
      const workers: Worker[] = [];
      const watch = (worker: Worker) => workers.push(worker);
      process.on('worker', watch);
      onTestFinished(() => void process.off('worker', watch));
      const interrupted = fit(train, {
        threads: 2,
        progress: () => {
          throw new Error('interrupted');
        },
      });
      await expect(interrupted).rejects.toThrow('interrupted');
      // An ended thread has the id -1.
      expect(workers.map((worker) => worker.threadId)).toEqual(workers.map(() => -1));
      expect(bytesOf(await fit(train, { threads: 2 })).equals(bytesOf(await fit(train)))).toBe(true);
    });

    it.each([
      [1, 1],
      [1, 5],
      [5, 1],
      [3, 4],
      [17, 65],
    ])('fits %i users and %i items', async (users, items) => {
      const data = shop(3, users, items);
      const model = await fit(data);
      expect(model.items).toBe(items);
      expect((await scoresOf(model, data)).every(Number.isFinite)).toBe(true);
    });

    it('fits a catalogue with an item and a user that nothing is known of', async () => {
      const data = interactionsOf([[[0, 1]], [], [[0, 2], [2, 1]]], 3); // prettier-ignore
      expect((await scoresOf(await fit(data), data)).every(Number.isFinite)).toBe(true);
    });

    it('refuses a history or a batch that does not fit', async () => {
      const model = await fit(train);
      const outside = interactionsOf([[[219, 1]], [[220, 1]]], 221);
      expect(await scoresOf(model, outside, 0, 1)).toHaveLength(220);
      await expect(scoresOf(model, outside)).rejects.toThrow(/within the catalogue of 220. Got 220/);
      await expect(model.score(others, 0, 62, new Float32Array(62 * 220))).rejects.toThrow(RangeError);
      await expect(model.score(others, 0, 2, new Float32Array(220))).rejects.toThrow(/must be 440 floats. Got 220/);
    });

    it.each(Object.entries<Parameter>(algorithms[algorithm].parameters))(
      'refuses values of "%s" outside its table, and names it',
      async (key, parameter) => {
        for (const value of badValues(parameter)) {
          const given = { ...parameters, [key]: value } as ParameterValues;
          await expect(estimator.fit(train, given, { seed: 1, threads: 1 })).rejects.toThrow(
            expect.objectContaining({ code: 'PARAMETER_INVALID', message: expect.stringContaining(`"${key}"`) }),
          );
        }
      },
    );

    it('takes the bounds of its table', async () => {
      const table: ParameterTable = algorithms[algorithm].parameters;
      const random = new Random(5);
      for (const [key, parameter] of Object.entries(table)) {
        // The largest factorizations take long and are no other case than a middle one.
        const ends = parameter.kind === 'choice' ? parameter.choices : [parameter.min, Math.min(parameter.max, 200)];
        for (const value of ends) {
          const data = shop(random.integer(100), 12, 20);
          const model = await estimator.fit(data, { ...parameters, [key]: value }, { seed: 1, threads: 1 });
          onTestFinished(() => model.close());
          expect((await scoresOf(model, data)).every(Number.isFinite)).toBe(true);
        }
      }
    });
  });
}

function badValues(parameter: Parameter): unknown[] {
  if (parameter.kind === 'choice') return ['', 'other', 1, Number.NaN];
  const outside = [parameter.min - 1, parameter.max * 2, Number.NaN, Infinity, String(parameter.default)];
  return parameter.kind === 'integer' ? [...outside, parameter.default + 0.5] : outside;
}

function rowsOf({ users, indptr, indices, counts }: Interactions): [number, number][][] {
  return users.map((_, u) =>
    Array.from(indices.subarray(indptr[u], indptr[u + 1]), (item, k) => [item, counts[indptr[u] + k]]),
  );
}
