/** `tradewind up`: starts the local stack and waits until it is healthy. */
import { relative } from 'node:path';
import type { Command } from 'commander';
import { addExamples } from '../help.ts';
import { Interrupted } from '../interruption.ts';
import { bringUp } from '../stack/bring-up.ts';
import { homeFolder } from '../stack/home.ts';
import { askedPorts, portNames, portSettings } from '../stack/ports.ts';
import type { PortName, StackState } from '../stack/state.ts';
import { StackProgress } from '../stack/progress.ts';
import { initialState } from '../stack/supervise.ts';
import { duration, facts, printJson, style } from '../terminal.ts';

interface UpOptions extends Partial<Record<`${PortName}Port`, string>> {
  workers?: string;
  json?: boolean;
}

const portTitles: Record<PortName, string> = {
  temporal: 'Temporal',
  temporalUi: "Temporal's Web UI",
  s3: 'S3',
  api: 'The inference server',
};

/** @param supervisor - program of the supervisor, where it is not the project's own */
export function register(program: Command, supervisor?: string): void {
  const command = program
    .command('up')
    .summary('Start the local stack')
    .description(
      'Start Temporal, S3, a worker and the inference server as background processes, and wait until all of them are ' +
        'healthy. A stack that is up already is left as it is.\n\n' +
        'TEMPORAL_ADDRESS and S3_ENDPOINT in the environment name servers to use in place of local ones.',
    );
  for (const name of portNames) {
    const { flag, standard, variable } = portSettings[name];
    command.option(
      `${flag} <port>`,
      `port of ${portTitles[name].replace(/^The /, 'the ')} (default ${standard}, or ${variable}); another one if it is taken`,
    );
  }
  command
    .option('--workers <number>', 'workers to start (default 1, or TRADEWIND_WORKERS); they share the cores')
    .option('--json', 'print the state of the stack as JSON, once it is up')
    .action((options: UpOptions) => up(options, supervisor));
  addExamples(command, [
    ['tradewind up', 'start everything, or find it running'],
    ['tradewind up --temporal-port 7300 --workers 2', 'choose a port, and run two workers'],
    ['TEMPORAL_ADDRESS=temporal.example.com:7233 tradewind up', 'use a Temporal server of your own'],
    ['TRADEWIND_HOME=/var/lib/tradewind tradewind up', 'keep histories, models and keys somewhere else'],
  ]);
}

async function up(options: UpOptions, supervisor: string | undefined): Promise<void> {
  const began = performance.now();
  const home = homeFolder();
  const env = environmentOf(options);
  // Complaints about settings come before anything is started.
  initialState(home, env);
  const interruption = new AbortController();
  const progress = options.json ? undefined : new StackProgress('healthy');
  const interrupt = () => {
    if (interruption.signal.aborted) return;
    interruption.abort(new Interrupted('interrupted'));
    progress?.say('Stopping what has been started…');
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const name of signals) process.on(name, interrupt);
  try {
    const { state, started } = await bringUp({
      home,
      env,
      ...(supervisor === undefined ? {} : { supervisor }),
      signal: interruption.signal,
      ...(progress === undefined
        ? {}
        : { onState: (current: StackState) => progress.show(current), onBuilt: (note: string) => progress.say(note) }),
    });
    progress?.end();
    if (options.json) printJson({ started, healthy: true, ...state });
    else report(state, started, performance.now() - began, env);
  } catch (error) {
    progress?.end();
    throw error;
  } finally {
    for (const name of signals) process.off(name, interrupt);
  }
}

/** Flags win over the environment. */
function environmentOf(options: UpOptions): NodeJS.ProcessEnv {
  const env = { ...process.env };
  for (const name of portNames) {
    const asked = options[`${name}Port`];
    if (asked !== undefined) env[portSettings[name].variable] = asked;
  }
  if (options.workers !== undefined) env['TRADEWIND_WORKERS'] = options.workers;
  return env;
}

function report(state: StackState, started: boolean, milliseconds: number, env: NodeJS.ProcessEnv): void {
  const took = started ? ` after ${duration(milliseconds)}` : ' already';
  console.log(`${style.bold('The stack is up')}${took}.\n\n${facts(addresses(state))}\n`);
  for (const note of notesOf(state, started, env)) console.log(`${style.yellow('!')} ${note}`);
  const [run, down] = ['tradewind run pipelines/grocery-discovery.yaml --wait', 'tradewind down'];
  console.log(`${style.dim('Next:')} ${run}\n${style.dim('Stop:')} ${down}`);
}

/** Where everything is, for people. */
export function addresses({ temporal, s3, api, workers, home }: StackState): [string, string][] {
  const here = relative(process.cwd(), home);
  return [
    ...(temporal.webUi ? [['Temporal Web UI', style.cyan(temporal.webUi)] as [string, string]] : []),
    ['Temporal', `${temporal.address} (namespace ${temporal.namespace})`],
    ['S3', `${s3.endpoint} (bucket ${s3.bucket})`],
    ['Inference API', style.cyan(api.url ?? '')],
    ...(workers.provider === 'cpu' ? [] : [['Workers compute on', executionOf(workers)] as [string, string]]),
    ['State and logs', here.startsWith('..') || here === '' ? home : here],
  ];
}

const executionOf = ({ provider, gpu }: StackState['workers']): string =>
  gpu === undefined ? provider : `${provider}, GPU ${gpu}`;

function notesOf(state: StackState, started: boolean, env: NodeJS.ProcessEnv): string[] {
  if (started) {
    return portNames
      .filter((name) => state.takenPorts[name] !== undefined && state.ports[name] !== undefined)
      .map(
        (name) =>
          `Port ${state.takenPorts[name]} is taken: ${portTitles[name].replace(/^T(?=he )/, 't')} is on ${state.ports[name]}.`,
      );
  }
  const asked = askedPorts(env);
  const other = portNames.filter((name) => asked[name] && state.ports[name] && asked[name] !== state.ports[name]);
  const wanted = env['TRADEWIND_EXECUTION_PROVIDER'];
  return [
    ...(other.length === 0 ? [] : ['Ports stay as they are until the stack has been down.']),
    ...(!wanted || wanted === state.workers.provider
      ? []
      : [`Workers compute on ${state.workers.provider} until the stack has been down.`]),
  ];
}
