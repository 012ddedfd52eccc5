/**
 * The solutions of all problems of a linear support vector machine: with squared loss and many rows for a feature in the
 * primal (`newton.ts`), else in the dual (`compute/kernels/linear-svm.ts`), a choice like that of scikit-learn's
 * `dual="auto"`. Both minimise the same.
 */
import { setImmediate } from 'node:timers/promises';
import type { ArrayFile } from '../../../compute/arrays/safetensors.ts';
import { putRows, type FeatureRows, type StoredRows } from '../../../compute/kernels/feature-rows.ts';
import { LinearSvms, type LinearSvmProblem, type LinearSvmSolution } from '../../../compute/kernels/linear-svm.ts';
import { KernelThreads } from '../../../compute/kernels/threads.ts';
import type { TableFitContext } from '../../table-estimator.ts';
import { CheckpointOffers, foreignCheckpoint, requireCheckpoint } from './checkpoints.ts';
import { PrimalSvm } from './newton.ts';
import { taskWeights, type SvmTask, type SvmTrainingSet } from './training-set.ts';

export interface LinearSettings {
  readonly loss: 'hinge' | 'squaredHinge';
  readonly tolerance: number;
  readonly maxEpochs: number;
}

const format = 'tradewind-linear-svm-checkpoint/1';
/** Epochs of a call are as many as take about this long: progress is told between calls. */
const callMilliseconds = 200;

/** With fewer rows for a feature, epochs of the dual cost less than Newton steps of as many unknowns. */
const rowsPerFeature = 4;

/** A sigmoid of two numbers needs decision values of no more digits. */
const enoughOfFolds = 1e-2;

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
  const primal = settings.loss === 'squaredHinge' && count >= rowsPerFeature * rows.columns;
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
    const svm = new PrimalSvm(rows, problem, {
      rowWeights,
      tolerance: fold < 0 ? tolerance : Math.max(tolerance, enoughOfFolds),
      // A part of the rows has its solution near that of all of them.
      from: begin ?? (fold < 0 ? undefined : solved[decision]),
      resumed: begin !== undefined,
    });
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
  settings: LinearSettings,
  course: Course,
): Promise<Float64Array[]> {
  const threads = new KernelThreads(course.context.threads, ['linear-svm']);
  try {
    const stored = putRows(threads, rows);
    const ofAll = set.tasks.filter(({ fold }) => fold < 0);
    const ofFolds = set.tasks.slice(ofAll.length);
    const offers = new CheckpointOffers(course.context);
    const begun = beginning(course.context.resume, ofAll.length * (rows.columns + 1 + count));
    const mark = threads.mark();
    const stage = { threads, rows: stored, count, set, settings, course, offers };
    let whole: Solved[];
    if (begun.whole === undefined) {
      whole = await solveStage({ ...stage, tasks: ofAll, from: [], share: [0, 1 / 3], ...begun, kept: {} });
    } else {
      whole = ofAll.map((_, k) => unpack(begun.whole!, k, rows.columns, count));
    }
    threads.release(mark);
    if (ofFolds.length === 0) return whole.map(solutionOf);
    // A part of the rows has its solution near that of all of them.
    const parts = await solveStage({
      ...stage,
      tasks: ofFolds,
      from: ofFolds.map(({ decision }) => whole[decision].coefficients),
      share: [1 / 3, 1],
      ...(begun.whole ? begun : { arrays: undefined, epoch: 0 }),
      kept: { whole: { data: pack(whole) } },
    });
    return [...whole, ...parts].map(solutionOf);
  } finally {
    await threads.close();
  }
}

type Solved = Pick<LinearSvmSolution, 'weights' | 'intercept' | 'coefficients'>;

interface Stage {
  readonly threads: KernelThreads;
  readonly rows: StoredRows;
  readonly count: number;
  readonly set: SvmTrainingSet;
  readonly settings: LinearSettings;
  readonly course: Course;
  readonly offers: CheckpointOffers;
  readonly tasks: readonly SvmTask[];
  /** Of each task: β to begin with. */
  readonly from: readonly Float64Array[];
  /** Of the progress. */
  readonly share: readonly [number, number];
  /** Where a checkpoint stands, and what one is to keep of the stage before. */
  readonly arrays: ArrayFile['arrays'] | undefined;
  readonly epoch: number;
  readonly kept: ArrayFile['arrays'];
}

async function solveStage(stage: Stage): Promise<Solved[]> {
  const { threads, count, set, tasks, from, share, arrays, kept, offers } = stage;
  const { loss, maxEpochs } = stage.settings;
  const tolerance = from.length === 0 ? stage.settings.tolerance : Math.max(stage.settings.tolerance, enoughOfFolds);
  const { context, fingerprint } = stage.course;
  const weightsOf = new Map<number, Float32Array>();
  const problems = tasks.map(({ problem, fold }, k): LinearSvmProblem => {
    const rowWeights = weightsOf.get(fold) ?? taskWeights(set, fold, count);
    weightsOf.set(fold, rowWeights);
    return { ...problem, loss: loss === 'hinge' ? 'l1' : 'l2', rowWeights, ...(from[k] && { from: from[k] }) };
  });
  const svms = await LinearSvms.start(threads, stage.rows, problems, { seed: context.seed, tolerance });
  if (arrays) restore(svms, arrays);
  let { epoch } = stage;
  let way = 0;
  for (let stride = 1, done = false; !done && epoch < maxEpochs;) {
    const began = performance.now();
    const epochs = Math.min(stride, maxEpochs - epoch);
    done = await svms.advance(epochs);
    epoch += epochs;
    if (performance.now() - began < callMilliseconds / 2) stride *= 2;
    const progress = svms.progress();
    const open = progress.filter(({ solved }) => !solved);
    // A problem's way is the logarithm of its violation.
    const ways = open.reduce((sum, { violation }) => sum + Math.log(violation) / Math.log(tolerance), 0);
    way = Math.max(way, (progress.length - open.length + Math.min(open.length, Math.max(0, ways))) / progress.length);
    const note = `epoch ${epoch}, ${open.length} of ${progress.length} problems open`;
    context.progress?.(share[0] + 0.99 * way * (share[1] - share[0]), note);
    if (done) break;
    await offers.offer(epoch, () => ({
      arrays: { ...svms.snapshot(), ...kept },
      metadata: { format, fingerprint, epoch: String(epoch) },
    }));
  }
  return await svms.solutions();
}

function solutionOf({ weights, intercept }: Solved): Float64Array {
  return Float64Array.of(...weights, intercept);
}

/** What of the stage of all rows the next one and the model need. */
function pack(solutions: readonly Solved[]): Float64Array {
  return Float64Array.from(solutions.flatMap((each) => [...each.weights, each.intercept, ...each.coefficients]));
}

function unpack(packed: Float64Array, k: number, columns: number, count: number): Solved {
  const size = columns + 1 + count;
  const own = packed.subarray(k * size, (k + 1) * size);
  return {
    weights: own.slice(0, columns),
    intercept: own[columns],
    coefficients: own.slice(columns + 1),
  };
}

interface Beginning {
  readonly whole: Float64Array | undefined;
  readonly arrays: ArrayFile['arrays'] | undefined;
  readonly epoch: number;
}

function beginning(resume: ArrayFile | undefined, size: number): Beginning {
  if (resume === undefined) return { whole: undefined, arrays: undefined, epoch: 0 };
  const { whole, ...arrays } = resume.arrays;
  const epoch = Number(resume.metadata['epoch']);
  if (whole === undefined) return { whole: undefined, arrays, epoch };
  if (!(whole.data instanceof Float64Array) || whole.data.length !== size) throw foreignCheckpoint(format);
  return { whole: whole.data, arrays, epoch };
}

function restore(svms: LinearSvms, arrays: ArrayFile['arrays']): void {
  try {
    svms.restore(arrays);
  } catch (error) {
    if (error instanceof RangeError) throw foreignCheckpoint(format);
    throw error;
  }
}
