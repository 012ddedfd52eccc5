import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  libraryFolders,
  onnxruntimeVersion,
  providerEnvironment,
  startedFor,
} from '../../../compute/onnx/gpu-libraries.ts';
import { diagnose, probeProvider, probeProviders, refusal } from '../../../compute/onnx/probe.ts';
import { gpuManifestName } from '../../../contracts/execution.ts';

const linux = process.platform === 'linux' && process.arch === 'x64';
/** A probing process that runs this first. */
const first = (code: string) => ({
  ...process.env,
  NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}`,
});

describe('a probe', () => {
  it('finds the CPU usable, and names a reason for all that is not', async () => {
    const reports = await probeProviders();
    expect(reports[0]).toEqual({ provider: 'cpu', usable: true });
    for (const { usable, reason } of reports)
      expect(usable ? undefined : reason).toEqual(usable ? undefined : expect.any(String));
  });

  it.skipIf(process.platform === 'win32')('says of what the platform lacks that it is no part of it', async () => {
    const report = await probeProvider({ provider: 'dml' });
    expect(report.reason).toBe(`no part of onnxruntime-node on ${process.platform} ${process.arch}`);
    expect(refusal(report).message).toBe(
      `The execution provider "dml" must be at hand. Got ${report.reason}. Use "cpu".`,
    );
  });

  it('outlives a driver that crashes', async () => {
    const env = first('process.kill(process.pid, "SIGSEGV")');
    const { usable, reason } = await probeProvider({ provider: 'cpu' }, { env });
    expect(usable).toBe(false);
    expect(reason).toContain('its process was ended by SIGSEGV');
  });

  it('ends a driver that hangs', async () => {
    const report = await probeProvider({ provider: 'cpu' }, { env: first('for (;;);'), limit: 300 });
    expect(report).toMatchObject({ usable: false, reason: 'no answer within 0.3 s' });
  });
});

describe.runIf(linux)('libraries for NVIDIA’s GPUs', () => {
  let cache: string;
  let env: NodeJS.ProcessEnv;
  const manifest = (version: string, folders: string[]) =>
    writeFile(join(cache, 'gpu', gpuManifestName(version)), JSON.stringify({ folders }));

  beforeAll(async () => {
    cache = await mkdtemp(join(tmpdir(), 'tradewind-gpu-'));
    env = { ...process.env, LD_LIBRARY_PATH: '/given', TRADEWIND_CACHE: cache };
    const folder = join(cache, 'gpu', 'onnxruntime');
    await mkdir(folder, { recursive: true });
    await mkdir(join(cache, 'gpu', 'cuda'));
    // The npm package's own build stands in for the one that comes with CUDA's provider.
    const own = dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'));
    await symlink(join(own, 'bin/napi-v6/linux/x64/libonnxruntime.so.1'), join(folder, 'libonnxruntime.so.1'));
    await writeFile(join(folder, 'libonnxruntime_providers_shared.so'), 'not a library');
    await manifest(onnxruntimeVersion, ['onnxruntime', 'cuda']);
  });
  afterAll(() => rm(cache, { recursive: true }));

  it('are found in the cache, in front of what the loader was told before', () => {
    const folders = [join(cache, 'gpu', 'onnxruntime'), join(cache, 'gpu', 'cuda')];
    expect(libraryFolders(env)).toEqual(folders);
    const { LD_LIBRARY_PATH: path } = providerEnvironment('cuda', env);
    expect(path).toBe([...folders, '/given'].join(':'));
    expect(providerEnvironment('cuda', { ...env, LD_LIBRARY_PATH: path })['LD_LIBRARY_PATH']).toBe(path);
    expect([startedFor('cuda', env), startedFor('cuda', { ...env, LD_LIBRARY_PATH: path })]).toEqual([false, true]);
    expect(providerEnvironment('cpu', env)).toEqual({});
  });

  it('are what a process that computes on a GPU loads, in place of the npm package’s', async () => {
    const { reason, remedy } = await probeProvider({ provider: 'cuda' }, { env });
    expect(reason).toMatch(/^libonnxruntime_providers_shared\.so does not load \(.*(too short|invalid ELF header)\)$/);
    expect(remedy).toBe('Run "npx tradewind gpu install"');
  });

  it('do not count when they are of another version, or not whole', async () => {
    await manifest(onnxruntimeVersion, ['onnxruntime', 'gone']);
    expect(libraryFolders(env)).toEqual([]);
    await rm(join(cache, 'gpu', gpuManifestName(onnxruntimeVersion)));
    await manifest('1.0.0', ['onnxruntime']);
    expect(libraryFolders(env)).toEqual([]);
    expect(startedFor('cuda', env)).toBe(true);
  });
});

describe('what a driver says, in one sentence', () => {
  // As onnxruntime 1.30 and the loader wrote it, shortened in the middle; the numbers 35 and 101 are put in for the 100.
  const load = (library: string) =>
    `[E:onnxruntime:onnxruntime-node, provider_bridge_ort.cc:2146 Create] [ONNXRuntimeError] : 1 : FAIL : Failed to load library /x/libonnxruntime_providers_cuda.so with error: ${library}: cannot open shared object file: No such file or directory`;
  const cuda = (number: number, words: string) =>
    `/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_call.cc:154 CudaCall(…) CUDA failure ${number}: ${words} ; GPU=-1 ; hostname=vm ; file=/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_execution_provider.cc ; line=352 ; expr=cudaSetDevice(info_.device_id); `;

  it.each([
    [load('libcuda.so.1'), 'no NVIDIA driver (libcuda.so.1 is missing)', 'driver 580 or newer'],
    [load('libcublasLt.so.13'), 'the library libcublasLt.so.13 is missing', 'gpu install'],
    [load('libnvinfer.so.10'), 'no TensorRT 10 (libnvinfer.so.10 is missing)', 'Install TensorRT 10'],
    [load('/x/libonnxruntime_providers_shared.so'), 'its libraries are not installed', 'gpu install'],
    [cuda(100, 'no CUDA-capable device is detected'), 'no CUDA device', 'CUDA_VISIBLE_DEVICES'],
    [cuda(35, 'CUDA driver version is insufficient'), 'a driver that is too old', 'driver 580 or newer'],
    [cuda(101, 'invalid device ordinal'), 'no GPU with the number 3', 'TRADEWIND_GPU_DEVICE'],
    [cuda(2, 'out of memory'), 'CUDA error 2, out of memory', ''],
    ["Warning: Couldn't load Vulkan: libvulkan.so.1: cannot open", 'no Vulkan loader', 'Install Vulkan'],
    ['Failed to get a WebGPU adapter: No supported adapters', 'no GPU with a driver that WebGPU can use', ''],
  ])('%#', (text, reason, remedy) => {
    const found = diagnose({ provider: 'cuda', gpu: 3 }, { text });
    expect(found.reason).toContain(reason);
    expect(found.remedy ?? '').toContain(remedy);
  });
});
