import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildKernels } from '../../../compute/kernels/build.ts';
import { instructionSet } from '../../../compute/kernels/isa.ts';
import { kernelModule, kernelNames } from '../../../compute/kernels/load.ts';

describe('buildKernels', () => {
  let folder: string;
  let paths: string[];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kernels-'));
    paths = await buildKernels(folder);
  });
  afterAll(() => rm(folder, { recursive: true }));

  const contents = () => Promise.all(paths.map((path) => readFile(path)));

  it('compiles every kernel to a module of its name', () => {
    expect(paths.map((path) => basename(path))).toEqual(kernelNames.map((name) => `${name}.wasm`));
  });

  it('makes modules that import the shared memory and nothing else, and export functions only', async () => {
    for (const [k, bytes] of (await contents()).entries()) {
      const module = new WebAssembly.Module(new Uint8Array(bytes));
      const imports = kernelNames[k] === 'probe' ? [] : [{ module: 'env', name: 'memory', kind: 'memory' }];
      expect(WebAssembly.Module.imports(module)).toEqual(imports);
      const kinds = WebAssembly.Module.exports(module).map(({ kind }) => kind);
      expect(new Set(kinds)).toEqual(new Set(['function']));
    }
  });

  it('makes modules without data and without globals, which a second instance would write anew', async () => {
    const [globals, data] = [6, 11];
    for (const bytes of await contents()) {
      const sections = sectionsOf(bytes);
      expect(sections).toContain(10);
      expect(sections).not.toContain(globals);
      expect(sections).not.toContain(data);
    }
  });

  it('leaves modules alone that are up to date', async () => {
    const before = await Promise.all(paths.map((path) => stat(path)));
    await buildKernels(folder);
    const after = await Promise.all(paths.map((path) => stat(path)));
    expect(after.map(({ mtimeMs, ino }) => [mtimeMs, ino])).toEqual(before.map(({ mtimeMs, ino }) => [mtimeMs, ino]));
  });

  it('compiles again what is cut off or was made of other sources, to the same bytes', async () => {
    const before = await contents();
    await writeFile(paths[0], before[0].subarray(0, 100));
    const foreign = Buffer.from(before[1]);
    // The digest of the sources is the end of the file.
    foreign.write('0'.repeat(64), foreign.length - 64);
    await writeFile(paths[1], foreign);
    await buildKernels(folder);
    expect(await contents()).toEqual(before);
  });

  it('may run twice at once', async () => {
    const before = await contents();
    await rm(paths[2]);
    await Promise.all([buildKernels(folder), buildKernels(folder)]);
    expect(await contents()).toEqual(before);
  });
});

/** Ids of the sections of a module: behind 8 bytes of head, each an id, its length (LEB128) and its content. */
function sectionsOf(bytes: Uint8Array): number[] {
  const ids: number[] = [];
  for (let at = 8; at < bytes.length;) {
    ids.push(bytes[at++]);
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      length |= (bytes[at] & 127) << shift;
      if (bytes[at++] < 128) break;
    }
    at += length;
  }
  return ids;
}

describe('kernelModule', () => {
  it('compiles a module once in a process', () => {
    expect(kernelModule('als')).toBe(kernelModule('als'));
  });

  it('says what to run when a kernel is not there', () => {
    expect(() => kernelModule('absent' as 'als')).toThrow(
      expect.objectContaining({ code: 'PREREQUISITE_MISSING', message: expect.stringContaining('npm run build') }),
    );
  });
});

describe('instructionSet', () => {
  it('names one of the two ways in which kernels round, the same each time', () => {
    const name = instructionSet();
    expect(['wasm-relaxed-fma', 'wasm-relaxed']).toContain(name);
    expect(instructionSet()).toBe(name);
  });
});
