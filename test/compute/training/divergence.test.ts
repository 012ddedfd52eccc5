import { describe, expect, it } from 'vitest';
import { adam, sgd } from '../../../compute/training/optimizers.ts';
import { trainingProgram } from '../../../compute/training/program.ts';
import { train } from '../../../compute/training/train.ts';
import { classifier, from, linearRegression, quick, spirals } from './networks.ts';

describe('what is not finite', () => {
  it.each([
    [1, 'in one batch a run'],
    [10_000, 'in one run an epoch'],
  ])('ends training with epoch, batch and parameter (%i ms: %s)', async (runMilliseconds) => {
    const count = 40;
    const x = Float32Array.from({ length: 2 * count }, (_, i) => Math.sin(i));
    const y = Float32Array.from({ length: count }, (_, i) => i);
    const program = linearRegression({ optimizer: sgd(), learningRate: 1e4, batchSize: 10 });
    const failing = train(
      program,
      { count, rows: { x, y } },
      { ...quick, epochs: 50, shuffle: false, runMilliseconds },
    );
    // The same steps in float64: where a squared error leaves the range of float32.
    const w = [0.5, -1, 0.25];
    let step = 0;
    const errorOf = (i: number) => x[2 * i] * w[0] + x[2 * i + 1] * w[1] + w[2] - y[i];
    for (; ; step++) {
      const rows = Array.from({ length: 10 }, (_, i) => (step % 4) * 10 + i);
      if (rows.some((i) => errorOf(i) ** 2 > 3.4e38)) break;
      const errors = rows.map(errorOf);
      for (const k of [0, 1, 2]) {
        const mean = rows.reduce((sum, i, at) => sum + 2 * errors[at] * (k === 2 ? 1 : x[2 * i + k]), 0) / 10;
        w[k] -= 1e4 * mean;
      }
    }
    const [epoch, batch] = [Math.floor(step / 4) + 1, (step % 4) + 1];
    expect(epoch).toBeGreaterThan(1);
    const size = Math.max(Math.abs(w[0]), Math.abs(w[1]));
    const [name, largest] = size > Math.abs(w[2]) ? ['w', size] : ['b', Math.abs(w[2])];
    await expect(failing).rejects.toMatchObject({
      code: 'TRAINING_DIVERGED',
      retryable: false,
      complaint: {
        value:
          `a loss of Infinity in epoch ${epoch}, batch ${batch}, ` +
          `parameter "${name}" (at most ${largest.toPrecision(3)} before it)`,
        remedy: 'Lower the learning rate, clip the gradients, or scale the inputs.',
      },
    });
  });

  it('in the data is named by column and row', async () => {
    const data = spirals(100);
    data.rows.x[2 * 70 + 1] = NaN;
    const failing = train(classifier(), data, { ...quick, epochs: 2, shuffle: false });
    await expect(failing).rejects.toMatchObject({
      code: 'TRAINING_DIVERGED',
      complaint: {
        value: expect.stringMatching(
          /^a loss of NaN in epoch 1, batch 3, parameter "w\d" .*column "x" has NaN in row 71$/,
        ),
        remedy: expect.stringContaining('Clean the data'),
      },
    });
  });

  it('is found in a gradient although the loss is finite, even in the last batch of all', async () => {
    const program = trainingProgram({
      parameters: { fine: { shape: [1], initial: from([1]) }, root: { shape: [1], initial: from([0]) } },
      rows: { x: { type: 'float32', shape: [] } } as const,
      optimizer: sgd(),
      learningRate: 0.1,
      batchSize: 4,
      // ∂√w/∂w is infinite at 0.
      loss: ({ graph, parameters, batch }) =>
        graph.mean(graph.mul(graph.add(graph.sqrt(parameters.root), parameters.fine), batch.x)),
    });
    const failing = train(program, { count: 4, rows: { x: Float32Array.of(1, 1, 1, 1) } }, { ...quick, epochs: 1 });
    await expect(failing).rejects.toMatchObject({
      code: 'TRAINING_DIVERGED',
      complaint: {
        value:
          'a loss of 1.000 in epoch 1, batch 1, after which parameter "root" is not finite (at most 0.00 before it)',
      },
    });
  });

  it('in what the optimizer remembers is blamed on the parameter that it is of', async () => {
    const program = trainingProgram({
      parameters: { innocent: { shape: [1], initial: from([5]) }, guilty: { shape: [1], initial: from([0]) } },
      rows: { x: { type: 'float32', shape: [] } } as const,
      optimizer: adam(),
      learningRate: 0.1,
      batchSize: 1,
      // The square of a gradient of 1e25 is beyond float32.
      loss: ({ graph, parameters, batch }) =>
        graph.mean(graph.mul(graph.add(graph.mul(parameters.guilty, 1e25), parameters.innocent), batch.x)),
    });
    await expect(
      train(program, { count: 1, rows: { x: Float32Array.of(1) } }, { ...quick, epochs: 1 }),
    ).rejects.toMatchObject({
      complaint: { value: expect.stringContaining('after which the "square" of parameter "guilty" is not finite') },
    });
  });

  it('in a table, or in what parameters begin with, is said so', async () => {
    const program = (initial: number) =>
      trainingProgram({
        parameters: { w: { shape: [1], initial: from([initial]) } },
        rows: { x: { type: 'float32', shape: [] } } as const,
        tables: { price: { type: 'float32', shape: [2] } } as const,
        optimizer: sgd(),
        learningRate: 1,
        batchSize: 1,
        loss: ({ graph, parameters, batch, tables }) =>
          graph.mul(graph.sum(graph.mul(tables.price, parameters.w)), graph.mean(batch.x)),
      });
    const data = { count: 1, rows: { x: Float32Array.of(1) }, tables: { price: Float32Array.of(1, NaN) } };
    await expect(train(program(1), data, { ...quick, epochs: 1 })).rejects.toThrow('table "price" has NaN at place 2');
    await expect(train(program(NaN), data, { ...quick, epochs: 1 })).rejects.toThrow(
      'The parameter "w" must begin with 1 finite numbers. Got NaN.',
    );
  });

  it('in the norm that gradients are clipped by ends training instead of learning nothing', async () => {
    const program = linearRegression({ optimizer: sgd(), learningRate: 1e-3, batchSize: 1, clip: { norm: 1 }, w: [1] });
    const data = { count: 1, rows: { x: Float32Array.of(1e15), y: Float32Array.of(0) } };
    // Error 1e15, loss 1e30, gradient 2e30: its square is infinite.
    await expect(train(program, data, { ...quick, epochs: 1 })).rejects.toMatchObject({ code: 'TRAINING_DIVERGED' });
  });
});
