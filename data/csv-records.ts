/**
 * Where the records of a CSV file begin and end, and what is wrong with them: RFC 4180 as DuckDB's strict reader takes it.
 * Lines may end in LF, CRLF or CR; a field is quoted where its first character, spaces aside, is a quote; fields beyond
 * the last column are let pass where they are empty; lines without any character are no records of several columns.
 */
export type RecordProblem = 'none' | 'tooFew' | 'tooMany' | 'quote';

/** The record last read. Kept and overwritten, as there are millions of them. */
export interface CsvRecord {
  /** Where it ends, without its line end; where the next one begins. */
  end: number;
  next: number;
  fields: number;
  /** Where the first field beyond the last column begins, its delimiter included; -1 where there is none. */
  beyond: number;
  /** Whether all fields beyond are empty. */
  beyondIsEmpty: boolean;
  /** Lines of the file that it is in. */
  lines: number;
  lineEnd: 'lf' | 'crlf' | 'cr' | 'none';
  problem: RecordProblem;
}

const quote = 0x22;
const space = 0x20;
const lf = 0x0a;
const cr = 0x0d;
/** A quote that is not closed within so many bytes is a broken one. DuckDB reads no longer lines. */
const longestRecord = 2_097_152;

export function emptyRecord(): CsvRecord {
  return {
    end: 0,
    next: 0,
    fields: 0,
    beyond: -1,
    beyondIsEmpty: true,
    lines: 1,
    lineEnd: 'none',
    problem: 'none',
  };
}

/**
 * Reads the record that begins at `at`. One with a broken quote ends with its first line: the text behind it is looked at
 * again.
 * @param final - whether `bytes` ends where the file does.
 * @returns false where the record goes on behind `bytes`; nothing of `record` counts then.
 */
export function readRecord(
  bytes: Buffer,
  at: number,
  final: boolean,
  delimiter: number,
  columns: number,
  record: CsvRecord,
): boolean {
  const length = bytes.length;
  record.fields = 0;
  record.beyond = -1;
  record.beyondIsEmpty = true;
  record.lines = 1;
  let i = at;
  for (;;) {
    // One field, from i to its delimiter, its line end or the end of the file.
    const start = i;
    record.fields++;
    while (i < length && bytes[i] === space) i++;
    if (i >= length && !final) return false;
    let empty: boolean;
    if (i < length && bytes[i] === quote) {
      const close = closingQuote(bytes, i + 1);
      if (close < 0) {
        if (!final && length - at < longestRecord) return false;
        return brokenAtFirstLine(bytes, at, final, record);
      }
      if (close + 1 >= length && !final) return false;
      empty = close === i + 1;
      record.lines += linesIn(bytes, i + 1, close);
      i = close + 1;
      while (i < length && bytes[i] === space) i++;
      if (i >= length && !final) return false;
      if (i < length && bytes[i] !== delimiter && bytes[i] !== lf && bytes[i] !== cr) {
        return brokenAtFirstLine(bytes, at, final, record);
      }
    } else {
      while (i < length) {
        const byte = bytes[i];
        if (byte === delimiter || byte === lf || byte === cr) break;
        i++;
      }
      if (i >= length && !final) return false;
      empty = i === start;
    }
    if (record.fields > columns) {
      if (record.beyond < 0) record.beyond = start - 1;
      if (!empty) record.beyondIsEmpty = false;
    }
    if (i < length && bytes[i] === delimiter) {
      i++;
      continue;
    }
    if (!endLine(bytes, i, final, record)) return false;
    break;
  }
  record.problem =
    record.fields < columns ? 'tooFew' : record.fields > columns && !record.beyondIsEmpty ? 'tooMany' : 'none';
  return true;
}

/** @returns -1 where none closes it. A quote written twice is a character. */
function closingQuote(bytes: Buffer, from: number): number {
  let at = bytes.indexOf(quote, from);
  while (at >= 0 && bytes[at + 1] === quote) at = bytes.indexOf(quote, at + 2);
  return at;
}

function linesIn(bytes: Buffer, from: number, to: number): number {
  let lines = 0;
  for (let i = from; i < to; i++) {
    if (bytes[i] === lf || (bytes[i] === cr && bytes[i + 1] !== lf)) lines++;
  }
  return lines;
}

function endLine(bytes: Buffer, i: number, final: boolean, record: CsvRecord): boolean {
  record.end = i;
  if (i >= bytes.length) {
    record.lineEnd = 'none';
    record.next = i;
  } else if (bytes[i] === lf) {
    record.lineEnd = 'lf';
    record.next = i + 1;
  } else {
    // The other half of a CRLF may be in the next piece.
    if (i + 1 >= bytes.length && !final) return false;
    record.lineEnd = bytes[i + 1] === lf ? 'crlf' : 'cr';
    record.next = i + (record.lineEnd === 'crlf' ? 2 : 1);
  }
  return true;
}

function brokenAtFirstLine(bytes: Buffer, at: number, final: boolean, record: CsvRecord): boolean {
  let i = at;
  while (i < bytes.length && bytes[i] !== lf && bytes[i] !== cr) i++;
  if (i >= bytes.length && !final) return false;
  record.problem = 'quote';
  record.lines = 1;
  return endLine(bytes, i, final, record);
}
