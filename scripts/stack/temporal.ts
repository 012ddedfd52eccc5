/** Temporal: a dev server over a SQLite file, or the server that the environment names. */
import { writeFileSync } from 'node:fs';
import { searchAttributes } from '../../contracts/names.ts';
import type { TemporalConnection } from './connection.ts';
import { connectTemporal } from './connection.ts';
import { obtainProgram, programs } from './binaries.ts';
import { stackEnvironment } from './environment.ts';
import { homePaths, logFile } from './home.ts';
import { answersOk, plainEnvironment } from './native-server.ts';
import type { PortChoice } from './ports.ts';
import type { Service } from './service.ts';
import type { StackState } from './state.ts';

/** Long enough to look at last month's runs; the dev server's own default is a day. */
const retentionSeconds = 30 * 24 * 3600;

/** Values of `temporal.api.enums.v1.IndexedValueType`. */
const attributeTypes = { KEYWORD: 2, INT: 3 } as const;
const flagTypes = { KEYWORD: 'Keyword', INT: 'Int' } as const;

export function temporalService(state: StackState, ports: PortChoice, env: NodeJS.ProcessEnv): Service {
  return state.temporal.external ? externalTemporal(state, env) : localTemporal(state, ports, env);
}

function localTemporal(state: StackState, ports: PortChoice, env: NodeJS.ProcessEnv): Service {
  const paths = homePaths(state.home);
  const { namespace } = state.temporal;
  let program = '';
  return {
    name: 'temporal',
    title: 'Temporal',
    subject: 'The Temporal server',
    needs: [],
    managed: true,
    startTimeout: 60_000,
    stopTimeout: 10_000,
    failureCode: 'STACK_FAILED',
    remedy: 'If it says nothing, "tradewind doctor" may.',
    address: () => state.temporal.address,

    async prepare(report, signal) {
      const log = logFile(state.home, 'build-temporal');
      program = await obtainProgram(programs.temporal, { env, log, report, signal });
    },

    async place() {
      state.ports.temporal = await ports.choose('temporal');
      state.ports.temporalUi = await ports.choose('temporalUi');
      state.temporal.address = `127.0.0.1:${state.ports.temporal}`;
      state.temporal.webUi = `http://localhost:${state.ports.temporalUi}`;
      // Clients of this stack read this in place of the user's own profile, which may ask for TLS or a key.
      const profile = `[profile.default]\naddress = "${state.temporal.address}"\nnamespace = "${namespace}"\n`;
      writeFileSync(paths.temporalProfile, profile, { mode: 0o600 });
    },

    launch() {
      const args = ['server', 'start-dev', '--ip', '127.0.0.1'];
      args.push('--port', String(state.ports.temporal), '--ui-port', String(state.ports.temporalUi));
      args.push('--db-filename', paths.temporalDatabase);
      args.push('--sqlite-pragma', 'journal_mode=wal', '--sqlite-pragma', 'synchronous=normal');
      // The default, 20 a second for the dev server's single shard, was measured to cost 83 ms for each step of a
      // sequential workflow; with this a step takes 12 ms.
      args.push('--dynamic-config-value', 'history.transferProcessorMaxPollRPS=2000');
      if (namespace !== 'default') args.push('--namespace', namespace);
      for (const [name, type] of Object.entries(searchAttributes)) {
        args.push('--search-attribute', `${name}=${flagTypes[type]}`);
      }
      return { command: program, args, env: plainEnvironment(env), channel: false };
    },

    // The Web UI hands this on to the server's front end: one question for both.
    check: () => answersOk(`http://127.0.0.1:${state.ports.temporalUi}/api/v1/namespaces/${namespace}`),

    async settle() {
      const temporal = await connectTemporal(state, stackEnvironment(state, env));
      try {
        // The flags above serve a new database only; an older one may lack an attribute that came later.
        await registerSearchAttributes(temporal, namespace);
        const { workflowService } = temporal.connection;
        await workflowService.updateNamespace({
          namespace,
          config: { workflowExecutionRetentionTtl: { seconds: retentionSeconds } as never },
        });
      } finally {
        await temporal.connection.close();
      }
    },
  };
}

function externalTemporal(state: StackState, env: NodeJS.ProcessEnv): Service {
  let open: TemporalConnection | undefined;
  return {
    name: 'temporal',
    title: 'Temporal',
    subject: 'The Temporal server that the environment names',
    needs: [],
    managed: false,
    startTimeout: 10_000,
    stopTimeout: 0,
    failureCode: 'STACK_FAILED',
    remedy: 'Check TEMPORAL_ADDRESS and the other TEMPORAL_ variables, or unset them to have a server started.',
    address: () => state.temporal.address,

    async prepare() {
      const { loadClientConfigProfile } = await import('@temporalio/envconfig');
      const defined = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined);
      const profile = loadClientConfigProfile({ overrideEnvVars: Object.fromEntries(defined) });
      state.temporal.address = profile.address ?? 'localhost:7233';
      state.temporal.namespace = profile.namespace ?? 'default';
    },

    async check() {
      open ??= await connectTemporal(state, stackEnvironment(state, env));
      const { connection } = open;
      await connection.withDeadline(Date.now() + 5_000, () =>
        connection.workflowService.describeNamespace({ namespace: state.temporal.namespace }),
      );
    },

    async settle() {
      await registerSearchAttributes(open!, state.temporal.namespace);
    },

    async release() {
      await open?.connection.close();
      open = undefined;
    },
  };
}

/** Adds what is missing. On a server that does not let us, says which ones somebody has to add. */
async function registerSearchAttributes({ connection }: TemporalConnection, namespace: string): Promise<void> {
  const { operatorService } = connection;
  const wanted = Object.entries(searchAttributes);
  let missing = wanted;
  try {
    const { customAttributes } = await operatorService.listSearchAttributes({ namespace });
    missing = wanted.filter(([name]) => !Object.hasOwn(customAttributes ?? {}, name));
    if (missing.length === 0) return;
    const added = Object.fromEntries(missing.map(([name, type]) => [name, attributeTypes[type]]));
    await operatorService.addSearchAttributes({ namespace, searchAttributes: added });
  } catch (error) {
    const list = missing.map(([name, type]) => `${name} (${flagTypes[type]})`).join(', ');
    throw new Error(
      `its namespace "${namespace}" needs the search attributes ${list}, and adding them was refused: ${(error as Error).message}`,
      { cause: error },
    );
  }
}
