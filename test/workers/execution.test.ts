import { fork } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { computedOn } from '../../activities/computed-on.ts';
import { nvidiaModel, prepareExecution } from '../../workers/execution.ts';
import { workerSettings } from '../../workers/settings.ts';

const noPart = `no part of onnxruntime-node on ${process.platform} ${process.arch}`;
/** There is no platform that has both. */
const elsewhere = process.platform === 'win32' ? 'coreml' : 'dml';

describe('TRADEWIND_EXECUTION_PROVIDER and TRADEWIND_GPU_DEVICE', () => {
  const asked = (provider?: string, gpu?: string) =>
    workerSettings({ TRADEWIND_EXECUTION_PROVIDER: provider, TRADEWIND_GPU_DEVICE: gpu }).execution;

  it.each([
    [undefined, undefined, { provider: 'cpu' }],
    ['', '', { provider: 'cpu' }],
    ['cuda', undefined, { provider: 'cuda', gpu: 0 }],
    ['tensorrt', '3', { provider: 'tensorrt', gpu: 3 }],
    ['webgpu', '0', { provider: 'webgpu' }],
  ])('%s and %s', (provider, gpu, execution) => {
    expect(asked(provider, gpu)).toEqual(execution);
  });

  it.each([
    ['cudaa', undefined, 'TRADEWIND_EXECUTION_PROVIDER must be one of cpu, cuda, tensorrt, webgpu, coreml, dml.'],
    ['cuda', 'first', 'TRADEWIND_GPU_DEVICE must be the number of a GPU, an integer in [0, 255].'],
    ['cuda', '-1', 'TRADEWIND_GPU_DEVICE must be the number of a GPU, an integer in [0, 255].'],
    ['webgpu', '1', 'TRADEWIND_GPU_DEVICE must be 0 with the execution provider "webgpu", which takes no number.'],
  ])('%s and %s are refused', (provider, gpu, message) => {
    expect(() => asked(provider, gpu)).toThrow(expect.objectContaining({ code: 'USAGE' }));
    expect(() => asked(provider, gpu)).toThrow(message);
  });
});

describe('what a worker computes on', () => {
  it('is the CPU without further ado', async () => {
    expect(await prepareExecution({ provider: 'cpu' })).toEqual({ execution: { provider: 'cpu' }, environment: {} });
  });

  it('is refused with the reason where it is not at hand', async () => {
    const refused = prepareExecution({ provider: elsewhere });
    await expect(refused).rejects.toMatchObject({ code: 'COMPUTE_REFUSED' });
    await expect(refused).rejects.toThrow(`The execution provider "${elsewhere}" must be at hand. Got ${noPart}.`);
  });

  it('keeps a worker from starting where it is refused, and its supervisor hears why', async () => {
    const worker = fork(fileURLToPath(new URL('../../workers/main.ts', import.meta.url)), [], {
      env: { ...process.env, TRADEWIND_EXECUTION_PROVIDER: elsewhere },
      execArgv: [],
      silent: true,
    });
    const [message, code] = await Promise.all([
      new Promise<object>((heard) => worker.once('message', (said) => heard(said as object))),
      new Promise<number | null>((ended) => worker.once('exit', ended)),
    ]);
    expect(message).toMatchObject({ type: 'failed', code: 'COMPUTE_REFUSED', complaint: { value: noPart } });
    expect(code).toBe(1);
  });
});

describe.skipIf(process.platform === 'win32')('the model of the GPU', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tradewind-smi-'));
    const program = join(folder, 'nvidia-smi');
    await writeFile(program, '#!/bin/sh\nfor last; do :; done\necho "NVIDIA $last, 9.0"\n');
    await chmod(program, 0o755);
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('is what nvidia-smi calls the GPU that CUDA counts', async () => {
    const env = { PATH: `${folder}:/usr/bin:/bin` };
    expect(await nvidiaModel(1, env)).toBe('NVIDIA --id=1, 9.0');
    expect(await nvidiaModel(1, { ...env, CUDA_VISIBLE_DEVICES: '5, GPU-7a' })).toBe('NVIDIA --id=GPU-7a, 9.0');
  });

  it('is not known without it', async () => {
    expect(await nvidiaModel(0, { PATH: '/nowhere' })).toBeUndefined();
  });
});

describe('the key of what was computed', () => {
  it('tells providers and models of GPU apart', () => {
    const keys = [
      computedOn({ provider: 'cpu' }),
      computedOn({ provider: 'cuda', gpu: 0 }),
      computedOn({ provider: 'cuda', gpu: 0 }, 'NVIDIA H100, 9.0'),
      computedOn({ provider: 'cuda', gpu: 0 }, 'NVIDIA H100, 9.0, TF32'),
      computedOn({ provider: 'tensorrt', gpu: 0 }, 'NVIDIA H100, 9.0'),
    ];
    expect(new Set(keys).size).toBe(keys.length);
    expect(keys[0]).toMatch(/^cpu\/\w+\/[\w-]+$/);
    // Equal GPUs of one machine compute the same bits.
    expect(computedOn({ provider: 'cuda', gpu: 1 }, 'NVIDIA H100, 9.0')).toBe(keys[2]);
  });
});
