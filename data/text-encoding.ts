/**
 * What a text file is written in. Everything after here is UTF-8: other files are written anew where their encoding is
 * certain (a byte order mark, or every second byte of UTF-16 being 0) or named, and refused where it would be a guess.
 */
import { isAscii, isUtf8 } from 'node:buffer';
import { open } from 'node:fs/promises';
import { bytesOf, unreadable } from './source-format.ts';

export interface TextFindings {
  /** By its byte order mark, or by where its bytes are 0. */
  certain: 'utf-8' | 'utf-16le' | 'utf-16be' | 'utf-32' | null;
  /** Whether all of it is well-formed UTF-8. */
  utf8: boolean;
  ascii: boolean;
  /** Bytes that are 0. */
  nuls: number;
  carriageReturns: boolean;
  empty: boolean;
}

const lineFeed = 0x0a;
const carriageReturn = 0x0d;

/** One pass over the bytes, at the speed of a memory scan. */
export async function sniffText(path: string, signal?: AbortSignal): Promise<TextFindings> {
  const findings: TextFindings = {
    certain: null,
    utf8: true,
    ascii: true,
    nuls: 0,
    carriageReturns: false,
    empty: true,
  };
  let rest: Buffer = Buffer.alloc(0);
  for await (const piece of bytesOf(path, signal)) {
    const bytes = rest.length > 0 ? Buffer.concat([rest, piece]) : piece;
    if (findings.empty) {
      if (bytes.length < 4) {
        rest = bytes;
        continue;
      }
      findings.certain = certainEncoding(bytes);
      findings.empty = false;
    }
    const whole = bytes.length - incompleteTail(bytes);
    look(findings, bytes.subarray(0, whole));
    rest = bytes.subarray(whole);
  }
  if (rest.length > 0) {
    if (findings.empty) findings.certain = certainEncoding(rest);
    findings.empty = false;
    look(findings, rest);
  }
  return findings;
}

function look(findings: TextFindings, bytes: Buffer): void {
  findings.utf8 &&= isUtf8(bytes);
  findings.ascii &&= isAscii(bytes);
  findings.carriageReturns ||= bytes.includes(carriageReturn);
  for (let at = bytes.indexOf(0); at >= 0; at = bytes.indexOf(0, at + 1)) findings.nuls++;
}

function certainEncoding(start: Buffer): TextFindings['certain'] {
  if (start[0] === 0xef && start[1] === 0xbb && start[2] === 0xbf) return 'utf-8';
  const [a, b, c, d] = start;
  if ((a === 0xff && b === 0xfe && c === 0 && d === 0) || (a === 0 && b === 0 && c === 0xfe && d === 0xff)) {
    return 'utf-32';
  }
  if (a === 0xff && b === 0xfe) return 'utf-16le';
  if (a === 0xfe && b === 0xff) return 'utf-16be';
  // Of text in Latin letters, UTF-16 has a 0 in every character: in its second byte, or in its first.
  const sample = start.subarray(0, 65_536);
  let [even, odd] = [0, 0];
  for (let i = 0; i + 1 < sample.length; i += 2) {
    if (sample[i] === 0) even++;
    if (sample[i + 1] === 0) odd++;
  }
  const half = sample.length >> 1;
  if (half < 2) return null;
  if (odd > 0.7 * half && even < 0.05 * half) return 'utf-16le';
  return even > 0.7 * half && odd < 0.05 * half ? 'utf-16be' : null;
}

/** Bytes at the end that begin a character whose others are in the next piece. */
function incompleteTail(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back];
    if ((byte & 0xc0) === 0x80) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back ? back : 0;
  }
  return 0;
}

/** The encoding to decode from; null where the file is UTF-8 as it is. `overruled`: not what the spec says. */
export function encodingOf(
  findings: TextFindings,
  named: string | undefined,
): { encoding: string | null; overruled: boolean } {
  const { certain, utf8, ascii } = findings;
  const wanted = named === undefined ? null : new TextDecoder(named).encoding;
  const overrules = (encoding: string) => wanted !== null && wanted !== encoding;
  if (certain === 'utf-16le' || certain === 'utf-16be') return { encoding: certain, overruled: overrules(certain) };
  // Bytes above 127 that are UTF-8 throughout are so by intention.
  if (certain === 'utf-8' || wanted === null || wanted === 'utf-8' || (utf8 && !ascii)) {
    return { encoding: null, overruled: overrules('utf-8') };
  }
  const shiftsInAscii = wanted === 'iso-2022-jp' || wanted.startsWith('utf-16');
  return { encoding: ascii && !shiftsInAscii ? null : wanted, overruled: false };
}

/**
 * Writes a text file anew as UTF-8 without a byte order mark.
 * @throws TradewindError `SOURCE_UNREADABLE` where its bytes are not of that encoding.
 */
export async function decodeText(path: string, encoding: string, out: string, signal?: AbortSignal): Promise<void> {
  const decoder = new TextDecoder(encoding, { fatal: true });
  const file = await open(out, 'w');
  try {
    const write = async (text: string) => {
      if (text.length > 0) await file.writeFile(text);
    };
    try {
      for await (const piece of bytesOf(path, signal)) await write(decoder.decode(piece, { stream: true }));
      await write(decoder.decode());
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      throw unreadable(path, `bytes that ${encoding} does not have`, 'Set "encoding" to what it is written in.', error);
    }
  } finally {
    await file.close();
  }
}

/** Refuses a file that is not UTF-8: says where, and what a likely encoding would make of it. */
export async function requireUtf8(path: string, findings: TextFindings, signal?: AbortSignal): Promise<void> {
  if (findings.certain === 'utf-32') {
    throw unreadable(path, 'UTF-32, by its byte order mark', 'Save it as UTF-8.');
  }
  if (findings.utf8) return;
  const { line, byte, snippet } = await firstInvalid(path, signal);
  const shown = new TextDecoder('windows-1252').decode(snippet);
  throw unreadable(
    path,
    `a byte that is not UTF-8, 0x${byte.toString(16).toUpperCase()}, in line ${line}; as windows-1252 (Latin-1) it reads ${JSON.stringify(shown)}`,
    'If that is right, set "encoding" to windows-1252 beside its "path"; else set it to what the file is written in, or save it as UTF-8.',
  );
}

async function firstInvalid(
  path: string,
  signal: AbortSignal | undefined,
): Promise<{ line: number; byte: number; snippet: Buffer }> {
  let line = 1;
  let rest: Buffer = Buffer.alloc(0);
  const inspect = (bytes: Buffer) => {
    if (isUtf8(bytes)) return null;
    const at = invalidAt(bytes);
    const before = bytes.subarray(Math.max(0, at - 12), at);
    const snippet = Buffer.concat([before, bytes.subarray(at, at + 12)]);
    const start = snippet.lastIndexOf(lineFeed, before.length) + 1;
    const end = snippet.indexOf(lineFeed, before.length);
    return { line, byte: bytes[at], snippet: trimmed(snippet.subarray(start, end < 0 ? undefined : end)) };
  };
  for await (const piece of bytesOf(path, signal)) {
    const bytes = rest.length > 0 ? Buffer.concat([rest, piece]) : piece;
    // Whole lines: no character is across two of them.
    let from = 0;
    for (let end = bytes.indexOf(lineFeed); end >= 0; end = bytes.indexOf(lineFeed, from)) {
      const found = inspect(bytes.subarray(from, end + 1));
      if (found) return found;
      line++;
      from = end + 1;
    }
    rest = bytes.subarray(from);
  }
  return inspect(rest) ?? { line, byte: 0, snippet: rest };
}

/** Without a character at an end that is cut. */
function trimmed(bytes: Buffer): Buffer {
  return bytes.at(-1) === carriageReturn ? bytes.subarray(0, -1) : bytes;
}

function invalidAt(bytes: Buffer): number {
  let at = 0;
  while (at < bytes.length) {
    const byte = bytes[at];
    const length = byte < 0x80 ? 1 : byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 0;
    if (length === 0 || !isUtf8(bytes.subarray(at, at + length))) return at;
    at += length;
  }
  return at;
}
