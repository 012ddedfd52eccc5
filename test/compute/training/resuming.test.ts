import { describe, expect, it } from 'vitest';
import { decodeArrays, encodeArrays, type ArrayFile } from '../../../compute/arrays/safetensors.ts';
import { train, type TrainingOptions } from '../../../compute/training/train.ts';
import { bytesOf, classifier, quick, spirals } from './networks.ts';

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
