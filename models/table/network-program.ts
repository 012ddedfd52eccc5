/** The training program of a network: its layers on the rows of a batch, their loss, and the penalty on weights. */
import { convolutionBlock, flattenedProduct } from '../../compute/graph/layers/convolution.ts';
import { binaryCrossEntropy, softmaxCrossEntropy, squaredError } from '../../compute/graph/layers/losses.ts';
import { batchNorm } from '../../compute/graph/layers/normalization.ts';
import { dropout } from '../../compute/graph/layers/random.ts';
import type { Tensor } from '../../compute/graph/program.ts';
import { he, ones, zeros } from '../../compute/training/initializers.ts';
import { adam } from '../../compute/training/optimizers.ts';
import {
  trainingProgram,
  type ColumnDefinition,
  type ParameterDefinition,
  type StatisticDefinition,
  type TrainingProgram,
  type TrainingStep,
} from '../../compute/training/program.ts';
import { cosine } from '../../compute/training/schedules.ts';
import { imagesOf, moved, poolOf, sizesAfter, type ImageShape } from './images.ts';
import type { InputDesign, Inputs, TrainingTarget } from './network-data.ts';
import { forward, logitsOf, onward, type FeatureRows, type Layer } from './network.ts';
import { entriesOf } from './sparse-product.ts';

export interface ProgramDesign extends InputDesign {
  /** Units of each hidden layer. */
  readonly hidden: readonly number[];
  /** Between the products of hidden layers and their rectifiers; none when left out. */
  readonly norm?: 'none' | 'batch' | 'layer';
  /** Of what goes into a layer after the first; in [0, 1). */
  readonly dropout: number;
  readonly learningRate: number;
  readonly epochs: number;
  readonly batchSize: number;
  /** Of features that are pixels. */
  readonly images?: {
    readonly shape: ImageShape;
    /** Channels that each block of convolutions makes. */
    readonly blocks: readonly number[];
    /** Pixels by which images are moved at most in a step. */
    readonly maxShift: number;
  };
}

/** What is weighed anew at each step counts a tenth in the running means of a batch norm, as in PyTorch. */
const momentum = 0.9;
/** Σ of the weights that rows have in the running means, with which they are divided. */
const seen = 'seen';

/** A layer that has weights of its own, and what its parameters and statistics are called. */
export interface Stage {
  readonly kind: 'block' | 'layer';
  readonly shape: readonly number[];
  readonly units: number;
  /** Of the last one: what it gives are logits. */
  readonly last: boolean;
  readonly names: Readonly<Record<'w' | 'b' | 'gain' | 'shift' | 'mean' | 'variance', string>>;
}

export function stagesOf(design: ProgramDesign, features: number, outputs: number): Stage[] {
  const { images, hidden } = design;
  const stages: Stage[] = [];
  const add = (kind: Stage['kind'], number: number, shape: readonly number[], units: number, last = false) => {
    const name = (what: string) => (kind === 'block' ? `block/${what}${number}` : `${what}${number}`);
    const names = {
      w: name('w'),
      b: name('b'),
      gain: name('gain'),
      shift: name('shift'),
      mean: name('mean'),
      variance: name('variance'),
    };
    stages.push({ kind, shape, units, last, names });
  };
  let inputs = features;
  if (images) {
    let inner = images.shape.channels;
    for (const [k, outer] of images.blocks.entries()) {
      add('block', k + 1, [outer, inner, 3, 3], outer);
      inner = outer;
    }
    const places = sizesAfter(images.shape, images.blocks.length).at(-1)!;
    inputs = inner * places[0] * places[1];
  }
  const widths = [inputs, ...hidden, logitsOf(outputs)];
  for (const [k, units] of widths.slice(1).entries()) {
    add('layer', k + 1, [widths[k], units], units, k === widths.length - 2);
  }
  return stages;
}

type Columns = Record<string, ColumnDefinition>;
type Step = TrainingStep<string, Columns, Columns>;
type Floats = Tensor<'float32'>;

/** @param count - training rows. @param weighted - whether they have weights. */
export function programOf(
  design: ProgramDesign,
  { form, features, tables }: Inputs,
  target: TrainingTarget,
  count: number,
  weighted: boolean,
): TrainingProgram {
  const { batchSize, epochs, learningRate, norm = 'none' } = design;
  const stages = stagesOf(design, features, target.outputs);
  const parameters: Record<string, ParameterDefinition> = {};
  const statistics: Record<string, StatisticDefinition> = {};
  for (const { shape, units, names, last } of stages) {
    const ofUnits = (initial: ParameterDefinition['initial']) => ({ shape: [units], initial });
    // A rectifier wants a random beginning; without one, the loss has no other minimum than the one that 0 leads to.
    parameters[names.w] = { shape, initial: stages.length > 1 ? he : zeros };
    if (last || norm !== 'batch') parameters[names.b] = ofUnits(zeros);
    if (last || norm === 'none') continue;
    parameters[names.gain] = ofUnits(ones);
    parameters[names.shift] = ofUnits(zeros);
    if (norm === 'batch') {
      statistics[names.mean] = ofUnits(zeros);
      statistics[names.variance] = ofUnits(zeros);
      statistics[seen] = { shape: [1], initial: zeros };
    }
  }
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
    parameters,
    statistics,
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
      const logits = new Layers(step, design, stages, Math.min(batchSize, count)).logits(form);
      return step.graph.add(
        lossOf(step, logits, target),
        penaltyOf(step, stages, design, floats(step.tables['penalty'])),
      );
    },
  });
}

const floats = (tensor: Tensor) => tensor as Floats;
const integers = (tensor: Tensor) => tensor as Tensor<'int32'>;
const weightsOf = ({ batch }: Step) => (batch['weight'] === undefined ? undefined : floats(batch['weight']));

/** The layers within a step. */
class Layers {
  readonly #step: Step;
  readonly #design: ProgramDesign;
  readonly #stages: readonly Stage[];
  /** What a batch of whole size counts in the running means; of the first one they are all there is. */
  readonly #share: Floats;

  constructor(step: Step, design: ProgramDesign, stages: readonly Stage[], whole: number) {
    this.#step = step;
    this.#design = design;
    this.#stages = stages;
    const { graph: g, batch } = step;
    const weights = weightsOf(step);
    const rows = weights ? g.sum(weights) : g.cast(g.reshape(g.sizeTensor(batch['target'].shape[0]), []), 'float32');
    this.#share = g.mul(rows, (1 - momentum) / whole);
    if (Object.hasOwn(step.statistics, seen)) {
      step.follow(seen, g.add(g.mul(step.statistics[seen], momentum), g.reshape(this.#share, [1])));
    }
  }

  logits(form: Inputs['form']): Floats {
    const { graph: g, tables, parameters, random } = this.#step;
    const { images } = this.#design;
    const shift = { mean: floats(tables['mean']), scale: floats(tables['scale']) };
    const layers = this.#stages.filter(({ kind }) => kind === 'layer');
    const dense = layers.map(({ names }): Layer<Floats> => ({ w: parameters[names.w], b: parameters[names.b] }));
    const hidden = (units: Floats, k: number) => this.#finished(units, layers[k]);
    if (!images) return forward(g, this.#rows(form), shift, dense, hidden);
    const features = moved(g, floats(this.#step.batch['x']), images.shape, images.maxShift, random);
    let x = imagesOf(g, features, shift, images.shape);
    const blocks = this.#stages.filter(({ kind }) => kind === 'block');
    for (const [k, stage] of blocks.entries()) {
      // What goes into the first layer may be left out, what goes from block to block may not.
      const activation = (rows: Floats) => this.#finished(rows, stage, k === blocks.length - 1);
      const pool = poolOf(x.shape.slice(2) as number[]);
      x = convolutionBlock(g, x, parameters[stage.names.w], parameters[stage.names.b], { pads: 1, pool, activation });
    }
    return onward(g, flattenedProduct(g, x, dense[0].w), dense, hidden);
  }

  #rows(form: Inputs['form']): FeatureRows {
    const { graph, batch, tables } = this.#step;
    if (form === 'dense') return { dense: floats(batch['x']) };
    const [begin, length, columns] = [batch['begin'], batch['length'], tables['columns']].map(integers);
    return { sparse: entriesOf(graph, { begin, length, columns, values: floats(tables['entries']) }) };
  }

  /** What becomes of a product: normalised, rectified, some of it left out. @param units - `[batch, …, units]`. */
  #finished(units: Floats, { names }: Stage, drops = true): Floats {
    const { graph: g, parameters, random } = this.#step;
    const { norm = 'none', dropout: rate } = this.#design;
    let out = units;
    if (norm === 'layer') out = g.layerNorm(units, parameters[names.gain], parameters[names.shift]);
    if (norm === 'batch') {
      const { y, mean, variance } = batchNorm(
        g,
        units,
        parameters[names.gain],
        parameters[names.shift],
        weightsOf(this.#step),
      );
      this.#follow(names.mean, mean);
      this.#follow(names.variance, variance);
      out = y;
    }
    return drops ? dropout(g, g.relu(out), rate, random) : g.relu(out);
  }

  /** m ← 0.9 m + 0.1 r x, where r is the batch's share of a whole one. */
  #follow(name: string, value: Floats): void {
    const { graph: g, statistics } = this.#step;
    this.#step.follow(name, g.add(g.mul(statistics[name], momentum), g.mul(value, this.#share)));
  }
}

/** The running mean or variance that a statistic stands for. */
export function runningOf(statistics: Readonly<Record<string, Float32Array>>, name: string): Float32Array {
  const [total] = statistics[seen];
  return statistics[name].map((sum) => sum / total);
}

/** The mean of wᵢ lossᵢ; half the squared error, so that the derivative is the error. */
function lossOf(step: Step, logits: Floats, { task, outputs }: TrainingTarget): Floats {
  const { graph: g, batch } = step;
  const weights = weightsOf(step);
  const options = weights === undefined ? {} : { weights };
  const scores = () => g.squeeze(logits, [1]);
  let mean: Floats;
  if (task === 'regress') mean = g.mul(squaredError(g, scores(), floats(batch['target']), options), 0.5);
  else if (outputs === 2) mean = binaryCrossEntropy(g, scores(), floats(batch['target']), options);
  else mean = softmaxCrossEntropy(g, logits, integers(batch['target']), options);
  // A loss divides by the weights of its batch; in the mean over all rows they weigh what they are.
  return weights === undefined ? mean : g.mul(mean, g.mean(weights));
}

/** ½ Σ λⱼ wⱼ², of products alone: intercepts, gains and shifts are left out. */
function penaltyOf(
  { graph: g, parameters }: Step,
  stages: readonly Stage[],
  { l2 }: ProgramDesign,
  ofFeatures: Floats,
): Floats {
  const sums = stages.map(({ kind, names }, k) => {
    const squares = g.mul(parameters[names.w], parameters[names.w]);
    // The first layer's weights belong to features, each with a penalty of its own.
    return k === 0 && kind === 'layer'
      ? g.sum(g.mul(squares, g.unsqueeze(ofFeatures, [1])))
      : g.mul(g.sum(squares), l2);
  });
  return g.mul(
    sums.reduce((a, b) => g.add(a, b)),
    0.5,
  );
}
