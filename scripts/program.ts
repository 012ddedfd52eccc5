/** The command line: a table of commands, each loaded when it is called, and one way to end in an error. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { TradewindError, type ErrorCode } from '../contracts/errors.ts';
import { nearest } from '../contracts/nearest.ts';
import { addExamples } from './help.ts';
import { Interrupted } from './interruption.ts';
import { StackNotUp } from './stack/connection.ts';
import { projectRoot } from './stack/home.ts';
import { LogTail } from './stack/logs.ts';
import { printJson, style, terminalWidth, widthOf, wrap } from './terminal.ts';

/** What every file in `commands/` exports: it adds its command, with options, help and action, to the program. */
export interface CommandModule {
  register: (program: Command) => void;
}

export interface CommandEntry {
  name: string;
  /** One line for the list of commands. */
  summary: string;
  load: () => Promise<CommandModule>;
}

/** In the order of the list in the help. A new command is one file and one line here. */
export const commands: readonly CommandEntry[] = [
  { name: 'up', summary: 'Start the local stack', load: () => import('./commands/up.ts') },
  { name: 'down', summary: 'Stop the local stack', load: () => import('./commands/down.ts') },
  { name: 'status', summary: 'Show whether the stack is up and healthy', load: () => import('./commands/status.ts') },
  { name: 'run', summary: 'Start the lifecycle of a pipeline spec', load: () => import('./commands/run.ts') },
  { name: 'watch', summary: 'Show a run, running or ended', load: () => import('./commands/watch.ts') },
  { name: 'study', summary: 'Show a study, or tell it what to do', load: () => import('./commands/study.ts') },
  {
    name: 'decide',
    summary: 'Say what to do with data that breaks a rule',
    load: () => import('./commands/decide.ts'),
  },
  { name: 'versions', summary: 'List the versions of a model', load: () => import('./commands/versions.ts') },
  { name: 'recommend', summary: 'Ask the deployed model for a user', load: () => import('./commands/recommend.ts') },
  { name: 'approve', summary: 'Approve or reject a release that waits', load: () => import('./commands/approve.ts') },
  { name: 'schedule', summary: 'Retrain on a schedule', load: () => import('./commands/schedule.ts') },
  { name: 'schedules', summary: 'List the retraining schedules', load: () => import('./commands/schedules.ts') },
  { name: 'unschedule', summary: "End a model's schedule", load: () => import('./commands/unschedule.ts') },
  { name: 'gpu', summary: "Install the libraries for NVIDIA's GPUs", load: () => import('./commands/gpu.ts') },
  { name: 'doctor', summary: 'Check what the stack needs on this machine', load: () => import('./commands/doctor.ts') },
];

/**
 * Exit codes: 0 well, 1 an error, 2 called in a way that is not understood, 3 the stack is not up (of `status`, and of
 * every command that needs it), 130 interrupted.
 */
export const exitCodes = { error: 1, usage: 2, notUp: 3, interrupted: 130 } as const;

/**
 * Builds the program with the one command that is called loaded, and the others as names for the help's list, so that
 * `status` does not wait for what `run` needs.
 */
export async function createProgram(args: readonly string[], entries = commands): Promise<Command> {
  const program = new Command('tradewind')
    .description('Durable model lifecycles for e-commerce search and recommendation, on Temporal.')
    .version(version(), '-V, --version', 'Print the version')
    .helpOption('-h, --help', 'Show help')
    .helpCommand('help [command]', 'Show help for a command')
    .showSuggestionAfterError(false)
    .configureOutput({ writeErr: () => undefined })
    .configureHelp({ styleTitle: style.bold, helpWidth: Math.min(process.stdout.columns ?? 80, 100) })
    .exitOverride();
  addExamples(program, [
    ['tradewind up', 'start Temporal, S3, a worker and the inference server'],
    ['tradewind run pipelines/grocery-discovery.yaml --wait', 'train, evaluate, register and deploy a model'],
    ['tradewind recommend 1 -k 5', 'ask the deployed model'],
    ['tradewind down', 'stop it all; state and histories stay'],
  ]);
  const words = args.filter((word) => !word.startsWith('-'));
  const called = words[0] === 'help' ? words[1] : words[0];
  for (const { name, summary, load } of entries) {
    if (name === called) (await load()).register(program);
    else program.command(name, { hidden: false }).summary(summary).description(summary);
  }
  return program;
}

function version(): string {
  return (JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as { version: string }).version;
}

/** Runs one command line. @returns the exit code */
export async function runProgram(args: readonly string[], entries = commands): Promise<number> {
  // `tradewind status | head -1` closes our output early, which is no error of ours.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  try {
    const program = await createProgram(args, entries);
    if (args.length === 0) {
      program.outputHelp();
      return 0;
    }
    await program.parseAsync(args, { from: 'user' });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    return reportError(error, args, entries);
  }
}

function reportError(error: unknown, args: readonly string[], entries: readonly CommandEntry[]): number {
  if (error instanceof Interrupted) return exitCodes.interrupted;
  if (error instanceof CommanderError && error.exitCode === 0) return 0;
  const { code, message, exitCode } = describe(error, args, entries);
  const tail = error instanceof Error && error.cause instanceof LogTail ? error.cause : undefined;
  if (args.includes('--json')) {
    printJson({ error: { code, message, ...(tail ? { log: { file: tail.file, lines: tail.lines } } : {}) } });
    return exitCode;
  }
  // Colours are asked of standard output; what goes to standard error is plain unless both are a terminal.
  const paint = process.stderr.isTTY ? style : plain;
  if (tail) console.error(`${tail.lines.map((line) => paint.dim(`  | ${line}`)).join('\n')}\n`);
  const text = `[${code}] ${message}`;
  // A terminal breaks lines within words; a log has its lines whole.
  const shown = process.stderr.isTTY ? broken(text, terminalWidth() - 1) : text;
  console.error(shown.replace(`[${code}]`, () => paint.red(`[${code}]`)));
  if (code === 'INTERNAL' && process.env['TRADEWIND_DEBUG']) console.error((error as Error).stack);
  return exitCode;
}

/** Lines that are too long broken at spaces, as far in as they are themselves; the others as they are. */
function broken(text: string, width: number): string {
  const lines = text.split('\n').flatMap((line) => {
    if (widthOf(line) <= width) return [line];
    const indent = /^ */.exec(line)![0];
    return wrap(line.trim(), width - indent.length).map((part) => indent + part);
  });
  return lines.join('\n');
}

const plain = { dim: (text: string) => text, red: (text: string) => text };

function describe(
  error: unknown,
  args: readonly string[],
  entries: readonly CommandEntry[],
): { code: ErrorCode; message: string; exitCode: number } {
  if (error instanceof TradewindError) {
    const exitCode =
      error instanceof StackNotUp ? exitCodes.notUp : error.code === 'USAGE' ? exitCodes.usage : exitCodes.error;
    return { code: error.code, message: error.message, exitCode };
  }
  if (error instanceof CommanderError)
    return { code: 'USAGE', message: usageSentence(error, args, entries), exitCode: exitCodes.usage };
  const message = `${(error as Error)?.message ?? String(error)}`;
  const hint = process.env['TRADEWIND_DEBUG'] ? '' : ' Set TRADEWIND_DEBUG=1 to see where it happened.';
  return { code: 'INTERNAL', message: `${message.replace(/[^.!?]$/, '$&.')}${hint}`, exitCode: exitCodes.error };
}

/** Commander's own words, as a sentence with its remedy. */
function usageSentence(error: CommanderError, args: readonly string[], entries: readonly CommandEntry[]): string {
  const said = error.message.replace(/^error: /, '').replace(/\n.*/s, '');
  const sentence = said.charAt(0).toUpperCase() + said.slice(1).replace(/[^.!?]$/, '$&.');
  const unknown = /unknown command '(.*)'/.exec(said)?.[1];
  const near =
    unknown === undefined
      ? undefined
      : nearest(
          unknown,
          entries.map(({ name }) => name),
        );
  const called = args.find((word) => entries.some(({ name }) => name === word));
  const help = called === undefined ? 'tradewind --help' : `tradewind ${called} --help`;
  return `${sentence} ${near === undefined ? '' : `Did you mean "${near}"? `}See "${help}".`;
}
