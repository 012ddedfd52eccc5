import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  decodeArrays,
  encodeArrays,
  readArrays,
  readArraysInto,
  writeArrays,
  type ArrayFile,
} from '../../../compute/arrays/safetensors.ts';
import { KernelThreads } from '../../../compute/kernels/threads.ts';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'arrays-'));
  path = join(folder, 'file.safetensors');
});
afterEach(() => rm(folder, { recursive: true }));

/** Odd lengths, so that padding is needed, and one array of none. */
const file: ArrayFile = {
  arrays: {
    bytes: { data: Uint8Array.of(1, 2, 3) },
    empty: { data: new Float32Array() },
    floats: { data: Float32Array.from({ length: 77 }, (_, i) => i / 3), shape: [7, 11] },
    doubles: { data: Float64Array.of(Math.PI, -0) },
    longs: { data: BigInt64Array.of(-1n, 2n ** 62n) },
    counts: { data: Uint32Array.of(2 ** 32 - 1) },
    ids: { data: Int32Array.of(-5, 6, 7) },
  },
  metadata: { made: 'by a test' },
};
const plain = ({ arrays, metadata }: ArrayFile) => ({
  arrays: Object.entries(arrays).map(([name, { data, shape }]) => [name, data, shape ?? [data.length]]),
  metadata,
});

describe('files of arrays', () => {
  it('come back as they were written, by either way of writing', async () => {
    await writeArrays(path, file);
    expect(Buffer.from(encodeArrays(file)).equals(await readFile(path))).toBe(true);
    expect(plain(await readArrays(path))).toEqual(plain(file));
    expect(plain(decodeArrays(encodeArrays(file)))).toEqual(plain(file));
  });

  it('are read once: all arrays are views into one buffer of the size of the file', async () => {
    await writeArrays(path, file);
    const { arrays } = await readArrays(path);
    const buffers = new Set(Object.values(arrays).map(({ data }) => data.buffer));
    expect(buffers.size).toBe(1);
    expect([...buffers][0].byteLength).toBe((await readFile(path)).length);
  });

  it('that are none, or are cut off, are refused', async () => {
    await writeArrays(path, file);
    await truncate(path, (await readFile(path)).length - 1);
    await expect(readArrays(path)).rejects.toThrow(RangeError);
    await writeFile(path, '');
    await expect(readArrays(path)).rejects.toThrow(/at least 8 bytes/);
    await writeFile(path, Uint8Array.of(255, 255, 0, 0, 0, 0, 0, 0, 1));
    await expect(readArrays(path)).rejects.toThrow(/header must fit/);
  });

  const entry = { dtype: 'F32', shape: [2], data_offsets: [0, 8] };
  it.each([
    { what: 'no JSON', header: '{"a": ', message: /must be JSON/ },
    { what: 'a list', header: '[]', message: /JSON object/ },
    { what: 'metadata that are a number', header: '{"__metadata__": 1}', message: /metadata/ },
    ...[
      null,
      3,
      { ...entry, dtype: undefined },
      { ...entry, shape: [-2] },
      { ...entry, shape: 2 },
      { ...entry, data_offsets: [0] },
      { ...entry, data_offsets: [-8, 0] },
      { ...entry, data_offsets: [0, 8.5] },
    ].map((value) => ({
      what: JSON.stringify(value),
      header: JSON.stringify({ a: value }),
      message: /Tensor "a" must have/,
    })),
    { what: 'too few elements', header: JSON.stringify({ a: { ...entry, shape: [3] } }), message: /of \[3\].*Got 2/ },
    { what: 'half an element', header: JSON.stringify({ a: { ...entry, data_offsets: [0, 6] } }), message: /Got 1.5/ },
    { what: 'its end first', header: JSON.stringify({ a: { ...entry, data_offsets: [8, 0] } }), message: /lie within/ },
  ])('are refused with a header of $what', ({ header, message }) => {
    const json = Buffer.from(header.padEnd(120));
    const bytes = Buffer.concat([Buffer.alloc(8), json, Buffer.alloc(8)]);
    bytes.writeBigUInt64LE(120n);
    const decode = () => decodeArrays(Uint8Array.from(bytes));
    expect(decode).toThrow(RangeError);
    expect(decode).toThrow(message);
  });
});

describe('arrays in the memory of a caller', () => {
  it('lie where the caller said, shared between threads, at multiples of 64', async () => {
    await writeArrays(path, file);
    const shared = new SharedArrayBuffer(8192);
    let given = 0;
    const read = await readArraysInto(path, (bytes) => {
      given = bytes;
      return new Uint8Array(shared, 128, bytes);
    });
    expect(given).toBe((await readFile(path)).length);
    expect(plain(read)).toEqual(plain(file));
    for (const { data } of Object.values(read.arrays)) {
      expect(data.buffer).toBe(shared);
      expect(data.byteOffset % 64).toBe(0);
    }
  });

  it.each([1, 2])(
    'are computed on by %i kernel threads where they were read to, and written from there',
    async (threads) => {
      const [factors, items] = [8, 50];
      const Y = Float32Array.from({ length: items * factors }, (_, k) => Math.floor(k / factors));
      await writeArrays(path, {
        arrays: { x: { data: new Float32Array(factors).fill(1) }, y: { data: Y } },
        metadata: {},
      });
      const group = new KernelThreads(threads, ['scoring']);
      try {
        // So that the memory has to grow for the file.
        group.alloc(2 ** 20 - 256);
        const { x, y } = (await group.load(path)).arrays;
        expect(x.data.buffer).toBeInstanceOf(SharedArrayBuffer);
        const scores = group.alloc(items * 4);
        const argsOf = (item: number) => [
          x.data.byteOffset,
          y.data.byteOffset,
          factors,
          items,
          0,
          1,
          item,
          item + 1,
          scores,
        ];
        await group.parallelFor('scoring', 'dense', items, argsOf);
        const out = join(folder, 'scores');
        await writeArrays(out, { arrays: { scores: { data: group.view('f32', scores, items) } }, metadata: {} });
        const written = (await readArrays(out)).arrays['scores'].data;
        // x · y = 1·i + … of 8 factors
        expect([...written].map(Number)).toEqual(Array.from({ length: items }, (_, i) => i * factors));
      } finally {
        await group.close();
      }
    },
  );
});
