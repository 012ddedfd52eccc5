import { describe, expect, it } from 'vitest';
import { decodeModel } from '../../../compute/onnx/model.ts';
import { zeros } from '../../../compute/training/initializers.ts';
import { sgd } from '../../../compute/training/optimizers.ts';
import { trainingProgram } from '../../../compute/training/program.ts';
import { train, type TrainingOptions } from '../../../compute/training/train.ts';
import { bytesOf, classifier, from, linearRegression, quick, spirals } from './networks.ts';

/** Counts how often each row was in a batch: c[id] falls by 1 each time, as the loss is the batch's sum of c[id]. */
function rowCounter(count: number, batchSize: number) {
  return trainingProgram({
    parameters: { c: { shape: [count], initial: zeros } },
    rows: { id: { type: 'int64', shape: [] } } as const,
    optimizer: sgd(),
    learningRate: 1,
    batchSize,
    loss: ({ graph, parameters, batch }) => graph.sum(graph.gatherElements(parameters.c, batch.id, 0)),
  });
}

describe('a training run', () => {
  it('is one Loop in one graph: no other node reads a parameter or what the optimizer remembers', () => {
    const { graph } = decodeModel(classifier().model);
    const states = graph!.input.map(({ name }) => name).filter((name) => /^(parameters|slots)\//.test(name));
    expect(states).toHaveLength(5 * 3);
    const readers = graph!.node.filter(({ input }) => input.some((name) => states.includes(name)));
    expect(readers.map(({ opType }) => opType)).toEqual(['Loop']);
  });

  it.each([1, 5, 16, 17, 64, 100])(
    'sees each of 17 rows once an epoch with batches of %i, the last one too',
    async (size) => {
      const ids = { count: 17, rows: { id: BigInt64Array.from({ length: 17 }, (_, i) => BigInt(i)) } };
      const { parameters } = await train(rowCounter(17, size), ids, { ...quick, epochs: 3 });
      expect([...parameters['c'].data]).toEqual(Array.from({ length: 17 }, () => -3));
    },
  );

  it('takes the rows in another order in each epoch, by the seed, and in their own where that is asked for', async () => {
    const size = 1;
    const count = 12;
    // w ← w + x (1/2 − w) keeps the order in its digits: two orders give two results.
    const run = async (options: Partial<TrainingOptions>) => {
      const x = Float32Array.from({ length: count }, (_, i) => (i + 1) / 40);
      const program = trainingProgram({
        parameters: { w: { shape: [1], initial: from([3]) } },
        rows: { x: { type: 'float32', shape: [] } } as const,
        optimizer: sgd(),
        learningRate: 1,
        batchSize: size,
        loss({ graph, parameters, batch }) {
          const error = graph.sub(parameters.w, 0.5);
          return graph.mean(graph.mul(graph.mul(batch.x, 0.5), graph.mul(error, error)));
        },
      });
      const { losses } = await train(program, { count, rows: { x } }, { ...quick, epochs: 2, ...options });
      return losses;
    };
    const [own, again, shuffled, other] = await Promise.all([
      run({ shuffle: false }),
      run({ shuffle: false, seed: 8 }),
      run({}),
      run({ seed: 8 }),
    ]);
    expect(own).toEqual(again);
    expect(shuffled[0]).not.toBe(own[0]);
    expect(shuffled[0]).not.toBe(other[0]);
    expect(await run({})).toEqual(shuffled);
  });

  it('gives as an epoch its mean loss over the rows, the smaller last batch by its rows', async () => {
    const x = Float32Array.of(1, 2, 3, 4, 5);
    const y = new Float32Array(5);
    const program = linearRegression({ optimizer: sgd(), learningRate: 1e-30, batchSize: 2, w: [1] });
    const { losses } = await train(program, { count: 5, rows: { x, y } }, { ...quick, epochs: 1, shuffle: false });
    // Prediction x + 1/4, so that the loss is the mean of (x + 1/4)².
    const expected = x.reduce((sum, value) => sum + (value + 0.25) ** 2, 0) / 5;
    expect(losses).toEqual([expect.closeTo(expected, 5)]);
  });

  it('learns what no straight line parts', async () => {
    const data = spirals(400);
    const { parameters, losses } = await train(classifier(), data, { ...quick, epochs: 60 });
    expect(losses[0]).toBeGreaterThan(0.5);
    expect(losses.at(-1)).toBeLessThan(0.2);
    // Judged on spirals that it has not seen, by the formula in plain TypeScript.
    const unseen = spirals(300, 2);
    const layer = (input: number[], weights: string, bias?: string) => {
      const { data: w, shape } = parameters[weights];
      return Array.from({ length: shape[1] }, (_, j) =>
        input.reduce((sum, value, i) => sum + value * w[i * shape[1] + j], bias ? parameters[bias].data[j] : 0),
      );
    };
    let right = 0;
    for (let i = 0; i < unseen.count; i++) {
      const first = layer([...unseen.rows.x.subarray(2 * i, 2 * i + 2)], 'w1', 'b1').map(Math.tanh);
      const [zero, one] = layer(layer(first, 'w2', 'b2').map(Math.tanh), 'w3');
      if (Number(one > zero) === Number(unseen.rows.label[i])) right++;
    }
    expect(right / unseen.count).toBeGreaterThan(0.95);
  });

  it('reads tables that every batch sees whole', async () => {
    const program = trainingProgram({
      parameters: { w: { shape: [1], initial: zeros } },
      rows: { item: { type: 'int32', shape: [] } } as const,
      tables: { price: { type: 'float32', shape: [3] } } as const,
      optimizer: sgd(),
      learningRate: 1,
      batchSize: 4,
      // ∂/∂w = mean price of the batch.
      loss: ({ graph, parameters, batch, tables }) =>
        graph.mean(graph.mul(graph.gather(tables.price, batch.item), parameters.w)),
    });
    const data = { count: 4, rows: { item: Int32Array.of(2, 0, 2, 1) }, tables: { price: Float32Array.of(1, 2, 4) } };
    const { parameters } = await train(program, data, { ...quick, epochs: 1 });
    expect(parameters['w'].data[0]).toBe(-(4 + 1 + 4 + 2) / 4);
  });

  it('ends early where afterEpoch says so, with what it had by then', async () => {
    const seen: number[] = [];
    const data = spirals(64);
    const stopped = await train(classifier(), data, {
      ...quick,
      epochs: 10,
      afterEpoch({ epoch, losses, parameters }) {
        seen.push(epoch);
        expect(losses).toHaveLength(epoch);
        expect(parameters['w1']).toHaveLength(64);
        return epoch < 3;
      },
    });
    expect(seen).toEqual([1, 2, 3]);
    expect(stopped.losses).toHaveLength(3);
    const whole = await train(classifier(), data, { ...quick, epochs: 3 });
    expect(bytesOf(stopped.parameters)).toBe(bytesOf(whole.parameters));
  });

  it('gives the beginning back after no epoch', async () => {
    const program = linearRegression({ optimizer: sgd(), learningRate: 1, batchSize: 2 });
    const data = { count: 1, rows: { x: Float32Array.of(1, 1), y: Float32Array.of(1) } };
    const { parameters, losses } = await train(program, data, { ...quick, epochs: 0 });
    expect([...parameters['w'].data]).toEqual([0.5, -1]);
    expect(losses).toEqual([]);
  });
});

describe('memory', () => {
  it('is told with the progress and does not grow with the epochs', async () => {
    const data = spirals(2000);
    const notes: string[] = [];
    const run = (epochs: number) =>
      train(classifier(), data, { ...quick, epochs, progress: (_fraction, note) => void notes.push(note!) });
    const { memory } = await run(2);
    expect(memory.data).toBe(2000 * (2 * 4 + 8));
    // Parameters and two slots each.
    expect(memory.states).toBe(3 * 4 * (2 * 32 + 32 + 32 * 32 + 32 + 32 * 2));
    expect(notes.at(-1)).toMatch(/^epoch 2 of 2, loss 0\.\d+ \(1 MiB data, 1 MiB states, peak \d+ MiB\)$/);
    const later = (await run(60)).memory;
    expect(later.peak - memory.peak).toBeLessThan(32 * 2 ** 20);
  });
});

describe('data that does not fit the program is refused', () => {
  const program = classifier();
  const { rows } = spirals(10);
  it.each<[string, object, string]>([
    [
      'a missing column',
      { x: rows.x },
      'Column "label" of the data must be BigInt64Array of 10 elements. Got nothing.',
    ],
    [
      'a column of another type',
      { ...rows, label: new Int32Array(10) },
      'BigInt64Array of 10 elements. Got Int32Array',
    ],
    ['a column of another size', { ...rows, x: new Float32Array(19) }, 'of 20 elements. Got Float32Array of 19.'],
  ])('%s', async (_name, given, message) => {
    const data = { count: 10, rows: given as typeof rows };
    await expect(train(program, data, { ...quick, epochs: 1 })).rejects.toThrow(message);
  });

  it('an index outside of its range, by column, row and value', async () => {
    const ranged = trainingProgram({
      parameters: { w: { shape: [3], initial: zeros } },
      rows: { item: { type: 'int32', shape: [2], below: 3 } } as const,
      optimizer: sgd(),
      learningRate: 1,
      batchSize: 2,
      loss: ({ graph, parameters, batch }) => graph.mean(graph.gather(parameters.w, batch.item)),
    });
    for (const bad of [-1, 3]) {
      const failing = train(ranged, { count: 2, rows: { item: Int32Array.of(0, 1, 2, bad) } }, { ...quick, epochs: 1 });
      await expect(failing).rejects.toMatchObject({
        code: 'VALIDATION_FAILED',
        complaint: { subject: 'Column "item" in row 2', rule: 'be an index in [0, 3)', value: String(bad) },
      });
    }
  });

  it('a column that the program does not have', async () => {
    const given = { count: 10, rows: { ...rows, z: new Float32Array(10) } };
    await expect(train(program, given, { ...quick, epochs: 1 })).rejects.toThrow('no column or table "z"');
  });

  it('a seed that is none', async () => {
    await expect(train(program, { count: 10, rows }, { ...quick, seed: 0.5, epochs: 1 })).rejects.toThrow(
      'seed of a training must be a safe integer. Got 0.5.',
    );
  });

  it('no rows', async () => {
    const none = { count: 0, rows: { x: new Float32Array(0), label: new BigInt64Array(0) } };
    await expect(train(program, none, { ...quick, epochs: 1 })).rejects.toThrow('number of rows');
  });
});
