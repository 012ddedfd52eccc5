/** NDJSON files with lines that are no JSON objects: told, or put aside and the others written anew. */
import { open } from 'node:fs/promises';
import type { QuarantineFile } from './quarantine.ts';
import { count, counted } from './source-failures.ts';
import { bytesOf, unreadable } from './source-format.ts';

/** Refuses a file with lines that are no JSON objects: names the first, and counts them all. */
export async function requireObjects(path: string, signal?: AbortSignal): Promise<void> {
  let first: { line: number; reason: string; text: string } | undefined;
  let [lines, bad] = [0, 0];
  await eachLine(path, signal, (text, line, reason) => {
    lines++;
    if (reason === null) return;
    bad++;
    first ??= { line, reason, text };
  });
  if (first === undefined) return;
  const text = first.text.length > 80 ? `${first.text.slice(0, 80)}…` : first.text;
  throw unreadable(
    path,
    `line ${first.line} with ${first.reason}: ${JSON.stringify(text)} (${count(bad)} of ${counted(lines, 'line')})`,
    'Correct them, or set "repair" to drop beside its "path": what is dropped is kept aside and counted.',
  );
}

/**
 * Writes every line that is a JSON object as it is, without NUL bytes; the others go to the quarantine.
 * @returns the number of those.
 */
export async function mendNdjson(
  path: string,
  out: string,
  quarantine: QuarantineFile,
  signal?: AbortSignal,
): Promise<number> {
  let dropped = 0;
  let kept: string[] = [];
  const file = await open(out, 'w');
  try {
    await eachLine(
      path,
      signal,
      (text, line, reason) => {
        if (reason === null) kept.push(`${text}\n`);
        else {
          dropped++;
          quarantine.add({ file: path, line, reason, fate: 'dropped', text });
        }
      },
      async () => {
        await file.writeFile(kept.join(''));
        kept = [];
        await quarantine.flush();
      },
    );
  } finally {
    await file.close();
  }
  return dropped;
}

/** @param visit - takes every line that is not blank, and why it is no object that DuckDB reads; null where it is one. */
async function eachLine(
  path: string,
  signal: AbortSignal | undefined,
  visit: (text: string, line: number, reason: string | null) => void,
  pause: () => Promise<void> = async () => undefined,
): Promise<void> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let rest = '';
  let line = 0;
  const take = async (text: string, final: boolean) => {
    const lines = (rest + text).split('\n');
    rest = final ? '' : lines.pop()!;
    for (const found of lines) {
      line++;
      const sound = found.includes('\0') ? found.replaceAll('\0', '') : found;
      if (sound.trim() !== '') visit(sound, line, whyNoObject(sound));
    }
    await pause();
  };
  for await (const piece of bytesOf(path, signal)) await take(decoder.decode(piece, { stream: true }), false);
  await take(decoder.decode(), true);
}

/** What Python writes in place of numbers that JSON does not have; DuckDB reads them. */
const notInJson = /(?<=[:,[]\s*)-?(?:NaN|Infinity)(?=\s*[,\]}])/g;
/** Half of a pair that writes one character: DuckDB refuses it. */
const surrogate = /\\u[dD][89a-fA-F]/;

function whyNoObject(line: string): string | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    try {
      value = JSON.parse(line.replaceAll(notInJson, 'null'));
    } catch {
      return 'no JSON';
    }
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'JSON that is no object';
  if (surrogate.test(line) && surrogate.test(JSON.stringify(value))) return 'half of a surrogate pair';
  return null;
}
