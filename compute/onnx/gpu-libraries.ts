/**
 * The libraries that `tradewind gpu install` fetched, as compute processes find them. The npm package of onnxruntime
 * has none of CUDA's. The loader reads `LD_LIBRARY_PATH` when a process starts, so it is set for compute processes by
 * whoever starts them. The first folder holds a build of onnxruntime of its own: it takes the place of the npm package's,
 * which comes later in the loader's order, so that onnxruntime and its CUDA provider are of one build.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';
import { gpuFolder, gpuManifestName, type GpuManifest, type Provider } from '../../contracts/execution.ts';

/** Version of the npm package; its native part is not loaded for it. */
export const onnxruntimeVersion = (
  createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string }
).version;

/** Empty where there are none for this version of onnxruntime. */
export function libraryFolders(env: NodeJS.ProcessEnv = process.env): string[] {
  const home = gpuFolder(env);
  let manifest: GpuManifest;
  try {
    manifest = JSON.parse(readFileSync(join(home, gpuManifestName(onnxruntimeVersion)), 'utf8')) as GpuManifest;
  } catch {
    return [];
  }
  const folders = manifest.folders.map((name) => join(home, name));
  return folders.every((folder) => existsSync(folder)) ? folders : [];
}

/** Variables with which a process is to be started that computes on this provider. */
export function providerEnvironment(provider: Provider, env: NodeJS.ProcessEnv = process.env): Record<string, string> {
  if (provider !== 'cuda' && provider !== 'tensorrt') return {};
  const own = libraryFolders(env);
  const given = (env['LD_LIBRARY_PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  const path = [...own, ...given.filter((folder) => !own.includes(folder))].join(delimiter);
  return {
    ...(path === '' ? {} : { LD_LIBRARY_PATH: path }),
    // GPUs have the numbers that nvidia-smi shows; CUDA's own order puts the fastest first.
    CUDA_DEVICE_ORDER: env['CUDA_DEVICE_ORDER'] || 'PCI_BUS_ID',
    // Else matrix products round their factors to 10 bits (TF32) on GPUs since Ampere, far from what the CPU computes.
    NVIDIA_TF32_OVERRIDE: env['NVIDIA_TF32_OVERRIDE'] || '0',
  };
}

/** Whether this process was started with those variables: none can be made up for later. */
export function startedFor(provider: Provider, env: NodeJS.ProcessEnv = process.env): boolean {
  const { LD_LIBRARY_PATH: needed = '' } = providerEnvironment(provider, env);
  return needed === (env['LD_LIBRARY_PATH'] ?? '') || libraryFolders(env).length === 0;
}
