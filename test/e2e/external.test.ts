/** A stack whose Temporal and S3 are somebody else's: here the shared stack's, with a namespace and a bucket of its own. */
import { mkdtemp, readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CreateBucketCommand, PutBucketVersioningCommand } from '@aws-sdk/client-s3';
import getPort from 'get-port';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { LifecycleResult } from '../../contracts/lifecycle.ts';
import { connectTemporal, readStack } from '../../scripts/stack/connection.ts';
import type { ServiceState } from '../../scripts/stack/state.ts';
import { ArtifactStore } from '../../store/artifact-store.ts';
import { makeShop, shopSpec, writeSpec } from '../support/shop.ts';
import { attachStack, startStack, type Stack } from '../support/stack.ts';
import { openStore, sharedEnvironment } from '../support/store.ts';

type Run = LifecycleResult & { workflowId: string; error?: { code: string; message: string } };
interface Status {
  healthy: boolean;
  supervisor: { pid: number };
  temporal: { external: boolean; address: string; namespace: string };
  s3: { external: boolean; endpoint: string; bucket: string };
  services: ServiceState[];
}

const namespace = `elsewhere-${process.pid}`;
const bucket = `shop-elsewhere-${process.pid}`;
/** What their user has in the environment. */
let theirs: NodeJS.ProcessEnv;
const stacks: Stack[] = [];

beforeAll(async () => {
  const env = await sharedEnvironment();
  const names = ['TEMPORAL_ADDRESS', 'S3_ENDPOINT', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_REGION'];
  theirs = {
    ...Object.fromEntries(names.map((name) => [name, env[name]])),
    TEMPORAL_NAMESPACE: namespace,
    TRADEWIND_BUCKET: bucket,
  };
  await makeNamespace();
  const owner = await openStore();
  await owner.client.send(new CreateBucketCommand({ Bucket: bucket }));
  await owner.client.send(
    new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration: { Status: 'Enabled' } }),
  );
  owner.close();
});

afterAll(async () => {
  for (const stack of stacks) await stack.stop();
});

/** As an administrator does, without search attributes: `up` adds those. */
async function makeNamespace(): Promise<void> {
  const { connection } = await connectTemporal((await readStack(inject('stackHome')))!);
  try {
    await connection.workflowService.registerNamespace({
      namespace,
      workflowExecutionRetentionPeriod: { seconds: 86_400 as never },
    });
    // A new namespace takes a moment to be known to every part of the server.
    for (let attempt = 0; ; attempt++) {
      try {
        await connection.operatorService.listSearchAttributes({ namespace });
        await connection.workflowService.listOpenWorkflowExecutions({ namespace });
        return;
      } catch (error) {
        if (attempt === 50) throw error;
        await sleep(200);
      }
    }
  } finally {
    await connection.close();
  }
}

/** Command lines of the processes that carry this home in their environment or arguments. */
async function processesOf(home: string): Promise<string[]> {
  const lines: string[] = [];
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    const read = (name: string) => readFile(join('/proc', pid, name), 'utf8').catch(() => '');
    const [line, environment] = await Promise.all([read('cmdline'), read('environ')]);
    if (line.includes(home) || environment.includes(`TRADEWIND_HOME=${home}`)) lines.push(line.replaceAll('\0', ' '));
  }
  return lines;
}

describe('servers that the environment names', () => {
  it('carry a whole lifecycle, and the stack starts none of its own', async () => {
    const started = await startStack(theirs);
    const stack = attachStack(started.home, theirs);
    stacks.push(stack);

    const status = await stack.json<Status>('status');
    expect(status.healthy).toBe(true);
    expect(status.services.map(({ name, kind }) => [name, kind])).toEqual([
      ['temporal', 'external'],
      ['s3', 'external'],
      ['worker-1', 'process'],
      ['api', 'process'],
    ]);
    expect(status.temporal).toMatchObject({ external: true, address: theirs['TEMPORAL_ADDRESS'], namespace });
    expect(status.s3).toMatchObject({ external: true, endpoint: theirs['S3_ENDPOINT'], bucket });
    if (process.platform === 'linux') {
      const lines = await processesOf(stack.home);
      expect(lines.some((line) => line.includes('workers/main.ts'))).toBe(true);
      const servers = (line: string) => /versitygw|start-dev/.test(line);
      expect(lines.filter(servers)).toEqual([]);
      expect((await processesOf(inject('stackHome'))).filter(servers)).toHaveLength(2);
    }

    const shop = await makeShop();
    const run = await stack.json<Run>('run', await writeSpec(shop.folder, shopSpec(shop, 'shop-elsewhere')), '--wait');
    expect(run.error).toBeUndefined();
    expect(run.outcome.kind).toBe('deployed');
    const answer = await stack.json<{ items: unknown[] }>('recommend', 'u5', '-k', '7', '--model', 'shop-elsewhere');
    expect(answer.items).toHaveLength(7);

    // Everything went there, and nothing to where the defaults point.
    const [own, shared] = [ArtifactStore.fromEnvironment({ ...theirs, TRADEWIND_HOME: stack.home }), await openStore()];
    expect(await own.list('models/shop-elsewhere/versions/')).toHaveLength(1);
    expect(await shared.list('models/shop-elsewhere/')).toEqual([]);
    own.close();
    shared.close();
    const { client, connection } = await connectTemporal((await readStack(inject('stackHome')))!);
    const here = client.workflow.getHandle(run.workflowId).describe();
    await expect(here).rejects.toThrow(/not found/i);
    await connection.close();

    const { code } = await stack.tradewind('down');
    expect(code).toBe(0);
    expect((await attachStack(inject('stackHome')).json<Status>('status')).healthy).toBe(true);
  }, 180_000);

  it('with a wrong secret key: up ends with the remedy, and leaves nothing running', async () => {
    const home = await mkdtemp(join(tmpdir(), 'tradewind-denied-'));
    const stack = attachStack(home, {
      ...theirs,
      AWS_SECRET_ACCESS_KEY: 'planted-wrong-secret',
      TRADEWIND_API_PORT: String(await getPort()),
    });
    stacks.push(stack);
    const { code, stdout, stderr } = await stack.tradewind('up');
    expect(code).toBe(1);
    expect(stderr).toContain(`[STORE_DENIED] The artifact store, bucket "${bucket}"`);
    expect(stderr).toContain('must accept the credentials');
    expect(stderr).toContain('Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and the bucket policy.');
    expect(`${stdout}${stderr}`).not.toContain('planted-wrong-secret');
    expect((await stack.tradewind('status')).code).toBe(3);
    if (process.platform === 'linux') expect(await processesOf(home)).toEqual([]);
    for (const file of await readdir(join(home, 'logs'))) {
      expect(await readFile(join(home, 'logs', file), 'utf8')).not.toContain('planted-wrong-secret');
    }
  });
});
