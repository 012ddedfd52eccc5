/** Starting a lifecycle, at once or by a schedule: one place that says what a run is called and looks like. */
import { randomBytes } from 'node:crypto';
import { SearchAttributeType, defineSearchAttributeKey, TypedSearchAttributes } from '@temporalio/common';
import type { LifecycleInput, Links } from '../../contracts/lifecycle.ts';
import { taskQueues, workflowIds } from '../../contracts/names.ts';
import { findOversize, oversizeMessage } from '../../contracts/payload.ts';
import { TradewindError } from '../../contracts/errors.ts';
import type { AnySpec } from '../../contracts/specs.ts';

/** UTC to the second, and four characters that keep two runs of one second apart. */
function newRunName(now = new Date()): string {
  const stamp = now.toISOString().replaceAll(/[-:]/g, '').replace('T', '-').slice(0, 15);
  return `${stamp}-${randomBytes(2).toString('hex')}`;
}

export function lifecycleStart(loaded: { spec: AnySpec; specDigest: string }, links: Links) {
  const { spec, specDigest } = loaded;
  const input: LifecycleInput<AnySpec> = { spec, specDigest, links };
  const oversize = findOversize('pipeline spec', [input]);
  if (oversize) {
    throw new TradewindError('PAYLOAD_TOO_LARGE', {
      subject: 'The pipeline spec',
      rule: 'fit 64 KiB',
      value: oversizeMessage(oversize),
      remedy: 'Name data by globs in place of long lists.',
    });
  }
  return {
    workflowType: 'modelLifecycle',
    taskQueue: taskQueues.orchestration,
    args: [input] as [LifecycleInput<AnySpec>],
    staticSummary: `${spec.model} on ${spec.data.name}, seed ${spec.seed}`,
    staticDetails: spec.description ?? `Lifecycle of the model ${spec.model}.`,
    typedSearchAttributes: new TypedSearchAttributes([
      { key: defineSearchAttributeKey('TradewindModel', SearchAttributeType.KEYWORD), value: spec.model },
      { key: defineSearchAttributeKey('TradewindDataset', SearchAttributeType.KEYWORD), value: spec.data.name },
      { key: defineSearchAttributeKey('TradewindStage', SearchAttributeType.KEYWORD), value: 'ingest' },
    ]),
  };
}

export function newLifecycleId(model: string): string {
  return workflowIds.lifecycle(model, newRunName());
}
