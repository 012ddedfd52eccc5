/** The project's own long-running processes, on Node: workers and the inference server. */
import { existsSync, readFileSync } from 'node:fs';
import { get } from 'node:https';
import { join, relative } from 'node:path';
import { TradewindError } from '../../contracts/errors.ts';
import { stackEnvironment } from './environment.ts';
import { homePaths, projectRoot } from './home.ts';
import type { Service } from './service.ts';
import type { StackState } from './state.ts';

export interface Entries {
  worker: string;
  api: string;
}

export const standardEntries: Entries = {
  worker: join(projectRoot, 'workers', 'main.ts'),
  api: join(projectRoot, 'serving', 'main.ts'),
};

/** Node 24, which runs TypeScript: this process's own, or the one that npm installs with the project. */
export function nodeRuntime(): string {
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath;
  return join(projectRoot, 'node_modules', 'node', 'bin', 'node');
}

/** @throws TradewindError `STACK_FAILED` when a program of the project is not there */
export function requireEntries(entries: Entries): void {
  for (const file of Object.values(entries) as string[]) {
    if (existsSync(file)) continue;
    throw new TradewindError('STACK_FAILED', {
      subject: `The program ${relative(projectRoot, file)}`,
      rule: 'be part of the project',
      remedy: 'Restore it from version control, or clone the project anew.',
    });
  }
}

export function workerService(state: StackState, entry: string, index: number, env: NodeJS.ProcessEnv): Service {
  const single = state.workers.count === 1;
  return {
    name: `worker-${index}`,
    title: single ? 'Worker' : `Worker ${index}`,
    subject: single ? 'The worker' : `Worker ${index}`,
    needs: ['temporal', 's3'],
    managed: true,
    startTimeout: 90_000,
    // Activities get a grace of their own; what is cut off resumes from its checkpoint elsewhere.
    stopTimeout: 30_000,
    failureCode: 'STACK_FAILED',
    remedy: 'If it says nothing, "tradewind doctor" may.',
    // Its event loop only orchestrates, and is late by seconds at most even where all cores compute.
    silenceLimit: 30_000,
    address: () => undefined,
    launch: () => ({
      command: nodeRuntime(),
      args: [entry],
      env: { ...stackEnvironment(state, env), TRADEWIND_WORKER_INDEX: String(index) },
      channel: true,
    }),
  };
}

export function apiService(state: StackState, entry: string, env: NodeJS.ProcessEnv): Service {
  const paths = homePaths(state.home);
  return {
    name: 'api',
    title: 'Inference',
    subject: 'The inference server',
    needs: ['s3'],
    managed: true,
    startTimeout: 60_000,
    stopTimeout: 15_000,
    failureCode: 'STACK_FAILED',
    remedy: 'If it says nothing, "tradewind doctor" may.',
    address: () => state.api.url,
    launch: () => ({ command: nodeRuntime(), args: [entry], env: stackEnvironment(state, env), channel: true }),
    check: () => isLive(`${state.api.url}/v2/health/live`, paths.apiCertificateAuthority),
  };
}

function isLive(url: string, certificateAuthority: string): Promise<void> {
  return new Promise((done, fail) => {
    const ca = readFileSync(certificateAuthority);
    const request = get(url, { ca, timeout: 5_000, agent: false }, (answer) => {
      answer.resume();
      if (answer.statusCode === 200) done();
      else fail(new Error(`HTTP ${answer.statusCode} from ${url}`));
    });
    request.once('timeout', () => request.destroy(new Error('no answer within 5 s')));
    request.once('error', fail);
  });
}
