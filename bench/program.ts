/** The command of the benchmarks: which suite, which works of it, and how the rows are shown. */
import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { TradewindError } from '../contracts/errors.ts';
import { nearest } from '../contracts/nearest.ts';
import { addExamples } from '../scripts/help.ts';
import { mark, style, table, terminalWidth, wrap } from '../scripts/terminal.ts';
import { measure, type BenchRow, type Suite } from './measure.ts';

const suitesFolder = fileURLToPath(new URL('./suites/', import.meta.url));

interface Options {
  json?: boolean;
  only?: string[];
  runs?: number;
}

/**
 * Runs one command line.
 * @returns the exit code: 0 also where a bound is missed, as that is a finding; 1 when something could not be measured;
 * 2 when the command line is not understood.
 */
export async function runBench(args: readonly string[]): Promise<number> {
  const suites = await suiteNames();
  let code = 0;
  const program = new Command('npm run bench --')
    .usage('<suite> [options]')
    .description('Measures Tradewind and its peers side by side, in turns, and holds the ratio of medians to a bound.')
    .argument('<suite>', `one of: ${suites.join(', ')}`)
    .option('--json', 'print each row as a JSON object on a line of its own')
    .option('--only <work>', 'measure this work alone; may be given several times', collect)
    .option('--runs <number>', 'runs of each side that count', positive)
    .helpOption('-h, --help', 'Show help')
    .configureOutput({ writeErr: () => undefined })
    .exitOverride()
    .action(async (name: string, options: Options) => {
      if (!suites.includes(name)) throw unknown('suite', name, suites);
      const { suite } = (await import(new URL(`./suites/${name}.ts`, import.meta.url).href)) as {
        suite: Suite<unknown>;
      };
      const rows = await runSuite(suite, options);
      if (!options.json) console.log(report(rows));
      code = exitCodeOf(rows);
    });
  addExamples(program, [
    ['npm run bench -- compute', 'everything in the suite'],
    ['npm run bench -- compute --only als-64 --only top-100', 'two works of it'],
    ['npm run bench -- compute --json > rows.ndjson', 'one JSON object a row'],
  ]);
  try {
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    const usage = error instanceof CommanderError || (error instanceof TradewindError && error.code === 'USAGE');
    const said = error instanceof Error ? error.message.replace(/^error: /, '') : String(error);
    const message = said.charAt(0).toUpperCase() + said.slice(1).replace(/[^.!?]$/, '$&.');
    console.error(`${message}${usage ? ' See "npm run bench -- --help".' : ''}`);
    return usage ? 2 : 1;
  }
}

/**
 * Measures the works of a suite one after another.
 * @throws TradewindError `USAGE` for a work that the suite does not have.
 */
export async function runSuite<Context>(suite: Suite<Context>, options: Options = {}): Promise<BenchRow[]> {
  const { only = [], json = false, runs } = options;
  const names = suite.works.map(({ name }) => name);
  for (const name of only) if (!names.includes(name)) throw unknown(`work of the suite ${suite.name}`, name, names);
  const rows: BenchRow[] = [];
  const context = await suite.open(say);
  try {
    for (const work of suite.works.filter(({ name }) => only.length === 0 || only.includes(name))) {
      const row = await measure(suite.name, work, context, { runs, say: (line) => say(`${work.name}: ${line}`) });
      rows.push(row);
      if (json) console.log(JSON.stringify(row));
    }
  } finally {
    await suite.close(context);
  }
  return rows;
}

/** A missed bound is a finding, and so is a peer that cannot be had. */
export const exitCodeOf = (rows: readonly BenchRow[]): 0 | 1 => (rows.some((row) => row.failed) ? 1 : 0);

/** A suite is a file in `suites/`. */
async function suiteNames(): Promise<string[]> {
  const files = await readdir(suitesFolder);
  return files.filter((file) => file.endsWith('.ts')).map((file) => file.slice(0, -'.ts'.length));
}

const collect = (value: string, before: string[] = []) => [...before, value];

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('It must be an integer of at least 1.');
  return value;
}

function unknown(what: string, name: string, names: readonly string[]): TradewindError {
  const near = nearest(name, names);
  return new TradewindError('USAGE', {
    subject: `The ${what}`,
    rule: `be one of ${names.join(', ')}`,
    value: name,
    remedy: near === undefined ? 'Choose one of these.' : `Did you mean "${near}"?`,
  });
}

/** Progress goes to standard error, so that rows alone are on standard output. */
const say = (line: string) => console.error(process.stderr.isTTY ? style.dim(line) : line);

/** The rows as a table, what else there is to say about each below it. */
export function report(rows: readonly BenchRow[]): string {
  const number = (value: number | null) =>
    value === null ? '–' : value >= 100 ? String(Math.round(value)) : value.toPrecision(3);
  // Times are what most rows are of.
  const unit = rows.every((row) => row.unit === rows[0].unit) ? `, ${rows[0]?.unit ?? 'ms'}` : '';
  const cells = rows.map((row) => [
    row.work,
    number(row.ours),
    number(row.peer),
    row.peerName,
    number(row.ratio),
    number(row.cpuRatio),
    `≤ ${row.bound}`,
    row.ok === null ? mark.waiting() : row.ok ? mark.good() : mark.bad(),
  ]);
  const right = { align: 'right' } as const;
  const columns = [
    { title: 'work' },
    { title: `ours${unit}`, ...right },
    { title: `peer${unit}`, ...right },
    { title: 'peer' },
    { title: 'ratio', ...right },
    { title: 'CPU', ...right },
    { title: 'bound', ...right },
    { title: '' },
  ];
  const notes = rows.flatMap(({ work, reason, agreement }) =>
    [reason, agreement]
      .filter((note) => note !== null)
      .flatMap((note) => wrap(`${work}: ${note}`, terminalWidth() - 2).map((line) => `  ${line}`)),
  );
  return [table(columns, cells), ...(notes.length > 0 ? ['', ...notes] : [])].join('\n');
}
