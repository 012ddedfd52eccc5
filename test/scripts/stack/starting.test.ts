import { spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findProgram, programs } from '../../../scripts/stack/binaries.ts';
import { stackEnvironment } from '../../../scripts/stack/connection.ts';
import { projectRoot } from '../../../scripts/stack/home.ts';
import { processIdentity } from '../../../scripts/stack/processes.ts';
import { isHealthy } from '../../../scripts/stack/state.ts';
import { processesOf, TestStack, until } from './test-stack.ts';

// One stack whose servers the others use through the environment: they then have none of their own to wait for.
const host = new TestStack();
const stacks: TestStack[] = [host];
let taken: Server;
let wantedPort: number;

function newStack(extra: NodeJS.ProcessEnv = {}): TestStack {
  const stack = new TestStack(extra);
  stacks.push(stack);
  return stack;
}

/** What the environment says to somebody who uses the host's servers as their own. */
function hostsServers(): NodeJS.ProcessEnv {
  const env = stackEnvironment(host.state, {});
  const names = ['TEMPORAL_ADDRESS', 'S3_ENDPOINT', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'TRADEWIND_BUCKET'];
  return Object.fromEntries(names.map((name) => [name, env[name]]));
}

beforeAll(async () => {
  taken = createServer().listen(0, '0.0.0.0');
  await new Promise((listening) => taken.once('listening', listening));
  wantedPort = (taken.address() as { port: number }).port;
});
afterAll(async () => {
  taken.close();
  // The host's servers last.
  for (const stack of stacks.toReversed()) await stack.end();
});

test('two ups at once end with one stack, and a taken port gives way to a free one', async () => {
  const flags = ['--s3-port', String(wantedPort)];
  const both = await Promise.all([host.tradewind(['up', ...flags]), host.tradewind(['up', ...flags])]);
  expect(both.map(({ code }) => code)).toEqual([0, 0]);
  expect(both.filter(({ stdout }) => stdout.includes('up already'))).toHaveLength(1);
  expect(isHealthy(host.state)).toBe(true);
  expect(processesOf(host.state)).toHaveLength(5);
  const log = readFileSync(join(host.home, 'logs', 'supervisor.log'), 'utf8');
  expect(log.match(/temporal is healthy/g)).toHaveLength(1);

  expect(host.state.ports.s3).not.toBe(wantedPort);
  const told = both.find(({ stdout }) => !stdout.includes('up already'))!.stdout;
  expect(told).toContain(`Port ${wantedPort} is taken: S3 is on ${host.state.ports.s3}.`);
});

test('servers that the environment names are checked and used; none is started for them', async () => {
  const stack = newStack(hostsServers());
  expect(await stack.tradewind(['up'])).toMatchObject({ code: 0, stderr: '' });
  const { services, temporal, s3 } = stack.state;
  expect(services.map(({ name, kind }) => [name, kind])).toEqual([
    ['temporal', 'external'],
    ['s3', 'external'],
    ['worker-1', 'process'],
    ['api', 'process'],
  ]);
  expect([temporal.address, s3.endpoint]).toEqual([host.state.temporal.address, host.state.s3.endpoint]);
  await stack.tradewind(['down']);
  expect(isHealthy(host.state)).toBe(true);
});

test('wrong keys of a named S3 end up with one sentence that names the remedy', async () => {
  const stack = newStack({ ...hostsServers(), AWS_SECRET_ACCESS_KEY: 'wrong' });
  const { code, stderr } = await stack.tradewind(['up']);
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /^\[STORE_DENIED\] The artifact store, .* must accept the credentials\..* AWS_SECRET_ACCESS_KEY/,
  );
  expect(stderr.trim().split('\n')).toHaveLength(1);
  expect(stack.state.phase).toBe('failed');
  expect(processesOf(stack.state)).toEqual([]);
});

test('a bucket that a named S3 lacks is not made behind its owner’s back', async () => {
  const stack = newStack({ ...hostsServers(), TRADEWIND_BUCKET: 'not-there' });
  const { code, stdout } = await stack.tradewind(['up', '--json']);
  expect(code).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'STORE_BUCKET' } });
});

test('a worker that cannot start: its exit code, the end of its log, and nothing left running', async () => {
  const stack = newStack({ ...hostsServers(), TEST_WORKER_FAILS: 'exit' });
  const { code, stderr } = await stack.tradewind(['up']);
  expect(code).toBe(1);
  expect(stderr).toContain('[STACK_FAILED] The worker must start and be healthy. Got exit code 7.');
  expect(stderr).toContain('a worker that cannot start says why');
  expect(processesOf(stack.state)).toEqual([]);
});

test('a worker that says why it cannot start is quoted', async () => {
  const stack = newStack({ ...hostsServers(), TEST_WORKER_FAILS: 'message' });
  const { code, stderr } = await stack.tradewind(['up']);
  expect(code).toBe(1);
  expect(stderr.trim()).toBe('[PREREQUISITE_MISSING] The bundle must be built. Build it.');
});

test('Ctrl-C while it comes up stops what was started', async () => {
  const stack = newStack({ TEST_WORKER_FAILS: 'never-ready' });
  const { child, ended } = stack.start(['up']);
  await until('S3 is healthy', () => {
    const s3 = existsSync(join(stack.home, 'stack.json'))
      ? stack.state.services.find(({ name }) => name === 's3')
      : undefined;
    return s3?.condition === 'healthy';
  });
  const { state } = stack;
  child.kill('SIGINT');
  expect((await ended).code).toBe(130);
  expect(processesOf(state)).toEqual([]);
  expect(processesOf(stack.state)).toEqual([]);
  expect(stack.state.phase).toBe('down');
});

test('a supervisor whose home is deleted ends its processes instead of watching for nobody', async () => {
  const stack = newStack(hostsServers());
  await stack.tradewind(['up']);
  const { state } = stack;
  rmSync(stack.home, { recursive: true });
  await until('all have ended', () => processesOf(state).length === 0);
  expect(existsSync(stack.home)).toBe(false);
});

test('a missing program of the project is named before anything starts', async () => {
  const stack = newStack({ ...hostsServers(), TEST_WORKER_ENTRY: join(projectRoot, 'workers', 'gone.ts') });
  const { code, stderr } = await stack.tradewind(['up']);
  expect(code).toBe(1);
  expect(stderr).toContain('[STACK_FAILED] The program workers/gone.ts must be part of the project.');
  expect(stack.state.services).toEqual([]);
});

describe('without the servers’ programs', () => {
  /** A PATH with these scripts and the shell's own programs only, an empty cache, and no Go folder. */
  function bare(scripts: Record<string, string>): TestStack {
    const stack = newStack();
    const tools = `${stack.home}-tools`;
    mkdirSync(join(tools, 'bin'), { recursive: true });
    for (const [name, script] of Object.entries(scripts)) {
      writeFileSync(join(tools, 'bin', name), `#!/bin/sh\n${script}\n`);
      chmodSync(join(tools, 'bin', name), 0o755);
    }
    for (const name of ['cat', 'cp', 'sh', 'sleep']) symlinkSync(findTool(name), join(tools, 'bin', name));
    const env = {
      PATH: join(tools, 'bin'),
      HOME: tools,
      GOBIN: join(tools, 'none'),
      TRADEWIND_CACHE: join(tools, 'cache'),
    };
    Object.assign(stack.env, env);
    afterAll(() => rmSync(tools, { recursive: true, force: true }));
    return stack;
  }
  const findTool = (name: string) =>
    ['/usr/bin', '/bin'].map((folder) => join(folder, name)).find((path) => existsSync(path))!;
  const goVersion = 'if [ "$1" = version ]; then echo go version go1.26.1 linux/amd64; exit 0; fi';

  test('no Go, or one that is too old, is named with where to get it', async () => {
    const none = await bare({}).tradewind(['up']);
    expect(none.code).toBe(1);
    expect(none.stderr).toMatch(
      /\[PREREQUISITE_MISSING\] Go 1\.25 or newer must .*no "go" on PATH.*https:\/\/go\.dev\/dl/,
    );
    const old = await bare({ go: 'echo go version go1.22.3 linux/amd64' }).tradewind(['up']);
    expect(old.stderr).toContain('Got Go 1.22.3.');
  });

  test('a build that fails shows the end of its output, and leaves nothing in the cache', async () => {
    const stack = bare({
      go: `${goVersion}\necho 'go: downloading example.com/thing v1' >&2\necho 'it does not compile' >&2\nexit 1`,
    });
    const { code, stderr } = await stack.tradewind(['up']);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /\[STACK_FAILED\] Building .* with "go install github\.com\/.*@v.*" must end well\. Got exit code 1\./,
    );
    expect(stderr).toContain('it does not compile');
    expect(readdirSync(stack.env['TRADEWIND_CACHE']!)).toEqual([]);
  });

  test('what Go builds lands in the cache whole, is used, and is not built again', async () => {
    const real = { temporal: findProgram(programs.temporal)!.path, versitygw: findProgram(programs.versitygw)!.path };
    // In place of minutes of compiling, hands out programs that are there. S3's first says what it says on a file
    // system without extended attributes.
    const s3 = `case "$*" in *--sidecar*) exec ${real.versitygw} "$@";; esac; echo 'xattr check failed: xattrs are not supported on this filesystem'; exit 1`;
    const stack = bare({
      go: `${goVersion}
echo "$*" >> "$HOME/go-calls"
case "$3" in
*temporal*) printf '#!/bin/sh\\nexec ${real.temporal} "$@"\\n' > "$GOBIN/temporal";;
*) cat "$HOME/s3" > "$GOBIN/versitygw";;
esac
sleep 0.2
for program in "$GOBIN"/*; do /bin/chmod 755 "$program"; done`,
    });
    writeFileSync(join(stack.env['HOME']!, 's3'), `#!/bin/sh\n${s3}\n`);
    expect(await stack.tradewind(['up'])).toMatchObject({ code: 0, stderr: '' });
    expect(readFileSync(join(stack.env['HOME']!, 'go-calls'), 'utf8').trim().split('\n').toSorted()).toEqual([
      'install -v github.com/temporalio/cli/cmd/temporal@v1.5.1',
      'install -v github.com/versity/versitygw/cmd/versitygw@v1.8.0',
    ]);
    expect(readdirSync(stack.env['TRADEWIND_CACHE']!).toSorted()).toEqual(['temporal', 'versitygw']);
    expect(findProgram(programs.temporal, stack.env)?.where).toBe('cache');
    expect(existsSync(join(stack.home, 'metadata-s3'))).toBe(true);
  });

  test('a stop while Go builds ends its compilers too', async () => {
    const stack = bare({ go: `${goVersion}\nsleep 300 &\necho $! > "$HOME/compiler"\nwait` });
    const compiler = join(stack.env['HOME']!, 'compiler');
    const { child, ended } = stack.start(['up']);
    await until('it compiles', () => existsSync(compiler) && readFileSync(compiler, 'utf8') !== '');
    child.kill('SIGTERM');
    expect((await ended).code).toBe(130);
    const pid = Number(readFileSync(compiler, 'utf8'));
    expect(processIdentity(pid)).toBeUndefined();
  });
});

test('a log is handed over when it grows, without a break for who writes it', async () => {
  const { rotateLog, tailOf } = await import('../../../scripts/stack/logs.ts');
  const file = join(host.home, 'logs', 'rotated.log');
  const writer = spawn('sh', ['-c', `while read line; do echo "$line"; done >> ${file}`], {
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  writer.stdin.write(`${'x'.repeat(2000)}\n`);
  await until('it is written', () => existsSync(file) && tailOf(file).length === 1);
  rotateLog(file, 1000);
  writer.stdin.end('after\n');
  await new Promise((closed) => writer.once('close', closed));
  expect(tailOf(file)).toEqual(['after']);
  expect(tailOf(`${file}.1`)).toEqual(['x'.repeat(2000)]);
});
