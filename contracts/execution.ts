/**
 * What a graph can run on, and where the libraries for NVIDIA's GPUs are kept: `scripts/` puts them there, `compute/`
 * finds them. Not for workflow code: its sandbox has no `node:os`.
 */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** onnxruntime's names of what can run a graph. Nodes that the asked one cannot run, it gives to `cpu`. */
export const providers = ['cpu', 'cuda', 'tensorrt', 'webgpu', 'coreml', 'dml'] as const;
export type Provider = (typeof providers)[number];

/** What a process computes on. */
export interface Execution {
  readonly provider: Provider;
  /** Which GPU, counted from 0; for the providers of `numberedGpus`. */
  readonly gpu?: number;
}

/** Of these, onnxruntime lets one say which GPU to take. */
export const numberedGpus: readonly Provider[] = ['cuda', 'tensorrt', 'dml'];

/** Folder of what `tradewind gpu install` fetches, over all homes: in `TRADEWIND_CACHE`, else in the user's cache. */
export function gpuFolder(env: NodeJS.ProcessEnv = process.env): string {
  if (env['TRADEWIND_CACHE']) return resolve(env['TRADEWIND_CACHE'], 'gpu');
  return join(env['XDG_CACHE_HOME'] || join(env['HOME'] || homedir(), '.cache'), 'tradewind', 'gpu');
}

/** File in that folder for a version of onnxruntime; there only once all folders that it names are whole. */
export const gpuManifestName = (onnxruntime: string): string => `onnxruntime-${onnxruntime}.json`;
export interface GpuManifest {
  /** Folders beside the manifest that hold the libraries, in the order in which the loader is to look at them. */
  folders: string[];
}
