/**
 * A training program: the loss of one mini-batch, written once, becomes an ONNX model of which one run makes many steps.
 * The batches are a `Loop` within it. The data stays where it is and is read by index; the parameters and what the
 * optimizer remembers go round in the loop and come out at the end of a run.
 */
import { createHash } from 'node:crypto';
import { formatShape, sameShape } from '../graph/dimensions.ts';
import { Graph } from '../graph/graph.ts';
import { gradients } from '../graph/gradients.ts';
import { CountedRandom } from '../graph/layers/random.ts';
import { GraphError, type Tensor } from '../graph/program.ts';
import { encodeModel } from '../onnx/model.ts';
import type { Initializer } from './initializers.ts';
import { clipped, updateAll, type Clipping, type Optimizer } from './optimizers.ts';
import { constant, type Schedule } from './schedules.ts';

export interface ParameterDefinition {
  readonly shape: readonly number[];
  readonly initial: Initializer;
  /** Whether weight decay applies to it; true by default. Biases and gains are usually left alone. */
  readonly decay?: boolean;
}

/** A number or array that is followed from step to step without a gradient, such as a running mean. */
export interface StatisticDefinition {
  readonly shape: readonly number[];
  readonly initial: Initializer;
}

export type DataElement = 'float32' | 'int32' | 'int64' | 'uint8';

export interface ColumnDefinition<T extends DataElement = DataElement> {
  readonly type: T;
  /** Shape of one row's value; `[]` for a number. */
  readonly shape: readonly number[];
  /** For indices, e.g. labels and items: they must be in [0, below), which is checked before the first batch. */
  readonly below?: number;
}
type Columns = Readonly<Record<string, ColumnDefinition>>;

/** What a loss is written with. */
export interface TrainingStep<P extends string, R extends Columns, T extends Columns> {
  readonly graph: Graph;
  readonly parameters: Readonly<Record<P, Tensor<'float32'>>>;
  /** `[batch, …shape]`; the last batch of an epoch may be smaller. */
  readonly batch: { readonly [C in keyof R]: Tensor<R[C]['type']> };
  readonly tables: { readonly [C in keyof T]: Tensor<T[C]['type']> };
  /** For dropout and negative samples: other numbers in each step, the same ones when it is made again. */
  readonly random: CountedRandom;
  /** Batches done since the beginning, 0 in the first. */
  readonly step: Tensor<'int64'>;
  /** As the step before left them. */
  readonly statistics: Readonly<Record<string, Tensor<'float32'>>>;
  /** Leaves a statistic of the same shape for the next step; one that is not left stays what it was. */
  follow(name: string, value: Tensor<'float32'>): void;
}

export interface TrainingDefinition<
  P extends string = string,
  R extends Columns = Columns,
  T extends Columns = Columns,
> {
  readonly parameters: Readonly<Record<P, ParameterDefinition>>;
  /** None by default. */
  readonly statistics?: Readonly<Record<string, StatisticDefinition>>;
  /** Columns of the training data: of each, a batch has the rows that are its turn. */
  readonly rows: R;
  /** Arrays that every batch sees as a whole, by their whole shape: features of items, an adjacency. */
  readonly tables?: T;
  /** @returns a float32 scalar: the mean over the batch. */
  loss(step: TrainingStep<P, R, T>): Tensor<'float32'>;
  readonly optimizer: Optimizer;
  readonly learningRate: number | Schedule;
  /** λ ≥ 0; 0 by default. */
  readonly weightDecay?: number;
  readonly clip?: Clipping;
  /** Rows, an integer of at least 1. */
  readonly batchSize: number;
}

/** The name that `rows` has in shapes, and the names of the model's inputs and outputs. */
export const tensorNames = {
  row: (column: string) => `rows/${column}`,
  table: (table: string) => `tables/${table}`,
  parameter: (name: string) => `parameters/${name}`,
  slot: (parameter: string, slot: string) => `slots/${parameter}/${slot}`,
  statistic: (name: string) => `statistics/${name}`,
  next: (state: string) => `next/${state}`,
  /** int32 `[rows]`: the rows in the order in which they are taken. */
  order: 'order',
  /** int64 scalars: the first batch of the run, counted in the epoch, and how many to run; the random numbers' seed. */
  first: 'first',
  batches: 'batches',
  seed: 'seed',
  step: 'step',
  /** float32 `[batches]`; shorter where a loss was not finite, which then is the last. */
  losses: 'losses',
} as const;

export interface TrainingProgram {
  readonly definition: TrainingDefinition;
  /** ONNX file. */
  readonly model: Uint8Array;
  /** SHA-256 of the model: a checkpoint fits no other one. */
  readonly digest: string;
  /** Names of parameters, slots and statistics as the model's inputs have them, with their shapes, in a fixed order. */
  readonly states: readonly { name: string; shape: readonly number[] }[];
}

const largestFloat = 3.4028234663852886e38;

/**
 * @throws GraphError when a shape does not fit, when the loss is no float32 scalar, or when something in it cannot be
 * differentiated.
 */
export function trainingProgram<P extends string, R extends Columns, T extends Columns>(
  definition: TrainingDefinition<P, R, T>,
): TrainingProgram {
  const { parameters, rows, tables = {} as T, optimizer, batchSize, clip, weightDecay = 0 } = definition;
  const { learningRate, statistics = {} } = definition;
  if (!Number.isInteger(batchSize) || batchSize < 1) {
    throw new RangeError(`The batch size must be an integer of at least 1. Got ${batchSize}.`);
  }
  if (!(weightDecay >= 0 && weightDecay < Infinity))
    throw new RangeError(`The weight decay must be at least 0 and finite. Got ${weightDecay}.`);
  if (Object.keys(rows).length === 0) throw new GraphError('A training program needs a column of data.');
  if (Object.keys(parameters).length === 0) throw new GraphError('A training program needs a parameter.');
  const schedule = typeof learningRate === 'number' ? constant(learningRate) : learningRate;
  const names = Object.keys(parameters) as P[];
  const followed = Object.entries(statistics).map(([name, { shape }]) => ({
    name: tensorNames.statistic(name),
    shape,
  }));
  const states = names.flatMap((name) => {
    const { shape } = parameters[name];
    const slots = optimizer.slots.map((slot) => ({ name: tensorNames.slot(name, slot), shape }));
    return [{ name: tensorNames.parameter(name), shape }, ...slots];
  });
  states.push(...followed);

  const graph = new Graph();
  const columns = entries(rows).map(([name, { type, shape }]) => {
    return [name, graph.input(tensorNames.row(name), type, ['rows', ...shape])] as const;
  });
  const shared = entries(tables).map(([name, { type, shape }]) => {
    return [name, graph.input(tensorNames.table(name), type, shape)] as const;
  });
  const order = graph.input(tensorNames.order, 'int32', ['rows']);
  const first = graph.input(tensorNames.first, 'int64', []);
  const trips = graph.input(tensorNames.batches, 'int64', []);
  const seed = graph.input(tensorNames.seed, 'int64', []);
  const before: Record<string, Tensor> = { [tensorNames.step]: graph.input(tensorNames.step, 'int64', []) };
  for (const { name, shape } of states) before[name] = graph.input(name, 'float32', shape);
  const rowCount = graph.reshape(graph.sizeTensor('rows'), []);

  // The steps of this run, and what the optimizer wants to know of each: made once, not in every step.
  const step0 = before[tensorNames.step] as Tensor<'int64'>;
  const steps = graph.cast(graph.range('int64', step0, graph.add(step0, trips), 1, 'trips'), 'float64');
  const scheduled = graph.expand(schedule(graph, steps), ['trips']);
  const forSteps = optimizer.numbers(graph, { learningRate: scheduled, time: graph.add(steps, 1), weightDecay });
  const numbers = Object.entries(forSteps).map(([name, of]) => [name, graph.cast(of, 'float32')] as const);

  const { states: after, collected } = graph.loop({ trips, states: before, size: 'steps' }, (body, now) => {
    // Rows [k B, min((k + 1) B, rows)) of the order: the last batch is as large as what is left.
    const begin = body.mul(body.add(body.capture(first), now.iteration), batchSize);
    const end = body.min(body.add(begin, batchSize), body.capture(rowCount));
    const index = body.gather(body.capture(order), body.range('int64', begin, end, 1, 'batch'));
    const step = now.states[tensorNames.step] as Tensor<'int64'>;
    const state = (name: string) => now.states[name] as Tensor<'float32'>;
    const current = names.map((name) => state(tensorNames.parameter(name)));
    const before = Object.fromEntries(
      Object.keys(statistics).map((name) => [name, state(tensorNames.statistic(name))]),
    );
    const left = { ...before };
    const loss = definition.loss({
      graph: body,
      parameters: Object.fromEntries(names.map((name, i) => [name, current[i]])) as Record<P, Tensor<'float32'>>,
      batch: Object.fromEntries(columns.map(([name, data]) => [name, body.gather(body.capture(data), index)])) as never,
      tables: Object.fromEntries(shared.map(([name, table]) => [name, body.capture(table)])) as never,
      random: new CountedRandom(body, body.capture(seed), step),
      step,
      statistics: before,
      follow(name, value) {
        if (!Object.hasOwn(left, name) || !sameShape(value.shape, left[name].shape)) {
          const shape = formatShape(value.shape);
          throw new GraphError(
            `A followed statistic must be one of the program, of its shape. Got "${name}" ${shape}.`,
          );
        }
        left[name] = value;
      },
    });
    // In TypeScript it cannot be anything else; in JavaScript it can.
    const type: string | undefined = (loss as Tensor | undefined)?.type;
    if (type !== 'float32') {
      throw new GraphError(`A training program's loss must be a float32 scalar. Got ${type ?? 'nothing'}.`);
    }
    const raw = gradients(body, loss, current);
    const used = clip === undefined ? raw : clipped(body, raw, clip);
    const next: Record<string, Tensor> = { [tensorNames.step]: body.add(step, 1) };
    const ofStep = Object.fromEntries(
      numbers.map(([name, vector]) => [name, body.gather(body.capture(vector), now.iteration)]),
    );
    const updates = updateAll(
      body,
      optimizer,
      names.map((name, i) => ({
        parameter: current[i],
        gradient: used[i],
        slots: Object.fromEntries(optimizer.slots.map((slot) => [slot, state(tensorNames.slot(name, slot))])),
        numbers: ofStep,
        weightDecay: parameters[name].decay === false ? 0 : weightDecay,
      })),
    );
    for (const [i, name] of names.entries()) {
      next[tensorNames.parameter(name)] = updates[i].parameter;
      for (const slot of optimizer.slots) next[tensorNames.slot(name, slot)] = updates[i].slots[slot];
    }
    for (const [name, value] of Object.entries(left)) next[tensorNames.statistic(name)] = value;
    // False for NaN as well, and then nothing more is learned from it.
    return { states: next, collected: { loss }, proceed: body.lessOrEqual(body.abs(loss), largestFloat) };
  });
  for (const [name, tensor] of Object.entries(after)) graph.output(tensorNames.next(name), tensor);
  graph.output(tensorNames.losses, collected.loss);

  const model = encodeModel(graph.toModel({ name: 'training' }), 'The training program');
  return {
    definition: definition as unknown as TrainingDefinition,
    model,
    digest: createHash('sha256').update(model).digest('hex'),
    states,
  };
}

function entries<C extends Columns>(columns: C): [string, ColumnDefinition][] {
  return Object.entries(columns);
}
