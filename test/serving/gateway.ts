/** A VersityGW with a bucket of its own, for tests that need a real S3. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CreateBucketCommand, PutBucketVersioningCommand } from '@aws-sdk/client-s3';
import getPort from 'get-port';
import { obtainProgram, programs } from '../../scripts/stack/binaries.ts';
import { ArtifactStore } from '../../store/artifact-store.ts';
import { ModelRegistry } from '../../store/registry.ts';

export interface Gateway {
  /** Variables of a process that uses it; `TRADEWIND_HOME` is a folder of this gateway's. */
  env: Record<string, string>;
  home: string;
  store: ArtifactStore;
  registry: ModelRegistry;
  stop(): Promise<void>;
}

export async function startGateway(): Promise<Gateway> {
  const folder = await mkdtemp(join(tmpdir(), 'tradewind-gateway-'));
  const at = (name: string) => join(folder, name);
  await Promise.all(['s3', 'versions', 'home'].map((name) => mkdir(at(name))));
  const program = await obtainProgram(programs.versitygw, {
    env: process.env,
    log: at('build.log'),
    report: () => {},
    signal: AbortSignal.timeout(600_000),
  });
  const [access, secret] = [randomBytes(8).toString('hex'), randomBytes(16).toString('hex')];
  const port = await getPort();
  const child = spawn(
    program,
    [
      '--port',
      `127.0.0.1:${port}`,
      '--health',
      '/-/health',
      '--quiet',
      'posix',
      '--versioning-dir',
      at('versions'),
      at('s3'),
    ],
    { env: { ...process.env, ROOT_ACCESS_KEY: access, ROOT_SECRET_KEY: secret }, stdio: 'ignore' },
  );
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const endpoint = `http://127.0.0.1:${port}`;
  while (
    !(await fetch(`${endpoint}/-/health`).then(
      (answer) => answer.ok,
      () => false,
    ))
  ) {
    if (child.exitCode !== null) throw new Error(`VersityGW ended with code ${child.exitCode}`);
    await sleep(20);
  }
  const env = {
    S3_ENDPOINT: endpoint,
    AWS_ACCESS_KEY_ID: access,
    AWS_SECRET_ACCESS_KEY: secret,
    AWS_REGION: 'us-east-1',
    TRADEWIND_BUCKET: 'tradewind',
    TRADEWIND_HOME: at('home'),
  };
  const store = ArtifactStore.fromEnvironment(env);
  await store.client.send(new CreateBucketCommand({ Bucket: 'tradewind' }));
  const VersioningConfiguration = { Status: 'Enabled' } as const;
  await store.client.send(new PutBucketVersioningCommand({ Bucket: 'tradewind', VersioningConfiguration }));
  return {
    env,
    home: at('home'),
    store,
    registry: new ModelRegistry(store),
    async stop() {
      store.close();
      child.kill('SIGKILL');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
