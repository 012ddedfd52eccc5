/** What activities need from the outside; the composition root in `workers/` provides it. */
import type { ComputePool } from '../compute/pool/task.ts';
import type { Execution } from '../contracts/execution.ts';
import type { ArtifactStore } from '../store/artifact-store.ts';
import type { ModelRegistry } from '../store/registry.ts';

export interface InferenceServerAccess {
  /** Base URL, e.g. `https://localhost:8443`. */
  url: string;
  apiKeyFile: string;
  caFile: string;
}

export interface Dependencies {
  store: ArtifactStore;
  registry: ModelRegistry;
  pool: ComputePool;
  /** Threads that one task may use at most. */
  cores: number;
  /** What training programs run on. Kernels, and the proof that an export agrees with its model, stay on the CPU. */
  execution: Execution;
  /** Execution provider, machine and instruction set, e.g. `cpu/x64/wasm-relaxed-fma`. */
  computedOn: string;
  /** Left out where no inference server belongs to the stack. */
  server?: InferenceServerAccess;
}
