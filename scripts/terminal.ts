/** What commands print: colours where they are wanted, tables that fit, durations that read well. */
import Table from 'cli-table3';
import { stripVTControlCharacters, styleText } from 'node:util';

type Format = Parameters<typeof styleText>[0];

// Asked at every call, as tests and pipes differ: colours only on a terminal, never with NO_COLOR, always with FORCE_COLOR.
const styled = (format: Format) => (text: string) => styleText(format, text, { stream: process.stdout });

export const style = {
  bold: styled('bold'),
  dim: styled('dim'),
  red: styled('red'),
  green: styled('green'),
  yellow: styled('yellow'),
  cyan: styled('cyan'),
} as const;

/** Marks in front of a line. */
export const mark = {
  good: () => style.green('✓'),
  bad: () => style.red('✗'),
  warning: () => style.yellow('!'),
  waiting: () => style.dim('·'),
} as const;

/** Columns of the terminal; 80 when there is none, so that a log reads like a terminal. */
export const terminalWidth = (): number => Math.max(40, process.stdout.columns ?? 80);

export interface Column {
  title: string;
  align?: 'left' | 'right' | 'center';
  /** Gives way, with an ellipsis, when the table is wider than the terminal. */
  flexible?: boolean;
  /** Gives way too, but its cells go on below themselves, broken at spaces. Cells without colours. */
  wraps?: boolean;
}

const gap = 2;

/** A table indented by two, at most as wide as the terminal. Cells may be coloured. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map(({ title }, i) => Math.max(...[title, ...rows.map((row) => row[i] ?? '')].map(widthOf)));
  const words = columns.map((_, i) => Math.max(0, ...rows.flatMap((row) => (row[i] ?? '').split(/\s+/).map(widthOf))));
  fit(widths, columns, words, terminalWidth() - gap - gap * (columns.length - 1));
  const none = Object.fromEntries(
    ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right']
      .concat(['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid', 'middle'])
      .map((name) => [name, '']),
  );
  const made = new Table({
    chars: none,
    style: { 'padding-left': gap, 'padding-right': 0, head: [], border: [] },
    colWidths: widths.map((width) => width + gap),
    colAligns: columns.map(({ align }) => align ?? 'left'),
    truncate: '…',
  });
  made.push(columns.map(({ title }) => style.dim(title)));
  for (const row of rows) {
    made.push(columns.map(({ wraps }, i) => (wraps ? wrap(row[i] ?? '', widths[i]).join('\n') : (row[i] ?? ''))));
  }
  return made
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/**
 * Takes from the widest column that gives way until the rest fits; from any column when none gives way. A column that
 * wraps keeps its longest word whole as long as others can give.
 */
function fit(widths: number[], columns: readonly Column[], words: readonly number[], room: number): void {
  const smallest = 8;
  const gives = columns.map(({ flexible, wraps }) => flexible === true || wraps === true);
  const candidates = gives.some(Boolean) ? gives : columns.map(() => true);
  const whole = columns.map(({ wraps }, i) => (wraps ? Math.max(smallest, words[i]) : smallest));
  let over = widths.reduce((sum, width) => sum + width, 0) - room;
  for (const floors of [whole, columns.map(() => smallest)]) {
    for (; over > 0; over--) {
      const widest = widths.reduce(
        (best, width, i) => (candidates[i] && width > floors[i] && width > (widths[best] ?? 0) ? i : best),
        -1,
      );
      if (widest < 0) break;
      widths[widest]--;
    }
  }
}

/** Lines `name   value`, indented by two, values below each other. */
export function facts(entries: readonly (readonly [name: string, value: string])[]): string {
  const width = Math.max(...entries.map(([name]) => widthOf(name)));
  return entries.map(([name, value]) => `  ${style.dim(name.padEnd(width))}   ${value}`).join('\n');
}

const segmenter = new Intl.Segmenter();

/** Columns that a text takes up; colours take none. */
export function widthOf(text: string): number {
  let width = 0;
  for (const _ of segmenter.segment(stripVTControlCharacters(text))) width++;
  return width;
}

/** Cuts a text that has no colours to a width. */
export function clip(text: string, width: number): string {
  const parts = [...segmenter.segment(text)];
  if (parts.length <= width) return text;
  return `${parts
    .slice(0, Math.max(0, width - 1))
    .map((part) => part.segment)
    .join('')
    .trimEnd()}…`;
}

/** Breaks a text without colours into lines at its spaces; a word that is too long stands alone. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1);
    if (last !== undefined && widthOf(last) + 1 + widthOf(word) <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** `430 ms`, `12.3 s`, `2 min 05 s`, `1 h 02 min`, `3 d 04 h`. */
export function duration(milliseconds: number): string {
  const seconds = milliseconds / 1000;
  if (seconds < 0.9995) return `${Math.round(milliseconds)} ms`;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const two = (value: number) => String(Math.floor(value)).padStart(2, '0');
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  if (whole < 24 * 3600) return `${Math.floor(whole / 3600)} h ${two((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86_400)} d ${two((whole % 86_400) / 3600)} h`;
}

/** `1,469,307` */
export const count = (value: number): string => value.toLocaleString('en-US');

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

/** The frame of a spinner at this time. */
export const spinner = (): string => style.cyan(frames[Math.floor(performance.now() / 80) % frames.length]);

/**
 * A few lines at the end of the terminal that are drawn again and again. Away from a terminal nothing is drawn: print
 * changes as lines of their own there.
 */
export class LiveLines {
  readonly enabled: boolean;
  #drawn = 0;

  constructor(stream: NodeJS.WriteStream = process.stdout) {
    this.enabled = stream.isTTY === true && process.env['TERM'] !== 'dumb';
    if (this.enabled) process.stdout.write('\u001b[?25l');
  }

  /** @param lines - none wider than the terminal */
  draw(lines: readonly string[]): void {
    if (!this.enabled) return;
    const up = this.#drawn > 0 ? `\u001b[${this.#drawn}A` : '';
    process.stdout.write(`\r${up}\u001b[J${lines.map((line) => `${line}\n`).join('')}`);
    this.#drawn = lines.length;
  }

  /** Prints a line that stays, above the next drawing. */
  print(line: string): void {
    this.draw([]);
    process.stdout.write(`${line}\n`);
  }

  /** Leaves the last drawing where it is and shows the cursor again. */
  end(): void {
    if (this.enabled) process.stdout.write('\u001b[?25h');
    this.#drawn = 0;
  }

  /** Removes the last drawing. */
  erase(): void {
    this.draw([]);
    this.end();
  }
}
