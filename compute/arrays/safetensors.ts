/**
 * Typed arrays in files that are read without parsing: the safetensors format (Hugging Face, 2022). Eight bytes of
 * header length, little endian; a JSON header; the tensors' bytes. Python's `safetensors` reads the same files.
 */
import { readFile, writeFile } from 'node:fs/promises';

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
  const header: Record<string, unknown> = { __metadata__: file.metadata };
  const entries = Object.entries(file.arrays);
  const gaps: { name: string; begin: number; data: TensorData }[] = [];
  let offset = 0;
  for (const [name, { data, shape }] of entries) {
    // The format forbids holes between tensors, so each is preceded by a padding tensor where it would not be aligned.
    const padding = (alignment - (offset % alignment)) % alignment;
    if (padding > 0) {
      header[`__pad_${offset}`] = { dtype: 'U8', shape: [padding], data_offsets: [offset, offset + padding] };
      offset += padding;
    }
    header[name] = {
      dtype: typeOf(data),
      shape: shape ?? [data.length],
      data_offsets: [offset, offset + data.byteLength],
    };
    gaps.push({ name, begin: offset, data });
    offset += data.byteLength;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const headerBytes = Math.ceil((8 + json.length) / alignment) * alignment - 8;
  const bytes = new Uint8Array(8 + headerBytes + offset);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerBytes), true);
  bytes.fill(0x20, 8, 8 + headerBytes);
  bytes.set(json, 8);
  for (const { begin, data } of gaps) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), 8 + headerBytes + begin);
  }
  return bytes;
}

/** Views into `bytes`; nothing is copied where `bytes` starts at a multiple of 8 of its buffer. */
export function decodeArrays(bytes: Uint8Array): ArrayFile {
  const aligned = bytes.byteOffset % 8 === 0 ? bytes : Uint8Array.from(bytes);
  if (aligned.length < 8) throw new RangeError(`A safetensors file must hold at least 8 bytes. Got ${aligned.length}.`);
  const view = new DataView(aligned.buffer, aligned.byteOffset, aligned.byteLength);
  const headerBytes = Number(view.getBigUint64(0, true));
  if (8 + headerBytes > aligned.length) {
    throw new RangeError(`A safetensors header must fit its file. Got ${headerBytes} bytes in ${aligned.length}.`);
  }
  const header = JSON.parse(new TextDecoder().decode(aligned.subarray(8, 8 + headerBytes))) as Record<string, unknown>;
  const arrays: ArrayFile['arrays'] = {};
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__' || name.startsWith('__pad_')) continue;
    const { dtype, shape, data_offsets } = value as { dtype: string; shape: number[]; data_offsets: [number, number] };
    if (!Object.hasOwn(types, dtype))
      throw new RangeError(`Tensor "${name}" has the element type ${dtype}, which is not read here.`);
    const Type = types[dtype as TypeName];
    const begin = 8 + headerBytes + data_offsets[0];
    const length = (data_offsets[1] - data_offsets[0]) / Type.BYTES_PER_ELEMENT;
    if (begin + length * Type.BYTES_PER_ELEMENT > aligned.length) {
      throw new RangeError(`Tensor "${name}" must lie within its file.`);
    }
    arrays[name] = { data: new Type(aligned.buffer as ArrayBuffer, aligned.byteOffset + begin, length), shape };
  }
  return { arrays, metadata: (header['__metadata__'] ?? {}) as Record<string, string> };
}

export async function writeArrays(path: string, file: ArrayFile): Promise<void> {
  await writeFile(path, encodeArrays(file));
}

export async function readArrays(path: string): Promise<ArrayFile> {
  const bytes = await readFile(path);
  return decodeArrays(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
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
