import { describe, expect, it } from 'vitest';
import { decodeArrays, encodeArrays, type ArrayFile } from '../../../compute/arrays/safetensors.ts';
import { decodeModel } from '../../../compute/onnx/model.ts';
import { zeros } from '../../../compute/training/initializers.ts';
import { adam, sgd } from '../../../compute/training/optimizers.ts';
import { trainingProgram } from '../../../compute/training/program.ts';
import { train, type TrainingOptions } from '../../../compute/training/train.ts';
import { bytesOf, classifier, from, linearRegression, spirals } from './networks.ts';

const quick = { seed: 7, threads: 1 } satisfies Partial<TrainingOptions>;

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

describe('resuming', () => {
  const data = spirals(250);
  const settings = { ...quick, epochs: 6, checkpointMilliseconds: 0, runMilliseconds: 0 } satisfies TrainingOptions;

  it('gives the same bytes as not stopping, from any checkpoint, within an epoch and between two', async () => {
    const checkpoints: { state: Uint8Array; step: number }[] = [];
    const whole = await train(classifier(), data, {
      ...settings,
      checkpoint: async (state, step) => void checkpoints.push({ state: encodeArrays(state), step }),
    });
    // 8 batches an epoch; the end of the last epoch needs none.
    expect(checkpoints.map(({ step }) => step)).toEqual(Array.from({ length: 47 }, (_, i) => i + 1));
    for (const step of [1, 7, 8, 9, 20, 47]) {
      const { state } = checkpoints[step - 1];
      const resumed = await train(classifier(), data, { ...settings, resume: decodeArrays(state) });
      expect(bytesOf(resumed.parameters)).toBe(bytesOf(whole.parameters));
      expect(resumed.losses).toEqual(whole.losses);
    }
  });

  it('gives the same bytes after one crash upon the other', async () => {
    const whole = await train(classifier(), data, settings);
    let last: ArrayFile | undefined;
    let crashes = 0;
    const attempt = (): ReturnType<typeof train> => {
      let left = 5;
      return train(classifier(), data, {
        ...settings,
        ...(last && { resume: last }),
        async checkpoint(state) {
          last = decodeArrays(encodeArrays(state));
          if (left-- === 0) throw new Error('crash');
        },
      });
    };
    for (;;) {
      const end = await attempt().catch((error: Error) => error);
      if (!(end instanceof Error)) {
        expect(bytesOf(end.parameters)).toBe(bytesOf(whole.parameters));
        break;
      }
      expect(end.message).toBe('crash');
      crashes++;
    }
    expect(crashes).toBe(7);
  });

  it('does not depend on how an epoch is cut into runs', async () => {
    const results = await Promise.all(
      [0, 3, 10_000].map((runMilliseconds) => train(classifier(), data, { ...settings, runMilliseconds })),
    );
    const [first, ...others] = results.map(({ parameters }) => bytesOf(parameters));
    for (const other of others) expect(other).toBe(first);
  });

  it('ends early where it would have without a stop, by what afterEpoch remembers', async () => {
    const patience: Partial<TrainingOptions> = {
      // Nothing gets better than the first epoch: the fifth one is enough.
      afterEpoch({ losses, memory }) {
        memory['best'] ??= Infinity;
        memory['waited'] = losses.at(-1)! < memory['best'] - 10 ? 0 : (memory['waited'] ?? 0) + 1;
        memory['best'] = Math.min(memory['best'], losses.at(-1)!);
        return memory['waited'] < 4;
      },
    };
    const checkpoints: Uint8Array[] = [];
    const whole = await train(classifier(), data, {
      ...settings,
      ...patience,
      checkpoint: async (state) => void checkpoints.push(encodeArrays(state)),
    });
    expect(whole.losses).toHaveLength(5);
    for (const at of [3, 8, 16, 20, 32, checkpoints.length - 1]) {
      const resume = decodeArrays(checkpoints[at]);
      const resumed = await train(classifier(), data, { ...settings, ...patience, resume });
      expect(resumed.losses).toEqual(whole.losses);
      expect(bytesOf(resumed.parameters)).toBe(bytesOf(whole.parameters));
    }
  });

  it('makes no run much longer than was asked for, after a small last batch either', async () => {
    // 20 batches of 2,000 rows and one of a single row, which looks as if nothing took any time.
    const big = spirals(20 * 2000 + 1);
    const ends: { epoch: string; milliseconds: number }[] = [];
    let last = performance.now();
    await train(classifier(2000), big, {
      ...quick,
      epochs: 4,
      runMilliseconds: 5,
      progress(_fraction, note) {
        ends.push({ epoch: note!.slice(0, 7), milliseconds: performance.now() - last });
        last = performance.now();
      },
    });
    const runs = (epoch: number) => ends.filter((end) => end.epoch === `epoch ${epoch}`).length;
    // A batch takes milliseconds here, so that an epoch is cut into several runs: as many in the second as in the fourth.
    for (const epoch of [1, 2, 3, 4]) expect(runs(epoch)).toBeGreaterThan(3);
  });

  it('refuses a checkpoint of another training, and says what differs', async () => {
    let state: ArrayFile | undefined;
    await train(classifier(), data, { ...settings, epochs: 1, checkpoint: async (given) => void (state ??= given) });
    const resume = state!;
    await expect(train(classifier(), data, { ...settings, seed: 8, resume })).rejects.toThrow(
      'its seed must be 8. Got 7.',
    );
    await expect(train(classifier(16), data, { ...settings, resume })).rejects.toThrow('its program must be');
    await expect(train(classifier(), spirals(249), { ...settings, resume })).rejects.toThrow(
      'its count must be 249. Got 250.',
    );
    await expect(train(classifier(), { ...data, digest: 'a' }, { ...settings, resume })).rejects.toMatchObject({
      code: 'ARTIFACT_CORRUPT',
      complaint: { rule: 'be of the training that goes on from it: its data must be a', value: 'unknown' },
    });
  });
});

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
