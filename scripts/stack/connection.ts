/** How a command reaches the stack that is up. Loads neither Temporal's SDK nor the AWS SDK before they are needed. */
import type { Client, Connection } from '@temporalio/client';
import { TradewindError } from '../../contracts/errors.ts';
import { stackEnvironment } from './environment.ts';
import { homeFolder } from './home.ts';
import { isAlive } from './processes.ts';
import { readState, type StackState } from './state.ts';

export { stackEnvironment } from './environment.ts';
export type { StackState } from './state.ts';

/** The stack of this home, if its supervisor lives; it may still be starting. */
export async function readStack(home: string = homeFolder()): Promise<StackState | undefined> {
  const state = readState(home);
  return state !== undefined && isAlive(state.supervisor) ? state : undefined;
}

/** No stack is up: commands end with an exit code of its own, so that a script can tell it from other failures. */
export class StackNotUp extends TradewindError {}

/** @throws StackNotUp (`STACK_FAILED`) when no stack is up, or it is still on its way */
export async function requireStack(home: string = homeFolder()): Promise<StackState> {
  const state = await readStack(home);
  if (state?.phase === 'up') return state;
  throw new StackNotUp('STACK_FAILED', {
    subject: 'The local stack',
    rule: 'be up',
    value: state === undefined ? `no running stack in ${home}` : `a stack in ${home} that is ${state.phase}`,
    remedy: 'Run "tradewind up" first.',
  });
}

export interface TemporalConnection {
  client: Client;
  connection: Connection;
}

/**
 * A client of the stack's Temporal, in its namespace, with whatever TLS, API key and headers the environment and its
 * profile say. Close `connection` when done: it keeps the process alive.
 * @throws TradewindError `STACK_FAILED` when the server does not answer
 */
export async function connectTemporal(
  state: StackState,
  env: NodeJS.ProcessEnv = stackEnvironment(state),
): Promise<TemporalConnection> {
  const [{ Client, Connection }, { loadClientConnectConfig }] = await Promise.all([
    import('@temporalio/client'),
    import('@temporalio/envconfig'),
  ]);
  const defined = Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  try {
    const { connectionOptions, namespace } = loadClientConnectConfig({ overrideEnvVars: defined });
    const { address, apiKey, tls, metadata } = connectionOptions;
    const connection = await Connection.connect({
      ...(address === undefined ? {} : { address }),
      ...(apiKey === undefined ? {} : { apiKey }),
      ...(tls === undefined ? {} : { tls }),
      ...(metadata === undefined ? {} : { metadata: metadata as Record<string, string> }),
      connectTimeout: '5 s',
    });
    return { connection, client: new Client({ connection, namespace: namespace ?? state.temporal.namespace }) };
  } catch (error) {
    throw new TradewindError(
      'STACK_FAILED',
      {
        subject: `The Temporal server at ${state.temporal.address}`,
        rule: 'accept connections',
        value: (error as Error).message.replaceAll(/\s+/g, ' '),
        remedy: state.temporal.external
          ? 'Check TEMPORAL_ADDRESS and the other TEMPORAL_ variables.'
          : 'See "tradewind status".',
      },
      { cause: error },
    );
  }
}
