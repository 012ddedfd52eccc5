import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import proto from '@temporalio/proto';
import { bundleWorkflowCode, DefaultLogger, Runtime, Worker, type ReplayHistoriesIterable } from '@temporalio/worker';
import { beforeAll, describe, expect, it } from 'vitest';
import { maxPayloadBytes } from '../../contracts/names.ts';

const folder = new URL('./histories/', import.meta.url);
const names = (await readdir(folder)).filter((name) => name.endsWith('.json'));

interface Recorded {
  workflowId: string;
  history: unknown;
}

async function recorded(name: string): Promise<Recorded> {
  return JSON.parse(await readFile(new URL(name, folder), 'utf8')) as Recorded;
}

async function replay(codePath: { codePath: string } | { code: string }, name: string): Promise<Error | undefined> {
  const { workflowId, history } = await recorded(name);
  // Children find their names from the workflow's own id, so the id must be the recorded one.
  const histories: ReplayHistoriesIterable = [
    { workflowId, history: proto.temporal.api.history.v1.History.fromObject(history as object) },
  ] as never;
  for await (const { error } of Worker.runReplayHistories({ workflowBundle: codePath }, histories)) return error;
  throw new Error('nothing was replayed');
}

beforeAll(() => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
});

describe('recorded histories', () => {
  const bundle = { codePath: fileURLToPath(new URL('../../build/workflow-bundle.js', import.meta.url)) };

  it('cover every workflow', () => {
    const types = new Set(names.map((name) => name.split('.')[0]));
    expect([...types].toSorted()).toEqual(['deployModel', 'modelLifecycle', 'releaseModel', 'tuneModel']);
  });

  it.each(names)('%s replays on the present workflows', async (name) => {
    expect(await replay(bundle, name)).toBeUndefined();
  });

  it.each(names)('%s holds no payload above 64 KiB', async (name) => {
    const { history } = await recorded(name);
    for (const { path, bytes } of payloadsIn(history)) expect(bytes, path).toBeLessThanOrEqual(maxPayloadBytes);
  });

  it('do not replay on workflows that do the same steps in another order', async () => {
    const { code } = await bundleWorkflowCode({
      workflowsPath: fileURLToPath(new URL('./broken-workflows.ts', import.meta.url)),
      logger: new DefaultLogger('ERROR'),
    });
    const error = await replay(
      { code },
      names.find((name) => name.startsWith('deployModel'))!,
    );
    expect(error?.name).toBe('DeterminismViolationError');
  });
});

function payloadsIn(value: unknown, path = ''): { path: string; bytes: number }[] {
  if (typeof value !== 'object' || value === null) return [];
  const { data, metadata } = value as { data?: unknown; metadata?: unknown };
  if (typeof data === 'string' && metadata !== undefined) {
    return [{ path, bytes: Buffer.from(data, 'base64').length }];
  }
  return Object.entries(value).flatMap(([key, inner]) => payloadsIn(inner, `${path}/${key}`));
}
