/** Typed search attributes: what people filter by in the Web UI. */
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { upsertSearchAttributes } from '@temporalio/workflow';

const model = defineSearchAttributeKey('TradewindModel', SearchAttributeType.KEYWORD);
const version = defineSearchAttributeKey('TradewindVersion', SearchAttributeType.INT);
const stage = defineSearchAttributeKey('TradewindStage', SearchAttributeType.KEYWORD);
const dataset = defineSearchAttributeKey('TradewindDataset', SearchAttributeType.KEYWORD);

export function markSubject(subject: { model: string; dataset: string; version?: number }): void {
  upsertSearchAttributes([
    { key: model, value: subject.model },
    { key: dataset, value: subject.dataset },
    ...(subject.version === undefined ? [] : [{ key: version, value: subject.version }]),
  ]);
}

export function markStage(value: string): void {
  upsertSearchAttributes([{ key: stage, value }]);
}

export function markVersion(value: number): void {
  upsertSearchAttributes([{ key: version, value }]);
}
