/**
 * One spelling per value, so that digests name contents. Not for workflow code: its sandbox has no `node:crypto`.
 */
import { createHash } from 'node:crypto';

/**
 * JSON without spaces and with keys in the order of their UTF-16 code units, numbers and strings as `JSON.stringify`
 * writes them (RFC 8785). Keys with the value `undefined` are left out; `toJSON` is not called.
 * @throws TypeError for what JSON cannot say: a number that is not finite, `undefined` in a list, a bigint, a function,
 * a `Map`, a `Date` or another class's object.
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError(`Canonical JSON must hold finite numbers. Got ${value}.`);
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) return `[${Array.from(value, canonicalJson).join(',')}]`;
  if (isPlainObject(value)) {
    const members = Object.keys(value)
      .filter((key) => value[key] !== undefined)
      .toSorted()
      .map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key])}`);
    return `{${members.join(',')}}`;
  }
  const found = typeof value === 'object' ? (value.constructor?.name ?? 'object') : typeof value;
  throw new TypeError(
    `Canonical JSON must hold plain objects, lists, strings, numbers, booleans or null. Got ${found}.`,
  );
}

/** SHA-256 in lower-case hexadecimal; of a string's UTF-8 bytes. */
export function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
