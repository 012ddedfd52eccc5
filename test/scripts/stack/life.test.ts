import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GetBucketVersioningCommand } from '@aws-sdk/client-s3';
import { afterAll, expect, test } from 'vitest';
import { searchAttributes } from '../../../contracts/names.ts';
import { connectTemporal, readStack, requireStack, stackEnvironment } from '../../../scripts/stack/connection.ts';
import { isAlive } from '../../../scripts/stack/processes.ts';
import { isHealthy, type StackState } from '../../../scripts/stack/state.ts';
import { ArtifactStore } from '../../../store/artifact-store.ts';
import { processesOf, TestStack, until } from './test-stack.ts';

// One stack through its whole life: each test takes it up where the one before left it.
const stack = new TestStack({ AWS_SESSION_TOKEN: 'stale', TEMPORAL_API_KEY: 'of-another-server' });
let first: StackState;

afterAll(() => stack.end());

async function withTemporal<T>(use: (client: Awaited<ReturnType<typeof connectTemporal>>['client']) => Promise<T>) {
  const { client, connection } = await connectTemporal(stack.state);
  try {
    return await use(client);
  } finally {
    await connection.close();
  }
}

test('before the first up, status says so with exit code 3 and other commands name the remedy', async () => {
  const { code, stdout } = await stack.tradewind(['status', '--json']);
  expect({ code, ...JSON.parse(stdout) }).toMatchObject({ code: 3, up: false, healthy: false });
  await expect(requireStack(stack.home)).rejects.toThrow('Run "tradewind up" first.');
});

test('up brings every part to health and prints where it is', async () => {
  const { code, stdout, stderr } = await stack.tradewind(['up']);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  first = stack.state;
  expect(isHealthy(first)).toBe(true);
  for (const address of [first.temporal.webUi, first.temporal.address, first.s3.endpoint, first.api.url]) {
    expect(stdout).toContain(address);
  }
  for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
});

test('keys are in a file of mode 0600, and in no process argument', () => {
  const file = join(stack.home, 's3-credentials.json');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const { secretAccessKey } = JSON.parse(readFileSync(file, 'utf8')) as { secretAccessKey: string };
  expect(secretAccessKey.length).toBeGreaterThanOrEqual(32);
  expect(JSON.stringify(first)).not.toContain(secretAccessKey);
  if (process.platform !== 'linux') return;
  for (const { pid } of processesOf(first)) {
    expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).not.toContain(secretAccessKey);
  }
});

test("a worker gets the stack's addresses, and none of the settings that would contradict them", () => {
  const line = stack.traces.find((trace) => trace.startsWith('worker environment '))!;
  const env = JSON.parse(line.slice('worker environment '.length)) as NodeJS.ProcessEnv;
  expect(env).toMatchObject({
    TEMPORAL_ADDRESS: first.temporal.address,
    TEMPORAL_NAMESPACE: 'default',
    S3_ENDPOINT: first.s3.endpoint,
    AWS_REGION: 'us-east-1',
    TRADEWIND_BUCKET: 'tradewind',
    TRADEWIND_HOME: stack.home,
    TRADEWIND_API_URL: first.api.url,
    TRADEWIND_API_PORT: String(first.api.port),
    TRADEWIND_API_KEY_FILE: join(stack.home, 'api-key'),
    TRADEWIND_API_CA_FILE: join(stack.home, 'tls', 'ca.pem'),
  });
  expect(env['AWS_SECRET_ACCESS_KEY']).toBeDefined();
  expect(env['AWS_SESSION_TOKEN']).toBeUndefined();
  expect(env['TEMPORAL_API_KEY']).toBeUndefined();
});

test('the bucket keeps versions and refuses a second conditional write', async () => {
  const store = ArtifactStore.fromEnvironment(stackEnvironment(first));
  const versioning = await store.client.send(new GetBucketVersioningCommand({ Bucket: first.s3.bucket }));
  expect(versioning.Status).toBe('Enabled');
  expect(await store.putJson('probe', 1, { ifNoneMatch: '*' })).not.toBe('conflict');
  expect(await store.putJson('probe', 2, { ifNoneMatch: '*' })).toBe('conflict');
  store.close();
});

test('Temporal has the search attributes, and keeps closed workflows for a month', async () => {
  await withTemporal(async ({ connection }) => {
    const { operatorService, workflowService } = connection;
    const { customAttributes } = await operatorService.listSearchAttributes({ namespace: 'default' });
    expect(Object.keys(customAttributes)).toEqual(expect.arrayContaining(Object.keys(searchAttributes)));
    const { config } = await workflowService.describeNamespace({ namespace: 'default' });
    expect(Number(config?.workflowExecutionRetentionTtl?.seconds)).toBe(30 * 24 * 3600);
  });
});

test('a second up finds the first and starts nothing', async () => {
  const { code, stdout } = await stack.tradewind(['up', '--json']);
  expect(code).toBe(0);
  const found = JSON.parse(stdout) as StackState & { started: boolean };
  expect(found.started).toBe(false);
  expect(found.supervisor).toEqual(first.supervisor);
  expect(found.services.map(({ process }) => process)).toEqual(first.services.map(({ process }) => process));
});

test('a killed worker is started again, as is a killed S3 server on its old port', async () => {
  const before = { worker: stack.pid('worker-1'), s3: stack.pid('s3') };
  process.kill(before.worker, 'SIGKILL');
  process.kill(before.s3, 'SIGKILL');
  await until('both are back', () => {
    const restarts = stack.state.services.filter(({ restarts }) => restarts === 1).map(({ name }) => name);
    return restarts.join() === 's3,worker-1' && isHealthy(stack.state);
  });
  expect(stack.pid('worker-1')).not.toBe(before.worker);
  expect(stack.state.s3.endpoint).toBe(first.s3.endpoint);
  expect(readFileSync(join(stack.home, 'run', 'worker-1.pid'), 'utf8').trim()).toBe(String(stack.pid('worker-1')));
  expect((await stack.tradewind(['status'])).code).toBe(0);
});

test('a part that lives but does not answer well is shown as unhealthy until it does', async () => {
  const trigger = join(stack.home, 'logs', 'unwell');
  const api = () => stack.state.services.find(({ name }) => name === 'api')!;
  writeFileSync(trigger, '');
  await until('it is unhealthy', () => api().condition === 'unhealthy');
  const { code, stdout } = await stack.tradewind(['status']);
  expect(code).toBe(1);
  expect(stdout).toContain('Inference: HTTP 503');
  rmSync(trigger);
  await until('it is healthy', () => api().condition === 'healthy');
  expect(api().restarts).toBe(0);
});

test('down stops the users of a server before the server, and leaves no process', async () => {
  await withTemporal((client) =>
    client.workflow.start('waits', { taskQueue: 'nobody', workflowId: 'outlives-the-stack' }),
  );
  const { state } = stack;
  const { code, stdout } = await stack.tradewind(['down']);
  expect(code).toBe(0);
  expect(stdout).toContain('The stack is down.');
  expect(processesOf(state)).toEqual([]);
  expect(stack.traces.slice(-2)).toEqual(['api SIGTERM', 'worker SIGTERM']);
  expect(await readStack(stack.home)).toBeUndefined();
  expect((await stack.tradewind(['down'])).stdout).toContain('down already');
});

test('the next up has the same ports, keys and histories', async () => {
  expect((await stack.tradewind(['up'])).code).toBe(0);
  expect(stack.state.ports).toEqual(first.ports);
  await withTemporal(async (client) => {
    const { status } = await client.workflow.getHandle('outlives-the-stack').describe();
    expect(status.name).toBe('RUNNING');
  });
  const store = ArtifactStore.fromEnvironment(stackEnvironment(stack.state));
  expect(await store.list('probe')).toEqual(['probe']);
  store.close();
});

test('after kill -9 of the supervisor, status is honest and the next up ends the orphans', async () => {
  const { state } = stack;
  process.kill(state.supervisor.pid, 'SIGKILL');
  await until('it is gone', () => !isAlive(state.supervisor));
  const status = await stack.tradewind(['status']);
  expect(status.code).toBe(3);
  expect(status.stdout).toMatch(/left \d processes/);

  expect((await stack.tradewind(['up'])).code).toBe(0);
  expect(processesOf(state)).toEqual([]);
  expect(isHealthy(stack.state)).toBe(true);
  expect(stack.state.ports).toEqual(first.ports);
});

test('an orphan whose process id now belongs to a stranger is left alone', async () => {
  const { reapOrphans } = await import('../../../scripts/stack/orphans.ts');
  const { state } = stack;
  const stranger = { ...state.services[0], process: { pid: process.pid, identity: 'another boot/1' } };
  expect(await reapOrphans({ ...state, services: [stranger] })).toBe(0);
});

test('purge deletes the state of a stack, and only what is its own', async () => {
  writeFileSync(join(stack.home, 'notes.txt'), 'mine');
  const { state } = stack;
  const { code, stdout } = await stack.tradewind(['down', '--purge']);
  expect(code).toBe(0);
  expect(stdout).toContain('notes.txt');
  expect(processesOf(state)).toEqual([]);
  for (const name of ['temporal', 's3', 's3-credentials.json', 'stack.json', 'logs']) {
    expect(existsSync(join(stack.home, name)), name).toBe(false);
  }
  expect(existsSync(join(stack.home, 'notes.txt'))).toBe(true);
});
