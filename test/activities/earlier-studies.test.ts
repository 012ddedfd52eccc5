/** Where a warm start finds the trials of earlier studies, and what it makes of those that are no use. */
import { createHash } from 'node:crypto';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mkdtemp, rm } from 'node:fs/promises';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { Dependencies } from '../../activities/dependencies.ts';
import { earlierStudyActivities } from '../../activities/earlier-studies.ts';
import type { BlobRef } from '../../contracts/artifacts.ts';
import type { Direction, EarlierStudiesRequest } from '../../contracts/study.ts';
import { optunaJournal } from '../../tuning/journal.ts';

const folder = await mkdtemp(join(tmpdir(), 'tradewind-earlier-'));
afterAll(() => rm(folder, { recursive: true }));

const objects = new Map<string, string>();
const store = {
  place: 'bucket "test"',
  async getObject(key: string, path: string): Promise<boolean> {
    const text = objects.get(key);
    if (text !== undefined) await writeFile(path, text);
    return text !== undefined;
  },
  async putFile(path: string, name: string): Promise<BlobRef> {
    const bytes = await readFile(path);
    const digest = createHash('sha256').update(bytes).digest('hex');
    await copyFile(path, join(folder, digest));
    return { digest, bytes: bytes.length, name };
  },
};

interface Version {
  version: number;
  createdBy: { workflowId: string };
  objective: { lane?: string; metric: string };
}
let versions: Version[] = [];
let champion: number | undefined;
const registry = {
  alias: () => Promise.resolve(champion === undefined ? undefined : { record: { version: champion } }),
  version: (_: string, wanted: number) => Promise.resolve(versions.find(({ version }) => version === wanted)),
  versions: () => Promise.resolve(versions),
};
const activities = earlierStudyActivities({ store, registry } as unknown as Dependencies);

function leave(study: string, metric = 'ndcg@10', direction: Direction = 'maximize'): void {
  const journal = optunaJournal({ name: `shop ${metric}`, metric, direction, candidates: [], trials: [] });
  objects.set(`runs/${study}/trials.ndjson`, `{"index":0,"of":"${study}"}\n`);
  objects.set(`runs/${study}/study.optuna.log`, journal);
}
function register(version: number, lane = 'discovery'): void {
  const createdBy = { workflowId: `lifecycle/shop/${version}` };
  versions.push({ version, createdBy, objective: { lane, metric: 'ndcg@10' } });
}

beforeEach(() => {
  objects.clear();
  versions = [];
  champion = undefined;
});

const find = (warmStart: EarlierStudiesRequest['warmStart'], change: Partial<EarlierStudiesRequest> = {}) =>
  activities.findEarlierStudies({
    model: 'shop',
    warmStart,
    objective: { lane: 'discovery', metric: 'ndcg@10' },
    direction: 'maximize',
    ...change,
  });

describe('the previous study', () => {
  beforeEach(() => {
    register(1);
    register(2);
    leave('lifecycle/shop/1/tune');
    leave('lifecycle/shop/2/tune');
  });

  it('is the champion’s, though there are newer versions', async () => {
    champion = 1;
    const { studies, reason } = await find('previous');
    expect(studies.map(({ workflowId }) => workflowId)).toEqual(['lifecycle/shop/1/tune']);
    expect(reason).toBeUndefined();
    const pinned = await readFile(join(folder, studies[0].table.digest), 'utf8');
    expect(pinned).toBe(objects.get('runs/lifecycle/shop/1/tune/trials.ndjson'));
  });

  it('is that of the newest version where no champion stands', async () => {
    const { studies } = await find('previous');
    expect(studies.map(({ workflowId }) => workflowId)).toEqual(['lifecycle/shop/2/tune']);
  });

  it('is none where there is no version, or its trials have gone, and the reason says so', async () => {
    objects.clear();
    expect(await find('previous')).toEqual({ studies: [], reason: 'the study of version 2 has left no trials' });
    versions = [];
    expect(await find('previous')).toEqual({ studies: [], reason: 'shop has no version yet' });
  });

  it.each([
    ['metric', { objective: { lane: 'discovery', metric: 'recall@20' } }],
    ['lane', { objective: { lane: 'repeat', metric: 'ndcg@10' } }],
    ['direction', { direction: 'minimize' }],
  ] as [string, Partial<EarlierStudiesRequest>][])(
    'is none where it was judged by another %s: its values would mislead',
    async (_, change) => {
      const { studies, reason } = await find('previous', change);
      expect(studies).toEqual([]);
      expect(reason).toBe('version 2 was tuned for another objective (ndcg@10, discovery)');
    },
  );
});

describe('named studies', () => {
  const refused = async (...ids: string[]) => {
    const error: unknown = await find(ids).catch((e: unknown) => e);
    return error as { code: string; message: string; retryable: boolean };
  };

  it('are found by their own ids and by those of their lifecycles, each once', async () => {
    leave('lifecycle/shop/1/tune');
    leave('my-study');
    const { studies } = await find(['my-study', 'lifecycle/shop/1', 'lifecycle/shop/1/tune']);
    expect(studies.map(({ workflowId }) => workflowId)).toEqual(['my-study', 'lifecycle/shop/1/tune']);
  });

  it('that are not there are refused once, with what to do', async () => {
    leave('my-study');
    const error = await refused('my-study', 'lifecycle/shop/9');
    expect(error).toMatchObject({ code: 'SPEC_INVALID', retryable: false });
    expect(error.message).toMatch(
      /^tuning\.warmStart must name studies that have ended .* in bucket "test"\. Got "lifecycle\/shop\/9"\. "tradewind study/,
    );
  });

  it('of another objective are refused', async () => {
    leave('errors', 'rmse', 'minimize');
    const { code, message } = await refused('errors');
    expect(code).toBe('SPEC_INVALID');
    expect(message).toContain('must name studies of ndcg@10, which is to maximize. Got "errors", of rmse, which is to');
  });
});
