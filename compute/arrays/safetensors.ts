/**
 * Typed arrays in files that are read without parsing: the safetensors format (Hugging Face, 2022). Eight bytes of
 * header length, little endian; a JSON header; the tensors' bytes. Python's `safetensors` reads the same files.
 */
import { open, writeFile } from 'node:fs/promises';

const types = {
  F32: Float32Array,
  F64: Float64Array,
  I32: Int32Array,
  I64: BigInt64Array,
  U8: Uint8Array,
  U32: Uint32Array,
} as const;
type TypeName = keyof typeof types;

export type TensorData = Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array | Uint32Array;
export interface ArrayFile {
  /** Row-major arrays with their shapes; `shape` of a one-dimensional array may be left out when writing. */
  arrays: Record<string, { data: TensorData; shape?: number[] }>;
  /** Strings only, as the format wants it. */
  metadata: Record<string, string>;
}

/** Tensors start at multiples of this many bytes from the start of the file, so that views need no copy. */
const alignment = 64;

/** The same arrays in the same order give the same bytes. */
export function encodeArrays(file: ArrayFile): Uint8Array {
  const parts = partsOf(file);
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let position = 0;
  for (const part of parts) {
    bytes.set(part, position);
    position += part.length;
  }
  return bytes;
}

/** The bytes of a file one after another: header, then the arrays themselves, not copied, with padding between them. */
function partsOf(file: ArrayFile): Uint8Array[] {
  const header: Record<string, unknown> = { __metadata__: file.metadata };
  const body: Uint8Array[] = [];
  let offset = 0;
  for (const [name, { data, shape }] of Object.entries(file.arrays)) {
    // The format forbids holes between tensors, so each is preceded by a padding tensor where it would not be aligned.
    const padding = (alignment - (offset % alignment)) % alignment;
    if (padding > 0) {
      header[`__pad_${offset}`] = { dtype: 'U8', shape: [padding], data_offsets: [offset, offset + padding] };
      body.push(new Uint8Array(padding));
      offset += padding;
    }
    header[name] = {
      dtype: typeOf(data),
      shape: shape ?? [data.length],
      data_offsets: [offset, offset + data.byteLength],
    };
    body.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    offset += data.byteLength;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const headerBytes = Math.ceil((8 + json.length) / alignment) * alignment - 8;
  const head = new Uint8Array(8 + headerBytes).fill(0x20, 8);
  new DataView(head.buffer).setBigUint64(0, BigInt(headerBytes), true);
  head.set(json, 8);
  return [head, ...body];
}

/**
 * Views into `bytes`; nothing is copied where `bytes` starts at a multiple of 8 of its buffer.
 * @throws RangeError where the bytes are no safetensors file, or are cut off.
 */
export function decodeArrays(bytes: Uint8Array): ArrayFile {
  const aligned = bytes.byteOffset % 8 === 0 ? bytes : Uint8Array.from(bytes);
  if (aligned.length < 8) throw new RangeError(`A safetensors file must hold at least 8 bytes. Got ${aligned.length}.`);
  const view = new DataView(aligned.buffer, aligned.byteOffset, aligned.byteLength);
  const headerBytes = Number(view.getBigUint64(0, true));
  if (8 + headerBytes > aligned.length) {
    throw new RangeError(`A safetensors header must fit its file. Got ${headerBytes} bytes in ${aligned.length}.`);
  }
  // A copy, as a TextDecoder refuses shared memory.
  const header = parseHeader(new TextDecoder().decode(Uint8Array.from(aligned.subarray(8, 8 + headerBytes))));
  const arrays: ArrayFile['arrays'] = {};
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__' || name.startsWith('__pad_')) continue;
    const { dtype, shape, data_offsets } = tensorOf(name, value);
    if (!Object.hasOwn(types, dtype))
      throw new RangeError(`Tensor "${name}" has the element type ${dtype}, which is not read here.`);
    const Type = types[dtype as TypeName];
    const begin = 8 + headerBytes + data_offsets[0];
    const length = (data_offsets[1] - data_offsets[0]) / Type.BYTES_PER_ELEMENT;
    if (length < 0 || begin + length * Type.BYTES_PER_ELEMENT > aligned.length) {
      throw new RangeError(`Tensor "${name}" must lie within its file.`);
    }
    if (shape.reduce((product, size) => product * size, 1) !== length) {
      throw new RangeError(`Tensor "${name}" of [${shape.join(', ')}] must hold as many elements. Got ${length}.`);
    }
    arrays[name] = { data: new Type(aligned.buffer as ArrayBuffer, aligned.byteOffset + begin, length), shape };
  }
  return { arrays, metadata: (header['__metadata__'] ?? {}) as Record<string, string> };
}

function parseHeader(json: string): Record<string, unknown> {
  let header: unknown;
  try {
    header = JSON.parse(json);
  } catch (cause) {
    throw new RangeError('A safetensors header must be JSON.', { cause });
  }
  if (!isRecord(header)) throw new RangeError('A safetensors header must be a JSON object.');
  const metadata = header['__metadata__'];
  if (metadata !== undefined && !isRecord(metadata)) {
    throw new RangeError('The metadata of a safetensors file must be a JSON object.');
  }
  return header;
}

interface TensorEntry {
  dtype: string;
  shape: number[];
  data_offsets: [begin: number, end: number];
}

function tensorOf(name: string, value: unknown): TensorEntry {
  const isSizes = (list: unknown) => Array.isArray(list) && list.every((n) => Number.isSafeInteger(n) && n >= 0);
  if (
    isRecord(value) &&
    typeof value['dtype'] === 'string' &&
    isSizes(value['shape']) &&
    isSizes(value['data_offsets']) &&
    (value['data_offsets'] as number[]).length === 2
  ) {
    return value as unknown as TensorEntry;
  }
  throw new RangeError(`Tensor "${name}" must have a dtype, a shape and two data_offsets in its header.`);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Writes the arrays from where they are; they must not change before it resolves. */
export async function writeArrays(path: string, file: ArrayFile): Promise<void> {
  await writeFile(path, partsOf(file));
}

/** Views into one buffer of the file's size. */
export function readArrays(path: string): Promise<ArrayFile> {
  return readArraysInto(path, (bytes) => Buffer.allocUnsafeSlow(bytes));
}

/** The largest read of Linux is 2 GiB less a page. */
const readAtOnce = 2 ** 30;

/**
 * Reads a file's arrays into memory of the caller's, which may be shared between threads; the views that come back lie
 * in it. Nothing is copied: the system writes the file's pages there, and arrays begin at multiples of 64 bytes from
 * the file's beginning.
 * @param allocate - gives that many bytes, which should begin at a multiple of 64.
 * @throws RangeError where the file is no safetensors file, or is cut off.
 */
export async function readArraysInto(path: string, allocate: (bytes: number) => Uint8Array): Promise<ArrayFile> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const bytes = allocate(size);
    for (let position = 0; position < size;) {
      const length = Math.min(readAtOnce, size - position);
      const { bytesRead } = await file.read(bytes, position, length, position);
      if (bytesRead === 0) throw new RangeError(`${path} became shorter while it was read.`);
      position += bytesRead;
    }
    return decodeArrays(bytes);
  } finally {
    await file.close();
  }
}

/** Strings as one tensor of UTF-8 bytes and one of `n + 1` offsets: Arrow's layout. */
export function packStrings(strings: readonly string[]): { bytes: Uint8Array; offsets: Int32Array } {
  const encoded = strings.map((s) => Buffer.from(s, 'utf8'));
  const offsets = new Int32Array(strings.length + 1);
  for (let i = 0; i < encoded.length; i++) offsets[i + 1] = offsets[i] + encoded[i].length;
  return { bytes: new Uint8Array(Buffer.concat(encoded)), offsets };
}

export function unpackStrings(bytes: Uint8Array, offsets: Int32Array): string[] {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: offsets.length - 1 }, (_, i) => text.toString('utf8', offsets[i], offsets[i + 1]));
}

function typeOf(data: TensorData): TypeName {
  for (const [name, Type] of Object.entries(types)) if (data instanceof Type) return name as TypeName;
  throw new TypeError('unknown typed array');
}
