/** What reading a source complains of, whatever is read: said of the files by the names that people know. */
import { TradewindError, type Complaint } from '../contracts/errors.ts';
import { nearest } from '../contracts/nearest.ts';
import { unreadable } from './source-format.ts';

/** Says the given names in place of the paths, in whatever `work` throws. */
export async function withNames<T>(
  { files, names }: { files: readonly string[]; names?: readonly string[] | undefined },
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (names === undefined || !(error instanceof TradewindError)) throw error;
    const rename = (text: string) => files.reduce((so, path, index) => so.replaceAll(path, names[index] ?? path), text);
    const { subject, rule, value, remedy } = error.complaint;
    const complaint: Complaint = {
      subject: rename(subject),
      rule: rename(rule),
      value: value && rename(value),
      remedy,
    };
    throw new TradewindError(error.code, complaint, { cause: error });
  }
}

/**
 * @param called - what the spec calls the column, as a phrase between commas; nothing where it is called by its name.
 */
export function missingColumn(path: string, column: string, called: string, names: readonly string[]): TradewindError {
  const shown = names.slice(0, 40).join(', ') + (names.length > 40 ? `, and ${names.length - 40} more` : '');
  const near = nearest(column, names);
  return new TradewindError('COLUMN_MISSING', {
    subject: `Column "${column}"${called}`,
    rule: `be in ${path}`,
    value: `the columns ${shown}`,
    remedy: `${near === undefined ? '' : `Did you mean "${near}"? `}Correct the name in the spec, or the header of the file.`,
  });
}

export function emptySource(files: readonly string[]): TradewindError {
  const several = files.length > 1 ? ` and ${files.length - 1} more` : '';
  return new TradewindError('SOURCE_EMPTY', {
    subject: `${files[0]}${several}`,
    rule: 'hold at least one row',
    value: 'no row below the column names',
    remedy: 'Check the export that wrote it, or the path in the spec.',
  });
}

// Not the file's fault: memory, disk, an interrupt, or SQL of ours that DuckDB rejects. These pass as they are.
const notOfTheFile = /^(Out of Memory|Interrupt|Internal|Fatal|Parser|Binder|Catalog|Not implemented)/i;

/** @returns `SOURCE_UNREADABLE` with DuckDB's reason where a file is at fault, else the error as it is. */
export function readingFailed(error: unknown, files: readonly string[]): unknown {
  if (!(error instanceof Error) || error instanceof TradewindError) return error;
  const file = files.find((path) => error.message.includes(path));
  const elsewhere = error.message.startsWith('IO Error') && file === undefined;
  if ('code' in error || elsewhere || notOfTheFile.test(error.message)) return error;
  // What follows is DuckDB's advice about its own settings.
  const reason = error.message.split(/\n\s*(?:Possible|LINE \d|Try |file = )/)[0].replaceAll(/\s*\n\s*/g, '; ');
  return unreadable(
    file ?? files[0],
    reason.trim(),
    'Correct the file, or set "format" beside its "path" when the name misleads.',
    error,
  );
}

/** A count for people: `1,234`. */
export function count(n: number): string {
  return n.toLocaleString('en-US');
}

/** `1 row`, `1,234 rows`. */
export function counted(n: number, noun: string): string {
  return `${count(n)} ${noun}${n === 1 ? '' : 's'}`;
}
