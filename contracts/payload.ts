/** Law 1: histories carry references, never data. Free of libraries, so that workflows may use it. */
import { maxPayloadBytes } from './names.ts';

/** Bytes of a value as Temporal's JSON converter writes it. */
export function payloadBytes(value: unknown): number {
  if (value === undefined) return 0;
  if (value instanceof Uint8Array) return value.byteLength;
  const text = JSON.stringify(value);
  return text === undefined ? 0 : utf8Length(text);
}

/** The workflow sandbox has no Buffer; counting needs no encoder. */
function utf8Length(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0x7f) bytes += unit > 0x7ff ? (unit >= 0xd800 && unit <= 0xdfff ? 1 : 2) : 1;
  }
  return bytes;
}

export interface Oversize {
  what: string;
  bytes: number;
}

/** The first value above 64 KiB, if any. */
export function findOversize(what: string, values: readonly unknown[]): Oversize | undefined {
  for (const value of values) {
    const bytes = payloadBytes(value);
    if (bytes > maxPayloadBytes) return { what, bytes };
  }
  return undefined;
}

export function oversizeMessage({ what, bytes }: Oversize): string {
  return (
    `The ${what} must be at most ${maxPayloadBytes} bytes. Got ${bytes}. ` +
    'Put the data into the artifact store and pass its reference.'
  );
}
