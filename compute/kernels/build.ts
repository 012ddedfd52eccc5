/** Compiles the AssemblyScript kernels to `<outDir>/<name>.wasm`. */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { kernelNames, maximumPages } from './load.ts';

const sourceFolder = fileURLToPath(new URL('./assembly/', import.meta.url));

// The memory belongs to the host, which makes it as large as a task needs: the module asks for no more than one page.
const flags = [
  '-O3',
  '--enable=simd,threads,relaxed-simd',
  '--runtime=stub',
  '--importMemory',
  '--noExportMemory',
  '--sharedMemory',
  '--initialMemory=1',
  `--maximumMemory=${maximumPages}`,
];

/** Custom section that holds the digest of what a module was compiled from. */
const section = 'tradewind.source';

/**
 * Compiles what is not up to date: a module carries the digest of sources, flags and compiler it was made of.
 * @returns paths of the modules that were compiled, in the order of `kernelNames`.
 * @throws Error with the compiler's messages when a source does not compile.
 */
export async function buildKernels(outDir: string): Promise<string[]> {
  await mkdir(outDir, { recursive: true });
  const sources = await readSources();
  const { version } = createRequire(import.meta.url)('assemblyscript/package.json') as { version: string };
  const hash = createHash('sha256').update(JSON.stringify([version, flags]));
  for (const [file, text] of sources) hash.update(JSON.stringify([file, text]));
  const digest = hash.digest('hex');

  const compiled: string[] = [];
  for (const name of kernelNames) {
    const path = join(outDir, `${name}.wasm`);
    if ((await digestOf(path)) !== digest) {
      // Two builds at once each write a file of their own; the last rename wins with the same bytes.
      const partial = join(outDir, `.${name}.${randomUUID()}.wasm`);
      await writeFile(partial, withSection(await compile(name, sources), digest));
      await rename(partial, path);
      compiled.push(path);
    }
  }
  return compiled;
}

async function readSources(): Promise<Map<string, string>> {
  const files = (await readdir(sourceFolder)).filter((file) => file.endsWith('.ts')).toSorted();
  const texts = await Promise.all(files.map((file) => readFile(join(sourceFolder, file), 'utf8')));
  return new Map(files.map((file, i) => [file, texts[i]]));
}

async function compile(name: string, sources: ReadonlyMap<string, string>): Promise<Uint8Array> {
  // The compiler takes longer to load than to find out that nothing is to be compiled.
  const { default: asc } = await import('assemblyscript/asc');
  let binary: Uint8Array | undefined;
  const messages: string[] = [];
  const { error } = await asc.main([`${name}.ts`, '-o', `${name}.wasm`, ...flags], {
    readFile: (file) => sources.get(file) ?? null,
    writeFile: (_file, contents) => {
      if (typeof contents !== 'string') binary = contents;
    },
    listFiles: () => [],
    stderr: { write: (text: string) => void messages.push(text) },
  });
  if (error || !binary)
    throw new Error(`The kernel ${name}.ts does not compile.\n${messages.join('')}`, { cause: error });
  return binary;
}

async function digestOf(path: string): Promise<string | undefined> {
  try {
    const module = new WebAssembly.Module(new Uint8Array(await readFile(path)));
    const [held] = WebAssembly.Module.customSections(module, section);
    return held && new TextDecoder().decode(held);
  } catch {
    return undefined; // Absent, or cut off by a full disk: compile it again.
  }
}

/** Appends a custom section: id 0, size, length of the name, name, content (all lengths below 128: one byte each). */
function withSection(binary: Uint8Array, content: string): Uint8Array {
  const name = new TextEncoder().encode(section);
  const body = new TextEncoder().encode(content);
  return Buffer.concat([binary, Uint8Array.of(0, 1 + name.length + body.length, name.length), name, body]);
}
