/** Rows that are left out, kept with the reason: lines that could not be read, and rows that break a rule. */
import { open, rm, type FileHandle } from 'node:fs/promises';
import { literal, type Database } from './database.ts';

/** A line of a source file that is not among the rows as it stood there. */
export interface QuarantinedLine {
  file: string;
  /** From 1; of a record of several lines the first. */
  line: number;
  reason: string;
  /** `padded`: it is among the rows, filled up with missing values. */
  fate: 'dropped' | 'padded';
  text: string;
}

/**
 * Lines on their way to Parquet `file VARCHAR, line BIGINT, reason VARCHAR, fate VARCHAR, text VARCHAR`, in the order that
 * they were added. They wait in a file, not in memory: all of a source may end up here.
 */
export class QuarantineFile {
  readonly #path: string;
  readonly #nameOf: (path: string) => string;
  #file: FileHandle | undefined;
  #waiting: string[] = [];
  #rows = 0;

  /** @param path - where the lines wait. @param nameOf - what people call a file. */
  constructor(path: string, nameOf: (path: string) => string) {
    this.#path = path;
    this.#nameOf = nameOf;
  }

  get rows(): number {
    return this.#rows;
  }

  add(line: QuarantinedLine): void {
    this.#rows++;
    // A file without line ends would be one line.
    const text = line.text.slice(0, 1 << 20);
    this.#waiting.push(`${JSON.stringify({ ...line, file: this.#nameOf(line.file), text })}\n`);
  }

  async flush(): Promise<void> {
    if (this.#waiting.length === 0) return;
    this.#file ??= await open(this.#path, 'w');
    await this.#file.writeFile(this.#waiting.splice(0).join(''));
  }

  /** @returns whether there was anything to write. */
  async writeParquet(database: Database, out: string): Promise<boolean> {
    await this.flush();
    await this.close();
    if (this.#rows === 0) return false;
    await database.writeParquet(
      `SELECT * FROM read_json(${literal(this.#path)}, format = 'newline_delimited', records = true, auto_detect = false,
         columns = {file: 'VARCHAR', line: 'BIGINT', reason: 'VARCHAR', fate: 'VARCHAR', text: 'VARCHAR'})`,
      out,
    );
    return true;
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  async remove(): Promise<void> {
    await this.close();
    await rm(this.#path, { force: true });
  }
}
