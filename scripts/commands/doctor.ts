/** `tradewind doctor`: what the stack needs on this machine, what is there, and what to do about the rest. */
import type { Command } from 'commander';
import type { Check } from '../doctor/check.ts';
import { addExamples } from '../help.ts';
import { readStack } from '../stack/connection.ts';
import { homeFolder } from '../stack/home.ts';
import { readState } from '../stack/state.ts';
import { printJson, style, terminalWidth, wrap } from '../terminal.ts';

export function register(program: Command): void {
  const command = program
    .command('doctor')
    .summary('Check what the stack needs on this machine')
    .description(
      'Check Node, Go, the two servers, built files, ports, what graphs can run on, and, while the stack is up, whether Temporal and ' +
        'S3 do what is asked of them.\n\nExit code: 1 if something fails, else 0.',
    )
    .option('--json', 'print the checks as JSON')
    .action(doctor);
  addExamples(command, [
    ['tradewind doctor', 'a line for each check, with what to do about it'],
    ['tradewind doctor --json | jq \'.checks[] | select(.verdict == "fail")\'', 'only what fails'],
  ]);
}

async function doctor(options: { json?: boolean }): Promise<void> {
  const home = homeFolder();
  const running = await readStack(home);
  const up = running?.phase === 'up' ? running : undefined;
  const [machine, compute, servers] = await Promise.all([
    import('../doctor/machine.ts'),
    import('../doctor/compute.ts'),
    import('../doctor/servers.ts'),
  ]);
  const { env } = process;
  const [programs, ports, providers, temporal, s3] = await Promise.all([
    machine.checkPrograms(env),
    servers.checkPorts(running ?? readState(home), running !== undefined, env),
    compute.checkProviders(env),
    servers.checkTemporal(up),
    servers.checkS3(up),
  ]);
  const checks: Check[] = [machine.checkNode(), ...programs, machine.checkBuild(), machine.checkHome(home)];
  checks.push(ports, ...providers, temporal, s3, machine.checkChromium(env));
  const failed = checks.filter(({ verdict }) => verdict === 'fail').length;
  if (failed > 0) process.exitCode = 1;
  if (options.json) {
    printJson({ ok: failed === 0, checks });
    return;
  }
  for (const check of checks) console.log(lineOf(check));
  const warned = checks.filter(({ verdict }) => verdict === 'warn').length;
  const rest = warned === 0 ? '' : ` ${style.dim(`${warned} to know about.`)}`;
  console.log(
    `\n${failed === 0 ? style.bold('Nothing is in the way.') : style.bold(style.red(`${failed} to mend.`))}${rest}`,
  );
}

const labels: Record<Check['verdict'], () => string> = {
  ok: () => style.green('OK  '),
  warn: () => style.yellow('WARN'),
  fail: () => style.red('FAIL'),
  skip: () => style.dim('–   '),
};
const nameWidth = 12;

function lineOf({ verdict, name, found, remedy }: Check): string {
  const indent = ' '.repeat(4 + 2 + nameWidth + 2);
  const room = Math.min(terminalWidth(), 100) - indent.length;
  const [first, ...more] = wrap(found, room);
  const lines = [first, ...more.map((line) => indent + line)];
  if (remedy !== undefined) lines.push(...wrap(remedy, room).map((line) => indent + style.dim(line)));
  return `${labels[verdict]()}  ${name.padEnd(nameWidth)}  ${lines.join('\n')}`;
}
