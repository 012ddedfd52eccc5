/** `tradewind status`: whether the stack is up, and how each part of it is. */
import type { Command } from 'commander';
import { addExamples } from '../help.ts';
import { exitCodes } from '../program.ts';
import { homeFolder } from '../stack/home.ts';
import { orphansOf } from '../stack/orphans.ts';
import { isAlive } from '../stack/processes.ts';
import { isHealthy, readState, type ServiceState, type StackState } from '../stack/state.ts';
import { duration, facts, mark, printJson, style, table } from '../terminal.ts';
import { addresses } from './up.ts';

export function register(program: Command): void {
  const command = program
    .command('status')
    .summary('Show whether the stack is up and healthy')
    .description(
      'Show each part of the local stack with its health, address and process.\n\n' +
        'Exit code: 0 up and healthy, 1 up but not healthy (or still starting), 3 not up.',
    )
    .option('--json', 'print the whole state as JSON')
    .action(status);
  addExamples(command, [
    ['tradewind status', 'a table of the parts'],
    ['tradewind status --json | jq -r .api.url', 'an address, for a script'],
    ['tradewind status >/dev/null || tradewind up', 'bring it up where it is not'],
  ]);
}

function status(options: { json?: boolean }): void {
  const home = homeFolder();
  const state = readState(home);
  const alive = state !== undefined && isAlive(state.supervisor);
  const healthy = alive && isHealthy(state);
  process.exitCode = healthy ? 0 : alive ? exitCodes.error : exitCodes.notUp;
  if (options.json) {
    printJson(alive ? { up: state.phase === 'up', healthy, ...state } : { up: false, healthy, home });
  } else if (alive) {
    console.log(`${headline(state, healthy)}\n\n${servicesTable(state.services)}\n\n${facts(addresses(state))}`);
  } else {
    const orphans = orphansOf(state).length;
    console.log(`${style.bold('The stack is down.')} ${style.dim('Start it with "tradewind up".')}`);
    if (orphans > 0) {
      console.log(
        `${mark.warning()} Its supervisor was killed and left ${orphans} processes; "up" or "down" ends them.`,
      );
    }
  }
}

function headline(state: StackState, healthy: boolean): string {
  const age = duration(Date.now() - Date.parse(state.startedAt));
  if (healthy) return `${mark.good()} ${style.bold('The stack is up and healthy')}, started ${age} ago.`;
  const words = {
    starting: 'is starting',
    up: 'is up, but not healthy',
    stopping: 'is stopping',
    failed: 'failed',
    down: 'is down',
  };
  return `${mark.warning()} ${style.bold(`The stack ${words[state.phase]}`)}, started ${age} ago.`;
}

function servicesTable(services: readonly ServiceState[]): string {
  const columns = [
    { title: 'Service' },
    { title: 'Health' },
    { title: 'For', align: 'right' as const },
    { title: 'Address', flexible: true },
    { title: 'Process', align: 'right' as const },
    { title: 'Restarts', align: 'right' as const },
  ];
  const rows = services.map((service) => [
    service.title,
    health(service),
    duration(Date.now() - Date.parse(service.since)),
    service.address ?? '',
    service.process === undefined ? (service.kind === 'external' ? 'external' : '') : String(service.process.pid),
    service.restarts === 0 ? '' : String(service.restarts),
  ]);
  const notes = services
    .filter(({ note, condition }) => note !== undefined && condition !== 'healthy')
    .map(({ title, note }) => `  ${style.dim(`${title}: ${note}`)}`);
  return [table(columns, rows), ...(notes.length > 0 ? ['', ...notes] : [])].join('\n');
}

function health({ condition }: ServiceState): string {
  if (condition === 'healthy') return style.green(condition);
  if (condition === 'failed' || condition === 'unhealthy') return style.red(condition);
  return style.yellow(condition);
}
