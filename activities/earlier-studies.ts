/** Whose trials a study starts with: found by name once, and from then on pinned by digest in the run's history. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { VersionManifest } from '../contracts/artifacts.ts';
import { TradewindError } from '../contracts/errors.ts';
import { objectKeys, workflowIds } from '../contracts/names.ts';
import type { EarlierStudies, EarlierStudiesRequest } from '../contracts/study.ts';
import { judgedBy, type Judged } from '../tuning/journal.ts';
import type { Dependencies } from './dependencies.ts';

interface FoundStudy extends Judged {
  workflowId: string;
  table: EarlierStudies['studies'][number]['table'];
}

export function earlierStudyActivities({ store, registry }: Dependencies) {
  /** A study that has left its table, by its own id or its lifecycle's. */
  async function find(workflowId: string): Promise<FoundStudy | undefined> {
    const folder = await mkdtemp(join(tmpdir(), 'tradewind-studies-'));
    try {
      const [table, journal] = ['trials.ndjson', 'study.optuna.log'].map((name) => join(folder, name));
      for (const id of [workflowId, workflowIds.study(workflowId)]) {
        const there = await Promise.all([
          store.getObject(objectKeys.runFile(id, 'trials.ndjson'), table),
          store.getObject(objectKeys.runFile(id, 'study.optuna.log'), journal),
        ]);
        // Both are written by the same step; one alone is a study whose end is under way.
        if (!there.every(Boolean)) continue;
        const judged = judgedBy(await readFile(journal, 'utf8'));
        return { workflowId: id, table: await store.putFile(table, 'trials.ndjson'), ...judged };
      }
      return undefined;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  async function previousVersion(model: string): Promise<VersionManifest | undefined> {
    const champion = await registry.alias(model, 'champion');
    if (champion !== undefined) return registry.version(model, champion.record.version);
    return (await registry.versions(model)).at(-1);
  }

  /** None is an answer: the first run of a schedule begins cold, and the next ones warm. */
  async function previous({ model, objective, direction }: EarlierStudiesRequest): Promise<EarlierStudies> {
    const manifest = await previousVersion(model);
    if (manifest === undefined) return { studies: [], reason: `${model} has no version yet` };
    const { version, createdBy } = manifest;
    const study = await find(workflowIds.study(createdBy.workflowId));
    if (study === undefined) return { studies: [], reason: `the study of version ${version} has left no trials` };
    const { lane } = manifest.objective;
    if (!fits(study, objective, direction) || lane !== objective.lane) {
      const judged = `${study.metric}${lane === undefined ? '' : `, ${lane}`}`;
      return { studies: [], reason: `version ${version} was tuned for another objective (${judged})` };
    }
    return { studies: [{ workflowId: study.workflowId, table: study.table }] };
  }

  async function named(
    ids: readonly string[],
    { objective, direction }: EarlierStudiesRequest,
  ): Promise<EarlierStudies> {
    const found = await Promise.all(ids.map(find));
    for (const [i, study] of found.entries()) {
      if (study === undefined) {
        throw refusal(`name studies that have ended and left their trials in ${store.place}`, `"${ids[i]}"`);
      }
      if (!fits(study, objective, direction)) {
        const wanted = `${objective.metric}, which is to ${direction}`;
        throw refusal(`name studies of ${wanted}`, `"${ids[i]}", of ${study.metric}, which is to ${study.direction}`);
      }
    }
    const studies = found.map((study) => ({ workflowId: study!.workflowId, table: study!.table }));
    // A study and its lifecycle are one.
    return {
      studies: studies.filter(({ table }, i) => studies.findIndex((s) => s.table.digest === table.digest) === i),
    };
  }

  return {
    /** @throws TradewindError `SPEC_INVALID` where a named study is not there or has another objective */
    async findEarlierStudies(request: EarlierStudiesRequest): Promise<EarlierStudies> {
      return request.warmStart === 'previous' ? await previous(request) : await named(request.warmStart, request);
    },
  };
}

function fits(study: Judged, { metric }: EarlierStudiesRequest['objective'], direction: Judged['direction']): boolean {
  return study.metric === metric && study.direction === direction;
}

function refusal(rule: string, value: string): TradewindError {
  return new TradewindError('SPEC_INVALID', {
    subject: 'tuning.warmStart',
    rule,
    value,
    remedy: '"tradewind study <model>" tells the id of the last study of a model; "previous" finds the champion\'s.',
  });
}
