/** Training, judging and exporting recommenders, in a compute process. Files in, files out, metrics back. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readArrays, writeArrays } from '../../compute/arrays/safetensors.ts';
import type { TaskContext } from '../../compute/pool/task.ts';
import type { AlgorithmName } from '../../contracts/algorithms.ts';
import type { Evaluation, Lane } from '../../contracts/artifacts.ts';
import type { Objective } from '../../contracts/lifecycle.ts';
import type { Execution } from '../../contracts/execution.ts';
import type { ParameterValues } from '../../contracts/parameters.ts';
import type { LaneSlices, ShownSlices } from '../../contracts/recommender-slices.ts';
import { readHeldOut, readInteractions, type Interactions } from '../../data/interactions.ts';
import { evaluateRecommender, objectiveValue, type JudgeOptions } from '../../evaluation/evaluate.ts';
import { smallestSlice } from '../../evaluation/recommender-slices.ts';
import { explainExamples } from '../../explanation/examples.ts';
import type { FitContext, FittedRecommender } from '../../models/estimator.ts';
import { estimatorOf } from '../../models/registry.ts';
import { taskFiles } from '../task-files.ts';

export interface FitInput {
  algorithm: AlgorithmName;
  parameters: ParameterValues;
  seed: number;
  execution: Execution;
  /** Path of the training part. */
  train: string;
  /** Path of a checkpoint to go on from. */
  resume?: string;
}

export interface JudgeInput {
  train: string;
  heldOut: string;
  objective: Objective;
  seed: number;
}

export interface Judgement {
  value: number;
  evaluation: Evaluation;
}

export interface EvaluateOutput extends Judgement {
  /** Of the objective's lane. */
  slices: ShownSlices;
}

async function fit(
  train: Interactions,
  input: FitInput,
  context: TaskContext,
  share: number,
): Promise<FittedRecommender> {
  const fitContext: FitContext = {
    seed: input.seed,
    threads: context.threads,
    execution: input.execution,
    progress: (fraction, note) => context.progress(fraction * share, note),
    ...(input.resume === undefined ? {} : { resume: await readArrays(input.resume) }),
    checkpoint: async (state, step) => {
      const file = join(context.workDir, `checkpoint-${step}.safetensors`);
      await writeArrays(file, state);
      await context.checkpoint(file, step);
    },
  };
  return estimatorOf(input.algorithm).fit(train, input.parameters as never, fitContext);
}

export async function judge(
  model: Pick<FittedRecommender, 'score' | 'items' | 'rank'>,
  train: Interactions,
  input: JudgeInput,
  options: Pick<JudgeOptions, 'progress' | 'sliceIntervals'> = {},
): Promise<Judgement & { slices: Record<Lane, LaneSlices> }> {
  const heldOut = await readHeldOut(input.heldOut);
  const { objective } = input;
  const { k, metric } = objective;
  const about = { k, metric, seed: input.seed, ...options };
  const { evaluation, slices } = await evaluateRecommender(model, train, heldOut, about);
  return { value: objectiveValue(evaluation, objective), evaluation, slices };
}

/** Fits and judges; leaves nothing behind. */
export async function trial(input: FitInput & JudgeInput, context: TaskContext): Promise<Judgement> {
  const train = await readInteractions(input.train);
  const model = await fit(train, input, context, 0.8);
  try {
    context.progress(0.8, 'judging');
    const { value, evaluation } = await judge(model, train, input);
    return { value, evaluation };
  } finally {
    await model.close();
  }
}

/** Fits and leaves the state. */
export async function train(input: FitInput, context: TaskContext): Promise<Record<string, never>> {
  const model = await fit(await readInteractions(input.train), input, context, 0.95);
  try {
    await writeArrays(join(context.workDir, taskFiles.state), model.state());
    return {};
  } finally {
    await model.close();
  }
}

/** Judges in both lanes, and leaves what was found with the slices of both as JSON. */
export async function evaluate(
  input: JudgeInput & { algorithm: AlgorithmName; state: string },
  context: TaskContext,
): Promise<EvaluateOutput> {
  const { objective } = input;
  const model = await estimatorOf(input.algorithm).load(await readArrays(input.state), { threads: context.threads });
  try {
    const train = await readInteractions(input.train);
    const { value, evaluation, slices } = await judge(model, train, input, { sliceIntervals: true });
    const details = `${JSON.stringify({ objective, evaluation, slices }, null, 1)}\n`;
    await writeFile(join(context.workDir, taskFiles.details), details);
    const { lane, metric, k } = objective;
    const shown = { lane, k, metric: `${metric}@${k}`, smallest: smallestSlice, ...slices[lane] };
    return { value, evaluation, slices: shown };
  } finally {
    await model.close();
  }
}

export interface ExplainInput {
  algorithm: AlgorithmName;
  state: string;
  train: string;
  seed: number;
}

/** What the model does for a few users, and why; leaves `examples.json`. */
export async function explain(input: ExplainInput, context: TaskContext): Promise<Record<string, never>> {
  const train = await readInteractions(input.train);
  const model = await estimatorOf(input.algorithm).load(await readArrays(input.state), { threads: context.threads });
  try {
    const examples = await explainExamples(model, train, { users: 5, perUser: 3, seed: input.seed });
    await writeFile(join(context.workDir, taskFiles.examples), `${JSON.stringify(examples, null, 1)}\n`);
    return {};
  } finally {
    await model.close();
  }
}
