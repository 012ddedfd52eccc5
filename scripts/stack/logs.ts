/** Log files of the stack's processes, which write to them directly, so that they outlive the supervisor. */
import {
  closeSync,
  existsSync,
  fstatSync,
  openSync,
  readSync,
  renameSync,
  copyFileSync,
  statSync,
  truncateSync,
} from 'node:fs';
import { stripVTControlCharacters } from 'node:util';

/** A log above this is copied to `<name>.log.1` and started anew. */
const maximumBytes = 32 * 1024 * 1024;

/** The last lines of a log, as the cause of an error that they explain. */
export class LogTail extends Error {
  override readonly name = 'LogTail';
  readonly file: string;
  readonly lines: string[];

  constructor(file: string, lines: string[]) {
    super(lines.join('\n'));
    this.file = file;
    this.lines = lines;
  }
}

/** Keeps the log of the time before as `<name>.log.1`. */
export function startLog(file: string): void {
  if (existsSync(file)) renameSync(file, `${file}.1`);
}

/** Copies and truncates: the writer has the file open for appending, and goes on at its new end. */
export function rotateLog(file: string, limit: number = maximumBytes): void {
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) <= limit) return;
  copyFileSync(file, `${file}.1`);
  truncateSync(file);
}

/** The last lines that say something: not empty, without terminal colours, without Node's own frames of a stack. */
export function tailOf(file: string, count = 12, from = 0): string[] {
  let descriptor: number;
  try {
    descriptor = openSync(file, 'r');
  } catch {
    return [];
  }
  try {
    const { size } = fstatSync(descriptor);
    const start = Math.max(from > size ? 0 : from, size - 16 * 1024);
    const buffer = Buffer.alloc(Math.max(0, size - start));
    readSync(descriptor, buffer, 0, buffer.length, start);
    return stripVTControlCharacters(buffer.toString('utf8'))
      .split(/\r?\n/)
      .filter((line) => line.trim() !== '' && !/^ +at .*\(node:internal\//.test(line))
      .slice(-count);
  } finally {
    closeSync(descriptor);
  }
}
