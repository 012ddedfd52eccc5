/** The specs of all tasks. */
import { pipelineSpecSchema, type PipelineSpec } from './spec.ts';
import { tableSpecSchema, type TableSpec } from './table-spec.ts';
import { tableTasks, type TableTask } from './tables.ts';

export type AnySpec = PipelineSpec | TableSpec;

export const tasks = ['recommend', ...tableTasks] as const;
export type Task = (typeof tasks)[number];

/** Of what is written: that of its task, and of a recommender where it names none. */
export function specSchemaOf(task: unknown) {
  return isTableTask(task) ? tableSpecSchema : pipelineSpecSchema;
}

export function isTableTask(task: unknown): task is TableTask {
  return (tableTasks as readonly unknown[]).includes(task);
}
