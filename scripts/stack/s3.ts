/** The artifact store: VersityGW over a folder with versioning, or the S3 that the environment names. */
import { existsSync, mkdirSync } from 'node:fs';
import { obtainProgram, programs } from './binaries.ts';
import { ensureCredentials } from './credentials.ts';
import { stackEnvironment } from './environment.ts';
import { homePaths, logFile } from './home.ts';
import { tailOf } from './logs.ts';
import { answersOk, plainEnvironment } from './native-server.ts';
import type { PortChoice } from './ports.ts';
import type { Service } from './service.ts';
import type { StackState } from './state.ts';

/** No bucket's name can begin with a hyphen, so that this path hides none. */
const healthPath = '/-/health';

export function s3Service(state: StackState, ports: PortChoice, env: NodeJS.ProcessEnv): Service {
  return state.s3.external ? externalS3(state, env) : localS3(state, ports, env);
}

function localS3(state: StackState, ports: PortChoice, env: NodeJS.ProcessEnv): Service {
  const paths = homePaths(state.home);
  const credentials = ensureCredentials(paths.s3Credentials);
  let program = '';
  return {
    name: 's3',
    title: 'S3',
    subject: 'The S3 server',
    needs: [],
    managed: true,
    startTimeout: 30_000,
    stopTimeout: 5_000,
    failureCode: 'STACK_FAILED',
    remedy: 'If it says nothing, "tradewind doctor" may.',
    address: () => state.s3.endpoint,

    async prepare(report, signal) {
      const log = logFile(state.home, 'build-versitygw');
      program = await obtainProgram(programs.versitygw, { env, log, report, signal });
    },

    async place() {
      const lacksAttributes = tailOf(logFile(state.home, 's3')).some((line) =>
        line.includes('xattrs are not supported'),
      );
      if (lacksAttributes) mkdirSync(paths.s3Metadata, { recursive: true });
      state.ports.s3 = await ports.choose('s3');
      state.s3.endpoint = `http://127.0.0.1:${state.ports.s3}`;
    },

    launch() {
      const { accessKeyId, secretAccessKey } = credentials;
      const args = ['--port', `127.0.0.1:${state.ports.s3}`, '--region', state.s3.region];
      args.push('--health', healthPath, '--keep-alive', '--quiet');
      const sidecar = existsSync(paths.s3Metadata) ? ['--sidecar', paths.s3Metadata] : [];
      args.push('posix', ...sidecar, '--versioning-dir', paths.s3Versions, paths.s3);
      return {
        command: program,
        args,
        // Keys go by environment: arguments can be read by every user of the machine.
        env: { ...plainEnvironment(env), ROOT_ACCESS_KEY: accessKeyId, ROOT_SECRET_KEY: secretAccessKey },
        channel: false,
      };
    },

    check: () => answersOk(`${state.s3.endpoint}${healthPath}`),

    async settle() {
      const [{ CreateBucketCommand, PutBucketVersioningCommand }, { ArtifactStore }, { storeError }] =
        await Promise.all([
          import('@aws-sdk/client-s3'),
          import('../../store/artifact-store.ts'),
          import('../../store/store-errors.ts'),
        ]);
      const store = ArtifactStore.fromEnvironment(stackEnvironment(state, env));
      const Bucket = state.s3.bucket;
      try {
        await store.client.send(new CreateBucketCommand({ Bucket })).catch((error: unknown) => {
          if ((error as Error).name !== 'BucketAlreadyOwnedByYou') throw error;
        });
        const VersioningConfiguration = { Status: 'Enabled' } as const;
        await store.client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration }));
      } catch (error) {
        throw storeError(error, store.place);
      } finally {
        store.close();
      }
    },
  };
}

function externalS3(state: StackState, env: NodeJS.ProcessEnv): Service {
  let check: (() => Promise<void>) | undefined;
  let close: (() => void) | undefined;
  return {
    name: 's3',
    title: 'S3',
    subject: 'The S3 that the environment names',
    needs: [],
    managed: false,
    startTimeout: 10_000,
    stopTimeout: 0,
    failureCode: 'STORE_UNAVAILABLE',
    remedy: 'Check S3_ENDPOINT, TRADEWIND_BUCKET and the AWS_ variables, or unset them to have a server started.',
    address: () => state.s3.endpoint,

    async check() {
      if (check === undefined) {
        const { ArtifactStore } = await import('../../store/artifact-store.ts');
        const store = ArtifactStore.fromEnvironment(stackEnvironment(state, env));
        check = () => store.check();
        close = () => store.close();
      }
      await check();
    },

    async release() {
      close?.();
    },
  };
}
