/**
 * Training of networks over features, as a program of `compute/training`.
 *
 * Within the program features have mean 0, and deviation 1 where the design asks for that, whatever their units are, and
 * a target that is a number has mean 0 and deviation 1. So one learning rate suits a revenue in cents as well as a
 * share; afterwards the weights are written in the features' own units. A feature that does not vary has weight 0.
 *
 * The bytes of a trained network depend on the number of threads (docs/adr/0006), not on checkpoints or timing.
 */
import { TradewindError } from '../../contracts/errors.ts';
import type { TableAlgorithmName } from '../../contracts/table-algorithms.ts';
import { epsilon } from '../../compute/graph/layers/normalization.ts';
import { train, type Arrays, type TrainingData } from '../../compute/training/train.ts';
import type { Features } from '../../data/features.ts';
import { takeTarget, type Target } from '../../data/table.ts';
import type { FittedTableModel, TableFitContext } from '../table-estimator.ts';
import { FittedNetwork, type Network } from './fitted-network.ts';
import { meanLoss, pickRows, setApart } from './held-rows.ts';
import type { Block } from './images.ts';
import type { Layer } from './network.ts';
import { digestOf, inputsOf, targetOf, type Inputs, type TrainingTarget } from './network-data.ts';
import { programOf, runningOf, stagesOf, type ProgramDesign, type Stage } from './network-program.ts';
import { balancedWeights, checkedWeights } from './row-weights.ts';

export interface NetworkDesign extends ProgramDesign {
  readonly algorithm: TableAlgorithmName;
  /** Whether the rows of each class weigh the same together; `none` when left out. */
  readonly classWeight?: 'none' | 'balanced';
  /** Epochs without a better loss on rows set apart after which training ends; 0, or left out: none are set apart. */
  readonly earlyStoppingRounds?: number;
  readonly validationShare?: number;
}

/** Rows with a target, and what each weighs. */
interface Rows {
  readonly x: Features;
  readonly y: Target;
  readonly weights: Float32Array | undefined;
}

/**
 * @throws TradewindError `TRAINING_DIVERGED`, or `ARTIFACT_CORRUPT` for a checkpoint of another fit.
 * @throws RangeError where features, target and weights do not belong together.
 */
export async function fitNetwork(
  design: NetworkDesign,
  x: Features,
  y: Target,
  context: TableFitContext,
): Promise<FittedTableModel> {
  const given = checkedWeights(x, y, context.weights);
  const weights = design.classWeight === 'balanced' ? balancedWeights(y, given) : given;
  const { learning, held } = partsOf(design, { x, y, weights }, context.seed);
  const inputs = inputsOf(design, learning.x, learning.weights, design.images?.shape);
  const target = targetOf(learning.y, learning.weights);
  const count = learning.x.rows;
  const program = programOf(design, inputs, target, count, learning.weights !== undefined);
  const rows = {
    ...inputs.rows,
    target: target.values,
    ...(learning.weights && { weight: learning.weights }),
  };
  const data: TrainingData = { count, rows, tables: inputs.tables };
  const { resume, rungs = [] } = context;
  const modelOf = (parameters: Arrays, statistics: Arrays) =>
    new FittedNetwork(networkOf(design, inputs, target, parameters, statistics));
  const { parameters, statistics } = await train(
    program,
    context.checkpoint || resume ? { ...data, digest: digestOf(data, held && valuesOf(held)) } : data,
    {
      epochs: design.epochs,
      seed: context.seed,
      threads: context.threads,
      ...(context.execution && { execution: context.execution }),
      ...(resume && { resume }),
      ...(context.checkpointMilliseconds !== undefined && { checkpointMilliseconds: context.checkpointMilliseconds }),
      progress: (fraction, note) => context.progress?.(fraction, note),
      ...(context.checkpoint && { checkpoint: async (state, step) => await context.checkpoint?.(state, step) }),
      ...(held && {
        earlyStopping: {
          patience: design.earlyStoppingRounds ?? 0,
          loss: (now, followed) =>
            using(modelOf(now, followed), async (model) => meanLoss(held.y, await model.predict(held.x), held.weights)),
        },
      }),
      async afterEpoch({ epoch, parameters: now, statistics: followed }) {
        if (context.report === undefined || !rungs.includes(epoch)) return true;
        return using(
          modelOf(now, followed),
          async (model) => await context.report!(epoch, (judged) => model.predict(judged)),
        );
      },
    },
  );
  const arrays = (shaped: typeof parameters): Arrays =>
    Object.fromEntries(Object.entries(shaped).map(([name, { data: values }]) => [name, values]));
  // A training that ended early is done as well.
  context.progress?.(1);
  return modelOf(arrays(parameters), arrays(statistics));
}

async function using<T>(model: FittedNetwork, use: (model: FittedNetwork) => Promise<T>): Promise<T> {
  try {
    return await use(model);
  } finally {
    await model.close();
  }
}

/** What is learned from, and what is set apart where the design asks for it and there is enough. */
function partsOf(
  { earlyStoppingRounds = 0, validationShare = 0 }: NetworkDesign,
  all: Rows,
  seed: number,
): { learning: Rows; held?: Rows } {
  if (earlyStoppingRounds === 0) return { learning: all };
  const { x, y, weights } = all;
  const numbers = Int32Array.from({ length: x.rows }, (_, i) => i);
  const weighing = weights === undefined ? numbers : numbers.filter((i) => weights[i] > 0);
  const { training, held } = setApart(weighing, y, validationShare, seed);
  if (held.length === 0) return { learning: all };
  requireNumbers(x, held);
  const part = (rows: Int32Array): Rows => {
    const own = { x: pickRows(x, rows), y: takeTarget(y, rows) };
    return { ...own, weights: checkedWeights(own.x, own.y, weights && Float32Array.from(rows, (i) => weights[i])) };
  };
  return { learning: part(training), held: part(held) };
}

/** What is learned from is looked at by the training; of what is set apart, a loss that is no number would say nothing. */
function requireNumbers(x: Features, held: Int32Array): void {
  for (const row of held) {
    const [from, to] = x.kind === 'dense' ? [row, row + 1].map((i) => i * x.names.length) : x.csr.indptr.subarray(row);
    const values = (x.kind === 'dense' ? x.values : x.csr.values).subarray(from, to);
    const at = values.findIndex((value) => !Number.isFinite(value));
    if (at < 0) continue;
    throw new TradewindError('TRAINING_DIVERGED', {
      subject: `Feature "${x.names[x.kind === 'dense' ? at : x.csr.indices[from + at]]}" in row ${row + 1}`,
      rule: 'be a finite number',
      value: String(values[at]),
      remedy: 'Clean the data: fill in or drop what is missing.',
    });
  }
}

function valuesOf({ x, y, weights }: Rows): (Float32Array | Int32Array)[] {
  const own = x.kind === 'dense' ? [x.values] : [x.csr.indptr, x.csr.indices, x.csr.values];
  return [...own, y.kind === 'classes' ? y.codes : y.values, ...(weights ? [weights] : [])];
}

/** The network in the units of features and target; a normalisation over the batch has become part of the weights. */
function networkOf(
  design: NetworkDesign,
  { tables, features }: Inputs,
  target: TrainingTarget,
  parameters: Arrays,
  statistics: Arrays,
): Network {
  const { algorithm, norm = 'none', images } = design;
  const stages = stagesOf(design, features, target.outputs);
  /** y = a x + c of a trained batch norm: a = gain / √(variance + ε), c = shift − a mean. */
  const batchNormOf = ({ names }: Stage): { a: Float32Array; c: Float32Array } => {
    const [mean, variance] = [runningOf(statistics, names.mean), runningOf(statistics, names.variance)];
    const a = parameters[names.gain].map((gain, u) => gain / Math.sqrt(variance[u] + epsilon));
    return { a, c: parameters[names.shift].map((shift, u) => shift - a[u] * mean[u]) };
  };
  const layerNormOf = ({ names }: Stage) => ({ gain: parameters[names.gain], shift: parameters[names.shift] });
  const blockOf = (stage: Stage): Block<Float32Array> => {
    const w = parameters[stage.names.w];
    if (norm === 'batch') {
      const { a, c } = batchNormOf(stage);
      return { w, scale: a, b: c };
    }
    return { w, b: parameters[stage.names.b], ...(norm === 'layer' && { norm: layerNormOf(stage) }) };
  };
  const layerOf = (stage: Stage, k: number): Layer<Float32Array> => {
    const { names, last, units } = stage;
    const { a, c } = norm === 'batch' && !last ? batchNormOf(stage) : { a: undefined, c: parameters[names.b] };
    const out = last ? target.scale : 1;
    // Of the first layer w = s w′, and of the last one it is in the target's unit; what images are scaled by stays apart.
    const scaled = k === 0 && !images;
    const factor = (at: number) => (scaled ? tables.scale[Math.floor(at / units)] : 1) * (a?.[at % units] ?? 1) * out;
    return {
      w: parameters[names.w].map((value, at) => value * factor(at)),
      b: c.map((value) => value * out + (last ? target.mean : 0)),
      ...(norm === 'layer' && !last && { norm: layerNormOf(stage) }),
    };
  };
  const blocks = stages.filter(({ kind }) => kind === 'block').map(blockOf);
  const layers = stages.filter(({ kind }) => kind === 'layer').map(layerOf);
  const numbers = [
    ...layers.flatMap(({ w, b }) => [w, b!]),
    ...blocks.flatMap(({ w, b, scale }) => [w, b!, scale ?? w]),
  ];
  if (!numbers.every((values) => values.every(Number.isFinite))) {
    throw new TradewindError('TRAINING_DIVERGED', {
      subject: `The weights of ${algorithm}`,
      rule: 'be finite in the units of features and target',
      value: `a target of the deviation ${target.scale.toPrecision(3)}`,
      remedy: 'Scale the features and the target.',
    });
  }
  return {
    algorithm,
    task: target.task,
    outputs: target.outputs,
    mean: tables.mean,
    ...(images && { images: { shape: images.shape, scale: tables.scale, blocks } }),
    layers,
  };
}
