/**
 * Training of networks over features, as a program of `compute/training`.
 *
 * Within the program features have mean 0, and deviation 1 where the design asks for that, whatever their units are, and
 * a target that is a number has mean 0 and deviation 1. So one learning rate suits a revenue in cents as well as a
 * share; afterwards the weights are written in the features' own units. A feature that does not vary has weight 0.
 *
 * The bytes of a trained network depend on the number of threads (docs/adr/0006), not on checkpoints or timing.
 */
import { createHash } from 'node:crypto';
import { TradewindError } from '../../contracts/errors.ts';
import type { TableAlgorithmName } from '../../contracts/table-algorithms.ts';
import type { Graph } from '../../compute/graph/graph.ts';
import { binaryCrossEntropy, softmaxCrossEntropy, squaredError } from '../../compute/graph/layers/losses.ts';
import { dropout } from '../../compute/graph/layers/random.ts';
import type { Tensor } from '../../compute/graph/program.ts';
import { he, zeros } from '../../compute/training/initializers.ts';
import { adam } from '../../compute/training/optimizers.ts';
import {
  trainingProgram,
  type ColumnDefinition,
  type ParameterDefinition,
  type TrainingProgram,
  type TrainingStep,
} from '../../compute/training/program.ts';
import { cosine } from '../../compute/training/schedules.ts';
import { train, type ColumnData, type TrainingData } from '../../compute/training/train.ts';
import type { Features } from '../../data/features.ts';
import type { Target } from '../../data/table.ts';
import type { FittedTableModel, TableFitContext } from '../table-estimator.ts';
import { FittedNetwork, type Network } from './fitted-network.ts';
import { momentsOf } from './moments.ts';
import { forward, logitsOf, type FeatureRows, type Layer } from './network.ts';
import { checkedWeights } from './row-weights.ts';
import { entriesOf } from './sparse-product.ts';

export interface NetworkDesign {
  readonly algorithm: TableAlgorithmName;
  /** Units of each hidden layer. */
  readonly hidden: readonly number[];
  /** In [0, 1). */
  readonly dropout: number;
  /**
   * Deviation of features in the program: 1 for all, or their own where it is less than 1, so that rare words do not
   * become loud.
   */
  readonly scale: 'unit' | 'atMostUnit';
  readonly l2: number;
  /** Whose weights the penalty is on: those of the features' own units, or those of the program. */
  readonly penalty: 'own' | 'program';
  readonly learningRate: number;
  readonly epochs: number;
  readonly batchSize: number;
}

/** A penalty beyond it leaves nothing of a weight either. */
const largestPenalty = 1e6;

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
  const weights = checkedWeights(x, y, context.weights);
  const inputs = inputsOf(design, x, weights);
  const target = targetOf(y, weights);
  const program = programOf(design, inputs, target, x.rows, weights !== undefined);
  const rows = { ...inputs.rows, target: target.values, ...(weights && { weight: weights }) };
  const data: TrainingData = { count: x.rows, rows, tables: inputs.tables };
  const { resume, rungs = [] } = context;
  const { parameters } = await train(
    program,
    context.checkpoint || resume ? { ...data, digest: digestOf(data) } : data,
    {
      epochs: design.epochs,
      seed: context.seed,
      threads: context.threads,
      ...(context.execution && { execution: context.execution }),
      ...(resume && { resume }),
      ...(context.checkpointMilliseconds !== undefined && { checkpointMilliseconds: context.checkpointMilliseconds }),
      progress: (fraction, note) => context.progress?.(fraction, note),
      ...(context.checkpoint && { checkpoint: async (state, step) => await context.checkpoint?.(state, step) }),
      async afterEpoch({ epoch, parameters: now }) {
        if (context.report === undefined || !rungs.includes(epoch)) return true;
        const model = new FittedNetwork(networkOf(design, inputs, target, now));
        try {
          return await context.report(epoch, (rows) => model.predict(rows));
        } finally {
          await model.close();
        }
      },
    },
  );
  const trained = Object.fromEntries(Object.entries(parameters).map(([name, { data: values }]) => [name, values]));
  return new FittedNetwork(networkOf(design, inputs, target, trained));
}

/** Features as the program takes them. */
interface Inputs {
  readonly form: Features['kind'];
  readonly features: number;
  readonly rows: Record<string, ColumnData>;
  readonly tables: Record<'mean' | 'scale' | 'penalty', Float32Array> & Record<string, ColumnData>;
}

function inputsOf(design: NetworkDesign, x: Features, weights: Float32Array | undefined): Inputs {
  const features = x.names.length;
  const { mean, deviation } = momentsOf(x, weights);
  const floor = design.scale === 'unit' ? 0 : 1;
  const scale = Float32Array.from(deviation, (sigma) => (sigma === 0 ? 0 : 1 / Math.max(floor, sigma)));
  // λ/2 ‖w‖² of the features' own units, where w = s w′.
  const penaltyOf = (s: number) => (design.penalty === 'own' ? Math.min(largestPenalty, design.l2 * s * s) : design.l2);
  const tables = { mean: Float32Array.from(mean), scale, penalty: scale.map(penaltyOf) };
  if (x.kind === 'dense') return { form: 'dense', features, rows: { x: x.values }, tables };
  const { indptr, indices, values } = x.csr;
  const begin = indptr.slice(0, x.rows);
  const length = begin.map((at, i) => indptr[i + 1] - at);
  // An entry that no row has, where there is none at all: a table must not be empty.
  const columns = indices.length > 0 ? indices : new Int32Array(1);
  const entries = values.length > 0 ? values : new Float32Array(1);
  return { form: 'sparse', features, rows: { begin, length }, tables: { ...tables, columns, entries } };
}

interface TrainingTarget {
  readonly task: 'classify' | 'regress';
  readonly outputs: number;
  readonly values: Int32Array | Float32Array;
  /** What a number was divided by, after its mean was taken from it. */
  readonly mean: number;
  readonly scale: number;
}

function targetOf(y: Target, weights: Float32Array | undefined): TrainingTarget {
  if (y.kind === 'classes') {
    const outputs = y.classes.length;
    const values = outputs === 2 ? Float32Array.from(y.codes) : y.codes;
    return { task: 'classify', outputs, values, mean: 0, scale: 1 };
  }
  const column: Features = { kind: 'dense', rows: y.values.length, names: ['target'], values: y.values };
  const moments = momentsOf(column, weights);
  const [mean, scale] = [moments.mean[0], moments.deviation[0] || 1];
  return { task: 'regress', outputs: 1, values: y.values.map((value) => (value - mean) / scale), mean, scale };
}

type Columns = Record<string, ColumnDefinition>;
type Step = TrainingStep<string, Columns, Columns>;

function programOf(
  design: NetworkDesign,
  inputs: Inputs,
  target: TrainingTarget,
  count: number,
  weighted: boolean,
): TrainingProgram {
  const { form, features, tables } = inputs;
  const { batchSize, epochs, hidden, learningRate } = design;
  const widths = [features, ...hidden, logitsOf(target.outputs)];
  const layers = widths.slice(1).map((units, k) => [widths[k], units]);
  const parameters: [string, ParameterDefinition][] = layers.flatMap(([from, units], k) => [
    // A rectifier wants a random beginning; without one, the loss has no other minimum than the one that 0 leads to.
    [`w${k + 1}`, { shape: [from, units], initial: hidden.length > 0 ? he : zeros }],
    [`b${k + 1}`, { shape: [units], initial: zeros }],
  ]);
  const labels: ColumnDefinition =
    target.values instanceof Float32Array
      ? { type: 'float32', shape: [] }
      : { type: 'int32', shape: [], below: target.outputs };
  const rows: Columns = {
    ...(form === 'dense'
      ? { x: { type: 'float32', shape: [features] } }
      : { begin: { type: 'int32', shape: [] }, length: { type: 'int32', shape: [] } }),
    target: labels,
    ...(weighted && { weight: { type: 'float32', shape: [] } }),
  };
  return trainingProgram({
    parameters: Object.fromEntries(parameters),
    rows,
    tables: Object.fromEntries(
      Object.entries(tables).map(([name, { length }]): [string, ColumnDefinition] => [
        name,
        name === 'columns'
          ? { type: 'int32', shape: [length], below: Math.max(1, features) }
          : { type: 'float32', shape: [length] },
      ]),
    ),
    optimizer: adam(),
    learningRate: cosine(learningRate, { steps: epochs * Math.ceil(count / batchSize) }),
    batchSize,
    loss(step) {
      const { graph: g, random } = step;
      const current = layersOf(layers.length, step.parameters);
      const shift = { mean: floats(step.tables['mean']), scale: floats(step.tables['scale']) };
      const drop = (units: Tensor<'float32'>) => dropout(g, units, design.dropout, random);
      const logits = forward(g, rowsOf(form, step), shift, current, drop);
      return g.add(lossOf(step, logits, target), penaltyOf(g, current, design, floats(step.tables['penalty'])));
    },
  });
}

const floats = (tensor: Tensor) => tensor as Tensor<'float32'>;
const integers = (tensor: Tensor) => tensor as Tensor<'int32'>;

function layersOf<T>(count: number, parameters: Readonly<Record<string, T>>): Layer<T>[] {
  return Array.from({ length: count }, (_, k) => ({ w: parameters[`w${k + 1}`], b: parameters[`b${k + 1}`] }));
}

function rowsOf(form: Features['kind'], { graph, batch, tables }: Step): FeatureRows {
  if (form === 'dense') return { dense: floats(batch['x']) };
  const [begin, length, columns] = [batch['begin'], batch['length'], tables['columns']].map(integers);
  return { sparse: entriesOf(graph, { begin, length, columns, values: floats(tables['entries']) }) };
}

/** The mean of wᵢ lossᵢ; half the squared error, so that the derivative is the error. */
function lossOf(
  { graph: g, batch }: Step,
  logits: Tensor<'float32'>,
  { task, outputs }: TrainingTarget,
): Tensor<'float32'> {
  const weights = batch['weight'] === undefined ? undefined : floats(batch['weight']);
  const options = weights === undefined ? {} : { weights };
  const scores = () => g.squeeze(logits, [1]);
  let mean: Tensor<'float32'>;
  if (task === 'regress') mean = g.mul(squaredError(g, scores(), floats(batch['target']), options), 0.5);
  else if (outputs === 2) mean = binaryCrossEntropy(g, scores(), floats(batch['target']), options);
  else mean = softmaxCrossEntropy(g, logits, integers(batch['target']), options);
  // A loss divides by the weights of its batch; in the mean over all rows they weigh what they are.
  return weights === undefined ? mean : g.mul(mean, g.mean(weights));
}

/** ½ Σ λⱼ wⱼ², the intercepts left out. */
function penaltyOf(
  g: Graph,
  layers: readonly Layer<Tensor<'float32'>>[],
  { l2 }: NetworkDesign,
  ofFeatures: Tensor<'float32'>,
): Tensor<'float32'> {
  const [first, ...others] = layers.map(({ w }) => g.mul(w, w));
  const sums = others.map((squares) => g.mul(g.sum(squares), l2));
  const ofFirst = g.sum(g.mul(first, g.unsqueeze(ofFeatures, [1])));
  return g.mul(
    [ofFirst, ...sums].reduce((a, b) => g.add(a, b)),
    0.5,
  );
}

/** The network in the units of features and target. */
function networkOf(
  { algorithm }: NetworkDesign,
  { tables }: Inputs,
  target: TrainingTarget,
  parameters: Readonly<Record<string, Float32Array>>,
): Network {
  const trained = layersOf(Object.keys(parameters).length / 2, parameters);
  const last = trained.length - 1;
  const layers = trained.map(({ w, b }, k) => {
    const units = b.length;
    const out = k === last ? target.scale : 1;
    return {
      // w = s w′ t
      w: w.map((value, at) => value * (k === 0 ? tables.scale[Math.floor(at / units)] : 1) * out),
      b: b.map((value) => value * out + (k === last ? target.mean : 0)),
    };
  });
  if (layers.some(({ w, b }) => !w.every(Number.isFinite) || !b.every(Number.isFinite))) {
    throw new TradewindError('TRAINING_DIVERGED', {
      subject: `The weights of ${algorithm}`,
      rule: 'be finite in the units of features and target',
      value: `a target of the deviation ${target.scale.toPrecision(3)}`,
      remedy: 'Scale the features and the target.',
    });
  }
  return { algorithm, task: target.task, outputs: target.outputs, mean: tables.mean, layers };
}

/** So that a checkpoint of other data is refused. */
function digestOf({ rows, tables = {} }: TrainingData): string {
  const hash = createHash('sha256');
  for (const [name, values] of [...Object.entries(rows), ...Object.entries(tables)]) {
    hash.update(`${name} ${values.length} `);
    hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  return hash.digest('hex');
}
