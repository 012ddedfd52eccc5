/** A Temporal dev server that lives as long as a measurement: in memory, without the Web UI. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { obtainProgram, programs } from '../scripts/stack/binaries.ts';
import { plainEnvironment } from '../scripts/stack/native-server.ts';

const startMilliseconds = 60_000;

export interface TemporalServer {
  address: string;
  connection: Connection;
  close(): Promise<void>;
}

/**
 * @param folder - for the log of building the program, where it is not there yet.
 * @throws Error when the server does not answer within a minute.
 */
export async function startTemporal(folder: string, say: (line: string) => void): Promise<TemporalServer> {
  const { signal } = new AbortController();
  const log = join(folder, 'build-temporal.log');
  const program = await obtainProgram(programs.temporal, { env: process.env, log, report: say, signal });
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  const args = [
    'server',
    'start-dev',
    '--headless',
    '--ip',
    '127.0.0.1',
    '--port',
    String(port),
    '--log-level',
    'never',
  ];
  const server = spawn(program, args, { env: plainEnvironment(process.env), stdio: 'ignore' });
  const ended = once(server, 'exit').then(() => undefined);
  const close = async () => {
    server.kill('SIGKILL');
    await ended;
  };
  try {
    const connection = await connect(address, () => server.exitCode !== null);
    return {
      address,
      connection,
      async close() {
        await connection.close();
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function connect(address: string, gone: () => boolean): Promise<Connection> {
  const until = performance.now() + startMilliseconds;
  for (;;) {
    try {
      const connection = await Connection.connect({ address, connectTimeout: 2_000 });
      // It answers before its namespace is there.
      await connection.workflowService.describeNamespace({ namespace: 'default' });
      return connection;
    } catch (error) {
      if (gone() || performance.now() > until) throw new Error('The Temporal server must start.', { cause: error });
      await sleep(100);
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
