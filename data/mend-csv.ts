/** CSV files that are not well-formed: what is wrong with them, and a file without that where it may be mended. */
import { open, type FileHandle } from 'node:fs/promises';
import type { TableReading } from '../contracts/table-rules.ts';
import { emptyRecord, readRecord, type CsvRecord, type RecordProblem } from './csv-records.ts';
import type { QuarantineFile } from './quarantine.ts';
import { count, counted } from './source-failures.ts';
import { bytesOf, unreadable } from './source-format.ts';

export interface CsvLook {
  /** Records below the header. */
  rows: number;
  problems: Record<Exclude<RecordProblem, 'none'>, number>;
  first: { line: number; problem: RecordProblem; fields: number; text: string } | null;
  /** Line ends of more than one kind: DuckDB refuses them, and no row is the worse for it. */
  mixedLineEnds: boolean;
}

export interface CsvLayout {
  path: string;
  delimiter: string;
  /** Columns of the header. */
  columns: number;
}

/** Looks at every record. */
export async function lookAtCsv(layout: CsvLayout, signal?: AbortSignal): Promise<CsvLook> {
  const problems: CsvLook['problems'] = { tooFew: 0, tooMany: 0, quote: 0 };
  const lineEnds = new Set<CsvRecord['lineEnd']>();
  let first: CsvLook['first'] = null;
  let rows = 0;
  await eachRecord(layout, signal, (bytes, at, line, record) => {
    if (record.lineEnd !== 'none') lineEnds.add(record.lineEnd);
    if (line === 1) return;
    rows++;
    const { problem, fields } = record;
    if (problem === 'none') return;
    problems[problem]++;
    first ??= { line, problem, fields, text: bytes.toString('utf8', at, Math.min(record.end, at + 200)) };
  });
  return { rows, problems, first, mixedLineEnds: lineEnds.size > 1 };
}

/** Refuses a file with rows that are not well-formed: names the first line, and counts them all. */
export function requireWellFormed({ path, columns }: CsvLayout, { rows, problems, first }: CsvLook): void {
  if (first === null) return;
  const bad = problems.tooFew + problems.tooMany + problems.quote;
  const what =
    first.problem === 'quote'
      ? 'a quote that is not closed, or has text behind it'
      : `${counted(first.fields, 'field')} where the header has ${columns}`;
  const short = first.text.length > 80 ? `${first.text.slice(0, 80)}…` : first.text;
  throw unreadable(
    path,
    `line ${first.line} with ${what}: ${JSON.stringify(short)} (${count(bad)} of ${counted(rows, 'row')} not well-formed: ` +
      `${count(problems.tooFew)} too short, ${count(problems.tooMany)} too long, ${count(problems.quote)} with broken quotes)`,
    'Correct them, or set "repair" to drop or pad beside its "path": what is dropped is kept aside and counted.',
  );
}

export interface MendCounts {
  dropped: CsvLook['problems'];
  padded: number;
}

/**
 * Writes the file anew without what is wrong with it: every record ends in LF, NUL bytes taken out. Rows that are not well-formed go to the quarantine; `pad` fills up short ones with empty fields.
 */
export async function mendCsv(
  layout: CsvLayout,
  repair: TableReading['repair'],
  out: string,
  quarantine: QuarantineFile,
  signal?: AbortSignal,
): Promise<MendCounts> {
  const counts: MendCounts = { dropped: { tooFew: 0, tooMany: 0, quote: 0 }, padded: 0 };
  const writer = new LineWriter(await open(out, 'w'));
  try {
    await eachRecord(
      layout,
      signal,
      (bytes, at, line, record) => {
        const { problem, end, fields } = record;
        if (problem === 'none' || line === 1) {
          writer.line(bytes, at, end, '');
          return;
        }
        const pads = repair === 'pad' && problem === 'tooFew';
        quarantine.add({
          file: layout.path,
          line,
          reason: reasonOf(problem, fields, layout.columns),
          fate: pads ? 'padded' : 'dropped',
          text: bytes.toString('utf8', at, end),
        });
        if (pads) {
          counts.padded++;
          writer.line(bytes, at, end, layout.delimiter.repeat(layout.columns - fields));
        } else counts.dropped[problem]++;
      },
      async () => {
        await writer.flush();
        await quarantine.flush();
      },
    );
    await writer.flush();
  } finally {
    await writer.close();
  }
  return counts;
}

function reasonOf(problem: RecordProblem, fields: number, columns: number): string {
  return problem === 'quote' ? 'broken quotes' : `${counted(fields, 'field')} where the header has ${columns}`;
}

async function eachRecord(
  { path, delimiter, columns }: CsvLayout,
  signal: AbortSignal | undefined,
  visit: (bytes: Buffer, at: number, line: number, record: CsvRecord) => void,
  pause: () => Promise<void> = async () => undefined,
): Promise<void> {
  const record = emptyRecord();
  const separator = delimiter.charCodeAt(0);
  let line = 1;
  const scan = (bytes: Buffer, final: boolean): number => {
    let at = 0;
    while (at < bytes.length && readRecord(bytes, at, final, separator, columns, record)) {
      const blank = record.end === at && columns > 1;
      if (!blank) visit(bytes, at, line, record);
      line += record.lines;
      at = record.next;
    }
    return at;
  };
  let rest: Buffer = Buffer.alloc(0);
  let start = true;
  for await (const piece of bytesOf(path, signal)) {
    // Bytes that are 0 are no part of any text: what is read is what is left without them.
    const text = piece.includes(0) ? piece.filter((byte) => byte !== 0) : piece;
    let bytes = rest.length > 0 ? Buffer.concat([rest, text]) : Buffer.from(text.buffer, text.byteOffset, text.length);
    if (start && bytes.length >= 3) {
      if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) bytes = bytes.subarray(3);
      start = false;
    }
    rest = bytes.subarray(scan(bytes, false));
    await pause();
  }
  scan(rest, true);
}

/** Collects lines, and writes them a megabyte at a time. */
class LineWriter {
  readonly #file: FileHandle;
  #pieces: Buffer[] = [];
  #block = Buffer.allocUnsafe(1 << 20);
  #used = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  line(bytes: Buffer, from: number, to: number, filling: string): void {
    const room = to - from + filling.length + 1;
    if (this.#used + room > this.#block.length) {
      this.#pieces.push(this.#block.subarray(0, this.#used));
      this.#block = Buffer.allocUnsafe(Math.max(1 << 20, room));
      this.#used = 0;
    }
    const block = this.#block;
    let at = this.#used + bytes.copy(block, this.#used, from, to);
    at += block.write(filling, at, 'latin1');
    block[at++] = 0x0a;
    this.#used = at;
  }

  async flush(): Promise<void> {
    const pieces = [...this.#pieces, this.#block.subarray(0, this.#used)];
    this.#pieces = [];
    for (const piece of pieces) await this.#file.writeFile(piece);
    this.#block = Buffer.allocUnsafe(1 << 20);
    this.#used = 0;
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}
