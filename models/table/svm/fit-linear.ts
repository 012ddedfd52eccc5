/**
 * The solutions of all problems of a linear support vector machine: with squared loss and at least as many rows as
 * features in the primal (`newton.ts`), else in the dual (`compute/kernels/linear-svm.ts`), which is the choice that
 * LIBLINEAR's and scikit-learn's `dual="auto"` make. Both minimise the same.
 */
import { setImmediate } from 'node:timers/promises';
import { putRows, type FeatureRows } from '../../../compute/kernels/feature-rows.ts';
import { LinearSvms, type LinearSvmProblem } from '../../../compute/kernels/linear-svm.ts';
import { KernelThreads } from '../../../compute/kernels/threads.ts';
import type { TableFitContext } from '../../table-estimator.ts';
import { CheckpointOffers, foreignCheckpoint, requireCheckpoint } from './checkpoints.ts';
import { PrimalSvm } from './newton.ts';
import { taskWeights, type SvmTrainingSet } from './training-set.ts';

export interface LinearSettings {
  readonly loss: 'hinge' | 'squaredHinge';
  readonly tolerance: number;
  readonly maxEpochs: number;
}

const format = 'tradewind-linear-svm-checkpoint/1';
/** Epochs of a call are as many as take about this long: progress is told between calls. */
const callMilliseconds = 200;

/** Told of the way of a fit. */
interface Course {
  readonly context: TableFitContext;
  readonly fingerprint: string;
}

/** @returns of each task float64 `[columns + 1]`: the weights of scaled features, the bias last. */
export async function solveLinear(
  rows: FeatureRows,
  count: number,
  set: SvmTrainingSet,
  settings: LinearSettings,
  course: Course,
): Promise<Float64Array[]> {
  const { resume } = course.context;
  if (resume) requireCheckpoint(resume, format, course.fingerprint);
  const primal = settings.loss === 'squaredHinge' && count >= rows.columns;
  return primal ? inPrimal(rows, count, set, settings, course) : inDual(rows, count, set, settings, course);
}

async function inPrimal(
  rows: FeatureRows,
  count: number,
  set: SvmTrainingSet,
  { tolerance, maxEpochs }: LinearSettings,
  { context, fingerprint }: Course,
): Promise<Float64Array[]> {
  const size = rows.columns + 1;
  const solved: Float64Array[] = [];
  let { begin, step } = { begin: undefined as Float64Array | undefined, step: 0 };
  if (context.resume) {
    const data = context.resume.arrays['w']?.data;
    step = Number(context.resume.metadata['step']);
    const known = data instanceof Float64Array ? data.length / size : 0;
    if (!(data instanceof Float64Array) || !(known >= 1 && known <= set.tasks.length && Number.isInteger(known))) {
      throw foreignCheckpoint(format);
    }
    for (let k = 0; k + 1 < known; k++) solved.push(data.slice(k * size, (k + 1) * size));
    begin = data.slice(-size);
  }
  const saving = new CheckpointOffers(context);
  for (let k = solved.length; k < set.tasks.length; k++) {
    const { problem, decision, fold } = set.tasks[k];
    const rowWeights = taskWeights(set, fold, count);
    // A part of the rows has its solution near that of all of them.
    const svm = new PrimalSvm(rows, problem, { rowWeights, tolerance, from: begin ?? solved[fold < 0 ? k : decision] });
    for (; step < maxEpochs && !svm.step(); step++) {
      context.progress?.(k / set.tasks.length, `problem ${k + 1} of ${set.tasks.length}, step ${step + 1}`);
      await saving.offer(k * maxEpochs + step + 1, () => ({
        arrays: { w: { data: Float64Array.from([...solved, svm.w].flatMap((w) => [...w])) } },
        metadata: { format, fingerprint, step: String(step + 1) },
      }));
      await setImmediate();
    }
    solved.push(svm.w);
    [begin, step] = [undefined, 0];
  }
  return solved;
}

async function inDual(
  rows: FeatureRows,
  count: number,
  set: SvmTrainingSet,
  { loss, tolerance, maxEpochs }: LinearSettings,
  { context, fingerprint }: Course,
): Promise<Float64Array[]> {
  const threads = new KernelThreads(context.threads, ['linear-svm']);
  try {
    const weightsOf = new Map<number, Float32Array>();
    const problems = set.tasks.map(({ problem, fold }): LinearSvmProblem => {
      const rowWeights = weightsOf.get(fold) ?? taskWeights(set, fold, count);
      weightsOf.set(fold, rowWeights);
      return { ...problem, loss: loss === 'hinge' ? 'l1' : 'l2', rowWeights };
    });
    const svms = await LinearSvms.start(threads, putRows(threads, rows), problems, { seed: context.seed, tolerance });
    let epoch = 0;
    if (context.resume) {
      try {
        svms.restore(context.resume.arrays);
      } catch {
        throw foreignCheckpoint(format);
      }
      epoch = Number(context.resume.metadata['epoch']);
    }
    const saving = new CheckpointOffers(context);
    let fraction = 0;
    for (let stride = 1, done = false; !done && epoch < maxEpochs;) {
      const began = performance.now();
      const epochs = Math.min(stride, maxEpochs - epoch);
      done = await svms.advance(epochs);
      epoch += epochs;
      if (performance.now() - began < callMilliseconds / 2) stride *= 2;
      const progress = svms.progress();
      const open = progress.filter(({ solved }) => !solved);
      // A problem's way is the logarithm of its violation.
      const way = open.reduce((sum, { violation }) => sum + Math.log(violation) / Math.log(tolerance), 0);
      const share = (progress.length - open.length + Math.min(open.length, Math.max(0, way))) / progress.length;
      fraction = Math.max(fraction, 0.99 * share);
      context.progress?.(fraction, `epoch ${epoch}, ${open.length} of ${progress.length} problems open`);
      if (!done) {
        await saving.offer(epoch, () => ({
          arrays: svms.snapshot(),
          metadata: { format, fingerprint, epoch: String(epoch) },
        }));
      }
    }
    return (await svms.solutions()).map(({ weights, intercept }) => Float64Array.of(...weights, intercept));
  } finally {
    await threads.close();
  }
}
