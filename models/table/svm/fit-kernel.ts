/** The solutions of all problems of a support vector machine with a kernel, one after the other, on all threads. */
import type { ArrayFile } from '../../../compute/arrays/safetensors.ts';
import { putRows, type FeatureRows } from '../../../compute/kernels/feature-rows.ts';
import { KernelSvm } from '../../../compute/kernels/kernel-svm.ts';
import { kernelDecisions, type SvmKernel } from '../../../compute/kernels/kernel-values.ts';
import type { SvmProblem } from '../../../compute/kernels/svm-problem.ts';
import type { KernelThreads } from '../../../compute/kernels/threads.ts';
import type { TableFitContext } from '../../table-estimator.ts';
import { CheckpointOffers, foreignCheckpoint, requireCheckpoint } from './checkpoints.ts';
import { takeRows } from './scaling.ts';
import { taskWeights, type SvmTask, type SvmTrainingSet } from './training-set.ts';

export interface Expansion {
  /** float64 `[rows]`: β, 0 of what is no support vector. */
  readonly coefficients: Float64Array;
  readonly bias: number;
}

interface KernelCourse {
  readonly kernel: SvmKernel;
  readonly tolerance: number;
  readonly context: TableFitContext;
  readonly fingerprint: string;
}

const format = 'tradewind-kernel-svm-checkpoint/1';
/** Kernel values that are kept while a problem is solved; nothing depends on it but time. */
const cacheBytes = 2 ** 30;
/** Pairs that are moved before progress is told, a second or so; and in all, as LIBSVM has it. */
const stepsOfCall = 20_000;
const mostSteps = 1e7;

/** @returns of each task what it learned. */
export async function solveKernel(
  threads: KernelThreads,
  rows: FeatureRows,
  count: number,
  set: SvmTrainingSet,
  course: KernelCourse,
): Promise<Expansion[]> {
  const { context, fingerprint } = course;
  const { solved, begun, steps } = resumed(set, count, course);
  const offers = new CheckpointOffers(context);
  const mark = threads.mark();
  const first = solved.length;
  let [begin, done] = [begun, steps];
  // The problems of a fold are of the same rows, which are stored once.
  for (const fold of new Set(set.tasks.map((task) => task.fold))) {
    const tasks = [...set.tasks.entries()].filter(([k, task]) => task.fold === fold && k >= first);
    if (tasks.length === 0) continue;
    const weights = taskWeights(set, fold, count);
    const chosen = Int32Array.from([...weights.keys()].filter((i) => weights[i] > 0));
    const stored = putRows(threads, takeRows(rows, chosen));
    for (const [k, { problem }] of tasks) {
      const inner = threads.mark();
      const svm = await KernelSvm.start(threads, stored, ofRows(problem, chosen), {
        kernel: course.kernel,
        tolerance: course.tolerance,
        cacheBytes,
        rowWeights: Float32Array.from(chosen, (i) => weights[i]),
      });
      if (begin) await restore(svm, begin);
      for (let call = stride(done); !(await svm.advance(call)); call = stride(done)) {
        done += call;
        if (done >= mostSteps) break;
        const { violation } = svm.progress();
        const note = `problem ${k + 1} of ${set.tasks.length}, ${done} steps, violation ${violation.toPrecision(3)}`;
        context.progress?.(k / set.tasks.length, note);
        await offers.offer(k, () => checkpointOf(fingerprint, solved, done, svm.snapshot()));
      }
      const { coefficients, bias } = await svm.solution();
      const whole = new Float64Array(count);
      for (const [at, row] of chosen.entries()) whole[row] = coefficients[at];
      solved.push({ coefficients: whole, bias });
      [begin, done] = [undefined, 0];
      threads.release(inner);
      context.progress?.((k + 1) / (set.tasks.length + 1), `problem ${k + 1} of ${set.tasks.length}`);
      if (k + 1 < set.tasks.length) await offers.offer(k, () => checkpointOf(fingerprint, solved, 0, {}));
    }
    threads.release(mark);
  }
  return solved;
}

/** First calls are short, so that a quick fit has checkpoints too. */
function stride(done: number): number {
  return Math.min(stepsOfCall, Math.max(done, 100));
}

function ofRows(problem: SvmProblem, chosen: Int32Array): SvmProblem {
  return { ...problem, targets: Float64Array.from(chosen, (i) => problem.targets[i]) };
}

/**
 * Decision values of each row by the models that have not learned from it.
 * @returns of each decision float64 `[rows]`.
 */
export async function decisionsOutOfFold(
  threads: KernelThreads,
  rows: FeatureRows,
  count: number,
  set: SvmTrainingSet,
  solutions: readonly Expansion[],
  kernel: SvmKernel,
): Promise<Float64Array[]> {
  const out = Array.from({ length: set.decisions }, () => new Float64Array(count));
  const solutionOf = (fold: number, decision: number) => {
    const of = (wanted: number) => (task: SvmTask) => task.fold === wanted && task.decision === decision;
    const own = set.tasks.findIndex(of(fold));
    return solutions[own < 0 ? set.tasks.findIndex(of(-1)) : own];
  };
  const mark = threads.mark();
  for (const fold of new Set(set.folds?.of)) {
    if (fold < 0) continue;
    const held = Int32Array.from([...out[0].keys()].filter((i) => set.folds?.of[i] === fold));
    const functions = out.map((_, decision) => solutionOf(fold, decision));
    const support = supportOf(functions, count);
    const values = await kernelDecisions(
      threads,
      kernel,
      putRows(threads, takeRows(rows, held)),
      putRows(threads, takeRows(rows, support)),
      functions.map(({ coefficients, bias }) => ({
        coefficients: Float64Array.from(support, (i) => coefficients[i]),
        bias,
      })),
    );
    for (const [at, row] of held.entries()) {
      for (const [k, decisions] of out.entries()) decisions[row] = values[at * out.length + k];
    }
    threads.release(mark);
  }
  return out;
}

/** Rows that some function has a coefficient for; one at least. */
export function supportOf(functions: readonly Expansion[], count: number): Int32Array {
  const rows: number[] = [];
  for (let i = 0; i < count; i++) if (functions.some(({ coefficients }) => coefficients[i] !== 0)) rows.push(i);
  return Int32Array.from(rows.length > 0 ? rows : [0]);
}

const prefix = 'svm.';

function checkpointOf(
  fingerprint: string,
  solved: readonly Expansion[],
  steps: number,
  snapshot: ArrayFile['arrays'],
): ArrayFile {
  return {
    arrays: {
      coefficients: { data: Float64Array.from(solved.flatMap(({ coefficients }) => [...coefficients])) },
      biases: { data: Float64Array.from(solved, ({ bias }) => bias) },
      ...Object.fromEntries(Object.entries(snapshot).map(([name, array]) => [`${prefix}${name}`, array])),
    },
    metadata: { format, fingerprint, steps: String(steps) },
  };
}

function resumed(
  set: SvmTrainingSet,
  count: number,
  { context: { resume }, fingerprint }: KernelCourse,
): { solved: Expansion[]; begun: ArrayFile['arrays'] | undefined; steps: number } {
  if (resume === undefined) return { solved: [], begun: undefined, steps: 0 };
  requireCheckpoint(resume, format, fingerprint);
  const [coefficients, biases] = ['coefficients', 'biases'].map((name) => resume.arrays[name]?.data);
  const fits =
    coefficients instanceof Float64Array &&
    biases instanceof Float64Array &&
    biases.length <= set.tasks.length &&
    coefficients.length === biases.length * count;
  if (!fits) throw foreignCheckpoint(format);
  const solved = Array.from(biases, (bias, k) => ({
    coefficients: coefficients.slice(k * count, (k + 1) * count),
    bias,
  }));
  const snapshot = Object.entries(resume.arrays).filter(([name]) => name.startsWith(prefix));
  const arrays = Object.fromEntries(snapshot.map(([name, array]) => [name.slice(prefix.length), array]));
  const steps = Number(resume.metadata['steps']);
  return { solved, begun: snapshot.length > 0 ? arrays : undefined, steps };
}

async function restore(svm: KernelSvm, arrays: ArrayFile['arrays']): Promise<void> {
  try {
    await svm.restore(arrays);
  } catch (error) {
    if (error instanceof RangeError) throw foreignCheckpoint(format);
    throw error;
  }
}
