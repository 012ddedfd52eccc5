import { describe, expect, it } from 'vitest';
import { Graph } from '../../../compute/graph/graph.ts';
import { encodeModel } from '../../../compute/onnx/model.ts';
import { openSession } from '../../../compute/onnx/session.ts';
import { Random } from '../../../contracts/random.ts';
import { momentsOf } from '../../../models/table/moments.ts';
import { entriesOf, sparseProduct } from '../../../models/table/sparse-product.ts';
import { tableEstimatorOf } from '../../../models/table-registry.ts';
import { classesOf, denseOf, sparseOf, takeFeatures } from './tables.ts';

/** Values of which most are 0, in some rows all. */
function mostlyZero(random: Random, rows: number, columns: number) {
  return denseOf(
    Array.from({ length: rows }, () => {
      const share = random.integer(3) * 0.2;
      return Array.from({ length: columns }, () => (random.uniform() < share ? random.normal() : 0));
    }),
    columns,
  );
}

describe('the product of sparse rows', () => {
  it.each([
    [1, 1, 1],
    [3, 4, 1],
    [17, 5, 3],
    [40, 30, 8],
  ])('is that of the dense ones, for %i rows of %i columns and %i units', async (count, columns, width) => {
    const random = new Random(count);
    const x = mostlyZero(random, count, columns);
    // A table must not be empty: the last entry is one that no row has.
    const { indptr, indices, values } = sparseOf(x).csr;
    const csr = { indptr, indices: Int32Array.of(...indices, 0), values: Float32Array.of(...values, 9) };
    const weights = Float32Array.from({ length: columns * width }, () => random.normal());
    // Out of order, one of them twice, and without those at the end: a batch is any rows.
    const batch = Array.from({ length: count }, () => random.integer(count));
    const entries = csr.indices.length;
    const g = new Graph();
    const rows = {
      begin: g.input('begin', 'int32', ['batch']),
      length: g.input('length', 'int32', ['batch']),
      columns: g.input('columns', 'int32', [entries]),
      values: g.input('values', 'float32', [entries]),
    };
    g.output('product', sparseProduct(g, entriesOf(g, rows), g.constant('float32', weights, [columns, width])));
    const session = await openSession(encodeModel(g.toModel()));
    const int32 = (data: Int32Array) => ({ datatype: 'int32', shape: [data.length], data }) as const;
    const { product } = await session.run({
      begin: int32(Int32Array.from(batch, (i) => csr.indptr[i])),
      length: int32(Int32Array.from(batch, (i) => csr.indptr[i + 1] - csr.indptr[i])),
      columns: int32(csr.indices),
      values: { datatype: 'float32', shape: [entries], data: csr.values },
    });
    await session.close();
    expect(product.shape).toEqual([count, width]);
    for (const [at, i] of batch.entries()) {
      for (let k = 0; k < width; k++) {
        let sum = 0;
        for (let j = 0; j < columns; j++) sum += x.values[i * columns + j] * weights[j * width + k];
        expect((product.data as Float32Array)[at * width + k]).toBeCloseTo(sum, 4);
      }
    }
  });
});

describe('mean and deviation', () => {
  it('are those of the formula, dense as sparse, and a weight is a repetition', () => {
    const random = new Random(4);
    const x = mostlyZero(random, 50, 6);
    const weights = Float32Array.from({ length: 50 }, () => random.integer(3));
    const repeated = Array.from(weights).flatMap((count, i) => Array.from({ length: count }, () => i));
    const total = repeated.length;
    for (const form of [(rows: typeof x) => rows, sparseOf]) {
      const { mean, deviation } = momentsOf(form(x));
      for (let j = 0; j < 6; j++) {
        const column = Array.from({ length: 50 }, (_, i) => x.values[i * 6 + j]);
        const average = column.reduce((sum, v) => sum + v, 0) / 50;
        expect(mean[j]).toBeCloseTo(average, 12);
        expect(deviation[j] ** 2).toBeCloseTo(column.reduce((sum, v) => sum + (v - average) ** 2, 0) / 50, 12);
      }
      const weighted = momentsOf(
        form(x),
        weights.map((w) => (w * 50) / total),
      );
      const expected = momentsOf(form(takeFeatures(x, repeated)));
      for (let j = 0; j < 6; j++) {
        expect(weighted.mean[j]).toBeCloseTo(expected.mean[j], 6);
        expect(weighted.deviation[j]).toBeCloseTo(expected.deviation[j], 6);
      }
    }
  });

  it('take the last bit of a float32 for nothing', () => {
    const x = denseOf([
      [0.1, 3e8, 1, 16_777_216, 0],
      [0.1, 3e8, 1 + 2 ** -23, 16_777_218, 1e-13],
    ]);
    const { deviation } = momentsOf(x);
    expect([...deviation].map((sigma) => sigma > 0)).toEqual([false, false, false, false, false]);
    expect(momentsOf(denseOf([[1e6], [1e6 + 1]])).deviation[0]).toBe(0.5);
  });
});

describe('a network', () => {
  it('learns from units that differ by 10¹² as from those that do not', async () => {
    const random = new Random(3);
    const rows = Array.from({ length: 300 }, () => [random.normal(), random.normal(), random.normal()]);
    const y = classesOf(rows.map(([a, b, c]) => Number(a + b - c + random.normal() > 0)));
    const units = rows.map(([a, b, c]) => [1e6 * a + 1e7, 1e-6 * b, c - 40]);
    for (const algorithm of ['logistic-regression', 'mlp'] as const) {
      const predictions: Float32Array[] = [];
      // A perceptron leaves small units as they are.
      const other = algorithm === 'mlp' ? units.map(([a, , c], i) => [a, rows[i][1], c]) : units;
      for (const given of [rows, other]) {
        const x = denseOf(given);
        const model = await tableEstimatorOf(algorithm).fit(x, y, { l2: 0, epochs: 20 }, { seed: 1, threads: 1 });
        predictions.push(await model.predict(x));
        await model.close();
      }
      const difference = predictions[0].map((p, i) => Math.abs(p - predictions[1][i]));
      expect(Math.max(...difference)).toBeLessThan(algorithm === 'mlp' ? 0.1 : 0.01);
    }
  });

  it('predicts a row the same alone as among others, where blocks are small and layers wide', async () => {
    const random = new Random(6);
    const x = mostlyZero(random, 130, 9000);
    const y = classesOf(Array.from({ length: 130 }, (_, i) => i % 2));
    const parameters = { hidden: 70, layers: 2, epochs: 1 };
    const model = await tableEstimatorOf('mlp').fit(sparseOf(x), y, parameters, { seed: 1, threads: 1 });
    for (const form of [(rows: typeof x) => rows, sparseOf]) {
      const all = await model.predict(form(x));
      for (const row of [0, 1, 5, 60, 115, 116, 129]) {
        expect(await model.predict(form(takeFeatures(x, [row])))).toEqual(all.slice(2 * row, 2 * row + 2));
      }
    }
    await model.close();
  });

  it('says when it diverges', async () => {
    const random = new Random(2);
    const x = denseOf(Array.from({ length: 64 }, () => [random.normal(), random.normal()]));
    const y = classesOf(Array.from({ length: 64 }, (_, i) => i % 2));
    const wild = { learningRate: 10, layers: 8, hidden: 128, epochs: 5, batchSize: 4 };
    await expect(tableEstimatorOf('mlp').fit(x, y, wild, { seed: 1, threads: 1 })).rejects.toMatchObject({
      code: 'TRAINING_DIVERGED',
    });
  });
});
