/** Compiled kernels, read from `build/kernels`, where `buildKernels` puts them. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { TradewindError } from '../../contracts/errors.ts';

/** One wasm module each; `vector.ts` and `selection.ts` beside them are shared source. */
export const kernelNames = [
  'als',
  'fold-in',
  'similarity',
  'ease',
  'scoring',
  'top-k',
  'text',
  'csr',
  'linear-svm',
  'trees',
  'kernel-svm',
  'probe',
] as const;
export type KernelName = (typeof kernelNames)[number];

/** Pages of 64 KiB that a 32-bit address reaches: 4 GiB. */
export const maximumPages = 65536;

export const kernelFolder = fileURLToPath(new URL('../../build/kernels/', import.meta.url));

const compiled = new Map<KernelName, WebAssembly.Module>();

/**
 * The module of a kernel, compiled once in a process. It imports nothing but `env.memory`, shared.
 * @throws TradewindError `PREREQUISITE_MISSING` when the kernels have not been built.
 */
export function kernelModule(name: KernelName): WebAssembly.Module {
  const known = compiled.get(name);
  if (known) return known;
  let bytes: Buffer;
  try {
    bytes = readFileSync(`${kernelFolder}${name}.wasm`);
  } catch (cause) {
    throw new TradewindError(
      'PREREQUISITE_MISSING',
      { subject: `The kernel "${name}"`, rule: 'be built', remedy: 'Run `npm run build`.' },
      { cause },
    );
  }
  const module = new WebAssembly.Module(new Uint8Array(bytes));
  compiled.set(name, module);
  return module;
}

/** The functions that an instance of a kernel exports; arguments and results are numbers, pointers are byte addresses. */
export type KernelExports = Record<string, (...args: number[]) => number | undefined>;

export function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory): KernelExports {
  return new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as KernelExports;
}
