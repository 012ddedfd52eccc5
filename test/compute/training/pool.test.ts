import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeArrays } from '../../../compute/arrays/safetensors.ts';
import { createComputePool, type ComputePool, type RunOptions, type TaskUsage } from '../../../compute/pool/pool.ts';
import { spirals } from './networks.ts';
import type { ClassifierInput } from './tasks.ts';

describe('training in a compute process', () => {
  let folder: string;
  let pool: ComputePool;
  let data: string;
  const epochs = 20;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'training-pool-'));
    data = join(folder, 'data');
    const { rows } = spirals(250);
    await writeArrays(data, {
      arrays: { x: { data: rows.x, shape: [250, 2] }, label: { data: rows.label } },
      metadata: {},
    });
    pool = createComputePool({ cores: 1 });
  });
  afterAll(async () => {
    await pool.close();
    await rm(folder, { recursive: true });
  });

  const run = (input: Omit<ClassifierInput, 'data' | 'epochs'>, name: string, options: Partial<RunOptions> = {}) =>
    pool.run<ClassifierInput, { peak: number }>(
      {
        module: new URL('./tasks.ts', import.meta.url).href,
        name: 'trainClassifier',
        input: { ...input, data, epochs },
        threads: 1,
        label: name,
      },
      { workDir: join(folder, name), ...options },
    );
  const parameters = (name: string) => readFile(join(folder, name, 'parameters'), 'hex');

  it('ends at the bytes of an undisturbed run after its process was killed and another one went on', async () => {
    await run({}, 'undisturbed');
    const kept = join(folder, 'kept');
    const killed = run({}, 'killed', {
      async onCheckpoint(path, step) {
        if (step > 50) return;
        await copyFile(path, kept);
        if (step === 50) for (const pid of pool.pids) process.kill(pid, 'SIGKILL');
      },
    });
    await expect(killed).rejects.toMatchObject({ code: 'COMPUTE_PROCESS_DIED', retryable: true });
    const steps: number[] = [];
    await run({ resume: kept }, 'resumed', { onCheckpoint: async (_path, step) => void steps.push(step) });
    expect(steps[0]).toBe(51);
    expect(await parameters('resumed')).toBe(await parameters('undisturbed'));
  });

  it('needs memory for its data once, and no more for more epochs', async () => {
    const { rows } = spirals(1000);
    const write = async (name: string, count: number) => {
      const x = new Float32Array(2 * count).map((_, i) => rows.x[i % 2000]);
      const label = new BigInt64Array(count).map((_, i) => rows.label[i % 1000]);
      const path = join(folder, name);
      await writeArrays(path, { arrays: { x: { data: x, shape: [count, 2] }, label: { data: label } }, metadata: {} });
      return { path, bytes: x.byteLength + label.byteLength };
    };
    // A whole batch in both, so that what a step needs is in both peaks.
    const [little, large] = [await write('little', 5000), await write('large', 2_000_000)];
    const bytes = large.bytes - little.bytes;
    const peak = async (given: string, howMany: number) => {
      // A process of its own each, as the system's allocator gives little back.
      const fresh = createComputePool({ cores: 1 });
      let usage: TaskUsage | undefined;
      try {
        await fresh.run<ClassifierInput, unknown>(
          {
            module: new URL('./tasks.ts', import.meta.url).href,
            name: 'trainClassifier',
            input: { data: given, epochs: howMany, undisturbed: true },
            threads: 1,
            label: `memory ${howMany}`,
          },
          { workDir: join(folder, `memory-${howMany}`), onUsage: (told) => void (usage = told) },
        );
      } finally {
        await fresh.close();
      }
      return usage!.peakBytes;
    };
    const [small, once, often] = [await peak(little.path, 2), await peak(large.path, 1), await peak(large.path, 4)];
    // The data, and the order of its rows; a copy of it would be as much again.
    expect(once - small).toBeGreaterThan(0.9 * bytes);
    expect(once - small).toBeLessThan(1.6 * bytes);
    expect(often - once).toBeLessThan(0.3 * bytes);
  });

  it('tells epoch, loss and memory while it runs, and its peak in the end', async () => {
    const notes: string[] = [];
    let usage: TaskUsage | undefined;
    const { peak } = await run({}, 'told', {
      onProgress: (_fraction, note) => void notes.push(note!),
      onUsage: (given) => void (usage = given),
    });
    expect(notes.length).toBeGreaterThan(0);
    for (const note of notes) {
      expect(note).toMatch(/^epoch \d+ of 20, loss \d\.\d+ \(1 MiB data, 1 MiB states, peak \d+ MiB\)$/);
    }
    expect(usage!.peakBytes).toBeGreaterThan(2 ** 25);
    expect(usage!.peakBytes).toBeLessThanOrEqual(usage!.budgetBytes);
    expect(peak).toBeGreaterThan(2 ** 25);
  });
});
