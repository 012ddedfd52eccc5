/**
 * Runs a training program: epochs of runs of about half a second each, shuffled by index, with checkpoints from which
 * the same bytes come out as without an interruption.
 *
 * A run blocks its thread (see `onnx/session.ts`), so this is for compute processes.
 */
import type { Execution } from '../../contracts/execution.ts';
import { Random } from '../../contracts/random.ts';
import type { ArrayFile } from '../arrays/safetensors.ts';
import { openSession, type Session, type TensorValue } from '../onnx/session.ts';
import { divergence, notFinite } from './divergence.ts';
import { elements } from './initializers.ts';
import { tensorNames, type ColumnDefinition, type TrainingProgram } from './program.ts';
import { readCheckpoint, writeCheckpoint, type Position } from './checkpoint.ts';

export type ColumnData = Float32Array | Int32Array | BigInt64Array | Uint8Array;

export interface TrainingData {
  /** Number of rows, at least 1. */
  readonly count: number;
  /** Row-major `[count, …shape]`; read, never copied. */
  readonly rows: Readonly<Record<string, ColumnData>>;
  readonly tables?: Readonly<Record<string, ColumnData>>;
}

export interface TrainingReport {
  /** Epochs done. */
  readonly epoch: number;
  /** Mean loss of the rows of this epoch, each batch judged by the parameters that it was to improve. */
  readonly loss: number;
  /** After the epoch; views that are good until the call ends. */
  readonly parameters: Readonly<Record<string, Float32Array>>;
}

export interface TrainingOptions {
  /** An integer of at least 0. */
  readonly epochs: number;
  readonly seed: number;
  /** Threads of the session; the task's own, which nothing else uses meanwhile. */
  readonly threads: number;
  /** What to compute on; the CPU by default. */
  readonly execution?: Execution;
  /** Takes the rows of each epoch in another order; true by default. */
  readonly shuffle?: boolean;
  progress?(fraction: number, note?: string): void;
  /** Called after an epoch; `false` ends the training, as an early stopping wants it. */
  afterEpoch?(report: TrainingReport): boolean | void | Promise<boolean | void>;
  /** A state that `checkpoint` was given by an interrupted training of the same program, data and seed. */
  readonly resume?: ArrayFile;
  checkpoint?(state: ArrayFile, step: number): Promise<void>;
  /** Least time between two checkpoints; the result does not depend on it. 5 s by default. */
  readonly checkpointMilliseconds?: number;
  /** What one run aims at, as its thread answers nothing meanwhile; the result does not depend on it. 500 by default. */
  readonly runMilliseconds?: number;
}

/** Bytes. */
export interface TrainingMemory {
  readonly data: number;
  /** Parameters with all that the optimizer remembers of them; a run has them twice, before and after. */
  readonly states: number;
  /** The most that the process had at any time, everything included. */
  readonly peak: number;
}

export interface Trained {
  readonly parameters: Readonly<Record<string, { data: Float32Array; shape: readonly number[] }>>;
  /** Mean loss of each epoch. */
  readonly losses: readonly number[];
  readonly memory: TrainingMemory;
}

/** Streams of the seed: an epoch's order has its number, a parameter's beginning counts down from −1. */
const initialStream = (parameter: number) => -1 - parameter;
/** Of the random numbers within steps: below any parameter's. */
const stepStream = -(2 ** 40);

/**
 * The same program, data, seed, threads and provider give the same bytes, however often the training is cut off and resumed.
 * @throws TradewindError `TRAINING_DIVERGED` with epoch, batch and parameter when a loss or a parameter is not finite,
 * `COMPUTE_REFUSED` when the provider is not at hand.
 * @throws RangeError when the data does not have the program's columns, or a checkpoint is of another training.
 */
export async function train(program: TrainingProgram, data: TrainingData, options: TrainingOptions): Promise<Trained> {
  const {
    epochs,
    seed,
    threads,
    execution,
    shuffle = true,
    runMilliseconds = 500,
    checkpointMilliseconds = 5000,
  } = options;
  if (!Number.isInteger(epochs) || epochs < 0) {
    throw new RangeError(`The number of epochs must be an integer of at least 0. Got ${epochs}.`);
  }
  const { batchSize } = program.definition;
  const feeds = dataFeeds(program, data);
  const identity = { digest: program.digest, seed, count: data.count, shuffle };
  const position: Position =
    options.resume === undefined
      ? { epoch: 0, batch: 0, step: 0, lossSum: 0, losses: [], stopped: false, states: initialStates(program, seed) }
      : readCheckpoint(options.resume, identity, program);
  const batches = Math.ceil(data.count / batchSize);
  const memory = (): TrainingMemory => ({
    data: Object.values(feeds).reduce((sum, { data: array }) => sum + (array as ColumnData).byteLength, 0),
    states: Object.values(position.states).reduce((sum, state) => sum + state.byteLength, 0),
    peak: process.resourceUsage().maxRSS * 1024,
  });

  const session = await openSession(program.model, { ...execution, threads, spinning: true });
  try {
    const order = new Int32Array(data.count);
    const pace = new Pace(runMilliseconds);
    let saved = performance.now();
    while (position.epoch < epochs && !position.stopped) {
      fillOrder(order, shuffle ? new Random(seed, position.epoch) : undefined);
      while (position.batch < batches) {
        const run: Run = { session, program, feeds, order, seed };
        const count = pace.batches(batches - position.batch);
        const before = position.states;
        const started = performance.now();
        const { losses, states } = await runBatches(run, position, count);
        pace.ran(count, performance.now() - started);
        if (losses.some((loss) => !Number.isFinite(loss)) || notFinite(states) !== undefined) {
          throw await divergence(
            { ...position, states: before },
            { count, batchSize, data, order, definition: program.definition },
            (from, many) => runBatches(run, from, many),
          );
        }
        for (const [i, loss] of losses.entries()) {
          const rows = Math.min(batchSize, data.count - (position.batch + i) * batchSize);
          position.lossSum += loss * rows;
        }
        Object.assign(position, { states, batch: position.batch + count, step: position.step + count });
        const fraction = (position.epoch + position.batch / batches) / epochs;
        options.progress?.(fraction, note(position, epochs, data.count, batchSize, memory()));
        if (position.batch < batches) saved = await save(saved);
      }
      const loss = position.lossSum / data.count;
      position.losses.push(loss);
      Object.assign(position, { epoch: position.epoch + 1, batch: 0, lossSum: 0 });
      const parameters = parametersOf(program, position.states);
      const views = Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, value.data]));
      if ((await options.afterEpoch?.({ epoch: position.epoch, loss, parameters: views })) === false) {
        position.stopped = true;
      }
      if (position.epoch < epochs) saved = await save(saved);
    }
  } finally {
    await session.close();
  }
  return { parameters: parametersOf(program, position.states), losses: position.losses, memory: memory() };

  async function save(last: number): Promise<number> {
    if (options.checkpoint === undefined || performance.now() - last < checkpointMilliseconds) return last;
    await options.checkpoint(writeCheckpoint(position, identity, program), position.step);
    return performance.now();
  }
}

/** How many batches fit in a run of the wanted time, by how long those before took. */
class Pace {
  readonly #wanted: number;
  #perBatch: number | undefined;

  constructor(milliseconds: number) {
    this.#wanted = milliseconds;
  }

  batches(left: number): number {
    const fitting = this.#perBatch === undefined ? 1 : Math.floor(this.#wanted / this.#perBatch);
    return Math.max(1, Math.min(left, fitting));
  }

  ran(batches: number, milliseconds: number): void {
    // The first run of a session also sets it up; the slowest of the later ones is the safe guess.
    this.#perBatch = milliseconds / batches;
  }
}

export type States = Readonly<Record<string, Float32Array>>;

interface Run {
  session: Session;
  program: TrainingProgram;
  feeds: Readonly<Record<string, TensorValue>>;
  order: Int32Array;
  seed: number;
}

async function runBatches(
  { session, program, feeds, order, seed }: Run,
  { batch, step, states }: Pick<Position, 'batch' | 'step' | 'states'>,
  count: number,
): Promise<{ losses: Float32Array; states: States }> {
  const all: Record<string, TensorValue> = {
    ...feeds,
    [tensorNames.order]: { datatype: 'int32', shape: [order.length], data: order },
    [tensorNames.first]: integer(batch),
    [tensorNames.batches]: integer(count),
    [tensorNames.seed]: integer(new Random(seed, stepStream).integer(2 ** 31 - 1)),
    [tensorNames.step]: integer(step),
  };
  for (const { name, shape } of program.states) all[name] = { datatype: 'float32', shape, data: states[name] };
  const wanted = [...program.states.map(({ name }) => tensorNames.next(name)), tensorNames.losses];
  const results = await session.run(all, wanted);
  return {
    losses: results[tensorNames.losses].data as Float32Array,
    states: Object.fromEntries(
      program.states.map(({ name }) => [name, results[tensorNames.next(name)].data as Float32Array]),
    ),
  };
}

const integer = (value: number): TensorValue => ({
  datatype: 'int64',
  shape: [],
  data: BigInt64Array.of(BigInt(value)),
});

/** @throws RangeError where the data has not the program's columns. */
function dataFeeds({ definition }: TrainingProgram, data: TrainingData): Record<string, TensorValue> {
  const { count, rows, tables = {} } = data;
  if (!Number.isInteger(count) || count < 1 || count > 0x7fff_ffff) {
    throw new RangeError(`The number of rows must be an integer in [1, 2^31). Got ${count}.`);
  }
  const feeds: Record<string, TensorValue> = {};
  const add = (
    what: string,
    given: typeof rows,
    name: string,
    { type, shape }: ColumnDefinition,
    leading: number[],
  ) => {
    const array = given[name];
    const size = elements([...leading, ...shape]);
    if (array?.length !== size || array.constructor !== arrayTypes[type]) {
      const got = array === undefined ? 'nothing' : `${array.constructor.name} of ${array.length}`;
      throw new RangeError(
        `${what} "${name}" of the data must be ${arrayTypes[type].name} of ${size} elements. Got ${got}.`,
      );
    }
    const tensor = what === 'Column' ? tensorNames.row(name) : tensorNames.table(name);
    feeds[tensor] = { datatype: type, shape: [...leading, ...shape], data: array };
  };
  for (const [name, column] of Object.entries(definition.rows)) add('Column', rows, name, column, [count]);
  for (const [name, table] of Object.entries(definition.tables ?? {})) add('Table', tables, name, table, []);
  return feeds;
}

const arrayTypes = { float32: Float32Array, int32: Int32Array, int64: BigInt64Array, uint8: Uint8Array } as const;

function initialStates({ definition, states }: TrainingProgram, seed: number): States {
  const beginnings = Object.entries(definition.parameters).map(([name, { shape, initial }], i) => {
    return [tensorNames.parameter(name), initial(shape, new Random(seed, initialStream(i)))] as const;
  });
  const known = new Map<string, Float32Array>(beginnings);
  return Object.fromEntries(
    states.map(({ name, shape }) => [name, known.get(name) ?? new Float32Array(elements(shape))]),
  );
}

/** Fisher and Yates, from the beginning, so that an epoch's order depends on nothing but seed and epoch. */
function fillOrder(order: Int32Array, random: Random | undefined): void {
  for (let i = 0; i < order.length; i++) order[i] = i;
  if (random === undefined) return;
  for (let i = order.length - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
}

function parametersOf({ definition }: TrainingProgram, states: States): Trained['parameters'] {
  return Object.fromEntries(
    Object.entries(definition.parameters).map(([name, { shape }]) => [
      name,
      { data: states[tensorNames.parameter(name)], shape },
    ]),
  );
}

function note(position: Position, epochs: number, count: number, batchSize: number, memory: TrainingMemory): string {
  const seen = Math.min(count, position.batch * batchSize);
  const loss = (position.lossSum / seen).toPrecision(4);
  const mebibytes = (bytes: number) => `${Math.ceil(bytes / 2 ** 20)} MiB`;
  const held = `${mebibytes(memory.data)} data, ${mebibytes(memory.states)} states, peak ${mebibytes(memory.peak)}`;
  return `epoch ${position.epoch + 1} of ${epochs}, loss ${loss} (${held})`;
}
