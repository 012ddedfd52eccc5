import { readFileSync } from 'node:fs';
import { kernelFolder } from '../../../compute/kernels/load.ts';
import type { KernelName } from '../../../compute/kernels/load.ts';

/** By their ids in the binary format (WebAssembly Core Specification 2.0, 5.5.2). */
const names = [
  'custom',
  'type',
  'import',
  'function',
  'table',
  'memory',
  'global',
  'export',
  'start',
  'element',
  'code',
  'data',
  'data count',
];

/** The sections of a built kernel, in their order. */
export function sectionsOf(kernel: KernelName): string[] {
  const bytes = readFileSync(`${kernelFolder}${kernel}.wasm`);
  const found: string[] = [];
  let at = 8;
  const number = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    found.push(names[bytes[at++]]);
    const size = number();
    at += size;
  }
  return found;
}
