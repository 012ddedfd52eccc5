/** One part of the stack under watch, without the others: its process is the stand-in for a worker. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openHome } from '../../../scripts/stack/home.ts';
import { SupervisedService } from '../../../scripts/stack/supervised.ts';

const worker = fileURLToPath(new URL('fixtures/worker.ts', import.meta.url));
let home: string;
let watched: SupervisedService;
beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'tradewind-watch-'));
  openHome(home);
  mkdirSync(join(home, 'logs'), { recursive: true });
  watched = new SupervisedService(
    {
      name: 'worker-1',
      title: 'Worker',
      subject: 'The worker',
      needs: [],
      managed: true,
      startTimeout: 20_000,
      stopTimeout: 5_000,
      silenceLimit: 1_000,
      failureCode: 'STACK_FAILED',
      remedy: 'None.',
      address: () => undefined,
      launch: () => ({
        command: process.execPath,
        args: [worker],
        env: { ...process.env, TRADEWIND_HOME: home },
        channel: true,
      }),
    },
    { home, changed: () => undefined, log: () => undefined, available: () => true, hungAfter: 2_000 },
  );
  await watched.start(AbortSignal.timeout(20_000));
});
afterEach(async () => {
  await watched.stop();
  rmSync(home, { recursive: true, force: true });
});

async function examineUntil(holds: () => boolean): Promise<void> {
  for (const end = Date.now() + 20_000; !holds(); await sleep(50)) {
    if (Date.now() > end) throw new Error(`waited in vain; it is ${watched.state.condition}`);
    await watched.examine();
  }
}

test('a worker that answers its pings stays healthy', async () => {
  const { pid } = watched.state.process!;
  const until = Date.now() + 2_500;
  await examineUntil(() => Date.now() > until);
  expect(watched.state).toMatchObject({ condition: 'healthy', restarts: 0, process: { pid } });
});

test('a worker that lives but is stuck is unhealthy, and then killed and started again', async () => {
  const { pid } = watched.state.process!;
  process.kill(pid, 'SIGSTOP');
  await examineUntil(() => watched.state.condition === 'unhealthy');
  expect(watched.state.note).toMatch(/^silent for \d+ s$/);
  await examineUntil(() => watched.state.restarts === 1);
  expect(watched.state.condition).toBe('healthy');
  expect(watched.state.process!.pid).not.toBe(pid);
});

test('a worker that was stuck for a while is healthy again when it answers', async () => {
  const { pid } = watched.state.process!;
  process.kill(pid, 'SIGSTOP');
  await examineUntil(() => watched.state.condition === 'unhealthy');
  process.kill(pid, 'SIGCONT');
  await examineUntil(() => watched.state.condition === 'healthy');
  expect(watched.state).toMatchObject({ restarts: 0, process: { pid } });
});
