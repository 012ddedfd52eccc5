/** The real inference server in a process of its own, and a client that trusts its certificate. */
import { spawn, type ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Pool } from 'undici';
import { cleanEnvironment } from '../support/stack.ts';

const entry = fileURLToPath(new URL('../../serving/main.ts', import.meta.url));

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
  // eslint-disable-next-line typescript/no-explicit-any -- answers are what the tests look into
  json: any;
}

export interface ServerProcess {
  child: ChildProcess;
  url: string;
  apiKey: string;
  ca: string;
  caFile: string;
  keyFile: string;
  /** Everything it has logged. */
  log(): string;
  get(path: string, headers?: Record<string, string>): Promise<Answer>;
  post(path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** Without the key, or anything else that is not in `headers`. */
  raw(method: 'GET' | 'POST', path: string, headers: Record<string, string>, body?: string): Promise<Answer>;
  /** Sends SIGTERM. @returns the exit code */
  stop(): Promise<number | null>;
}

export async function startServer(env: Record<string, string>): Promise<ServerProcess> {
  const child = spawn(process.execPath, [entry], {
    env: cleanEnvironment(env['TRADEWIND_HOME'], { TRADEWIND_API_PORT: '0', TRADEWIND_LOG_LEVEL: 'debug', ...env }),
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let output = '';
  for (const stream of [child.stdout!, child.stderr!])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const ended = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  const port = await new Promise<number>((resolve, reject) => {
    child.on('message', (message: { type: string; port: number }) => {
      if (message.type === 'ready') resolve(message.port);
    });
    void ended.then((code) => reject(new Error(`the server ended with code ${code}: ${output}`)));
  });
  const home = env['TRADEWIND_HOME'];
  const [caFile, keyFile] = [join(home, 'tls', 'ca.pem'), join(home, 'api-key')];
  const [ca, apiKey] = await Promise.all([readFile(caFile, 'utf8'), readFile(keyFile, 'utf8')]);
  const url = `https://localhost:${port}`;
  const pool = new Pool(url, { connections: 4, connect: { ca } });

  const raw: ServerProcess['raw'] = async (method, path, headers, body) => {
    const answer = await pool.request({ method, path, headers, ...(body !== undefined && { body }) });
    const text = await answer.body.text();
    const isJson = answer.headers['content-type']?.includes('json') ?? false;
    return { status: answer.statusCode, headers: answer.headers, text, json: isJson ? JSON.parse(text) : undefined };
  };
  const authorization = `Bearer ${apiKey.trim()}`;
  return {
    child,
    url,
    apiKey: apiKey.trim(),
    ca,
    caFile,
    keyFile,
    log: () => output,
    raw,
    get: (path, headers = {}) => raw('GET', path, { authorization, ...headers }),
    post: (path, body, headers = {}) =>
      raw(
        'POST',
        path,
        { authorization, ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
        body === undefined ? undefined : JSON.stringify(body),
      ),
    async stop() {
      await pool.destroy();
      if (child.exitCode === null) child.kill('SIGTERM');
      return ended;
    },
  };
}
