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
import { dataFeeds, type ColumnData, type TrainingData } from './feeds.ts';
import { tensorNames, type TrainingProgram } from './program.ts';
import { keptOfBest, readCheckpoint, writeCheckpoint, type Position } from './checkpoint.ts';

export type { ColumnData, TrainingData } from './feeds.ts';

export interface TrainingReport {
  /** Epochs done. */
  readonly epoch: number;
  /** Mean loss of the rows of each epoch, each batch judged by the parameters that it was to improve; this one's last. */
  readonly losses: readonly number[];
  /** Kept from call to call, in checkpoints too: what an early stopping has to remember, such as the best value so far. */
  readonly memory: Record<string, number>;
  /**
   * After the epoch, or, of a training that may end early, after the best one so far; views that are good until the call
   * ends.
   */
  readonly parameters: Arrays;
  readonly statistics: Arrays;
}

export type Arrays = Readonly<Record<string, Float32Array>>;

/**
 * Ends a training whose loss on rows set apart gets no better; what comes out is what it was after the best epoch
 * (L. Prechelt, "Early Stopping - But When?", 1998).
 */
export interface EarlyStopping {
  /** Epochs in a row without a lower loss, at least 1. */
  readonly patience: number;
  /** A function of nothing else, for the same bytes after a resume. What is no number is no improvement. */
  readonly loss: (parameters: Arrays, statistics: Arrays) => Promise<number>;
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
  /**
   * Called after an epoch; `false` ends the training, as an early stopping wants it. For the same bytes after a resume
   * it must depend on nothing but the report. A training that is resumed from within or before an epoch calls it for
   * that epoch again, with the memory of then.
   */
  afterEpoch?(report: TrainingReport): boolean | void | Promise<boolean | void>;
  readonly earlyStopping?: EarlyStopping;
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

type Shaped = Readonly<Record<string, { data: Float32Array; shape: readonly number[] }>>;

export interface Trained {
  readonly parameters: Shaped;
  readonly statistics: Shaped;
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
    earlyStopping,
  } = options;
  if (!Number.isInteger(epochs) || epochs < 0) {
    throw new RangeError(`The number of epochs must be an integer of at least 0. Got ${epochs}.`);
  }
  if (!Number.isSafeInteger(seed)) throw new RangeError(`The seed of a training must be a safe integer. Got ${seed}.`);
  const { batchSize } = program.definition;
  const feeds = dataFeeds(program, data);
  const identity = { program: program.digest, data: data.digest ?? 'unknown', seed, count: data.count, shuffle };
  const position: Position =
    options.resume === undefined
      ? {
          epoch: 0,
          batch: 0,
          step: 0,
          lossSum: 0,
          losses: [],
          memory: {},
          stopped: false,
          states: initialStates(program, seed),
        }
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
    const pace = new Pace(runMilliseconds, batchSize);
    let saved = performance.now();
    while (position.epoch < epochs && !position.stopped) {
      fillOrder(order, shuffle ? new Random(seed, position.epoch) : undefined);
      while (position.batch < batches) {
        const run: Run = { session, program, feeds, order, seed };
        const count = pace.batches(batches - position.batch);
        const before = position.states;
        const started = performance.now();
        const { losses, states } = await runBatches(run, position, count);
        const rows = Math.min(data.count, (position.batch + count) * batchSize) - position.batch * batchSize;
        pace.ran(count, rows, performance.now() - started);
        if (losses.some((loss) => !Number.isFinite(loss)) || notFinite(states) !== undefined) {
          throw await divergence(
            { ...position, states: before },
            { count, batchSize, data, order, definition: program.definition },
            (from, many) => runBatches(run, from, many),
          );
        }
        for (const [i, loss] of losses.entries()) {
          position.lossSum += loss * Math.min(batchSize, data.count - (position.batch + i) * batchSize);
        }
        Object.assign(position, { states, batch: position.batch + count, step: position.step + count });
        const fraction = (position.epoch + position.batch / batches) / epochs;
        options.progress?.(fraction, note(position, epochs, data.count, batchSize, memory()));
        if (position.batch < batches) saved = await save(saved);
      }
      const loss = position.lossSum / data.count;
      position.losses.push(loss);
      Object.assign(position, { epoch: position.epoch + 1, batch: 0, lossSum: 0 });
      if (earlyStopping) await judge(earlyStopping);
      const { epoch, losses, memory: remembered } = position;
      const now = viewsOf(program, position.best?.states ?? position.states);
      if ((await options.afterEpoch?.({ epoch, losses, memory: remembered, ...now })) === false) {
        position.stopped = true;
      }
      if (position.epoch < epochs) saved = await save(saved);
    }
  } finally {
    await session.close();
  }
  const end = position.best?.states ?? position.states;
  const { parameters, statistics } = program.definition;
  return {
    parameters: shaped(parameters, end, tensorNames.parameter),
    statistics: shaped(statistics ?? {}, end, tensorNames.statistic),
    losses: position.losses,
    memory: memory(),
  };

  async function judge({ patience, loss }: EarlyStopping): Promise<void> {
    const { epoch, states, best } = position;
    const { parameters, statistics } = viewsOf(program, states);
    const found = await loss(parameters, statistics);
    if (best === undefined || found < best.loss) {
      const kept = Object.fromEntries(Object.entries(states).filter(([name]) => keptOfBest(name)));
      position.best = { epoch, loss: Number.isNaN(found) ? Infinity : found, states: kept };
    } else if (epoch - best.epoch >= patience) {
      position.stopped = true;
    }
  }

  async function save(last: number): Promise<number> {
    if (options.checkpoint === undefined || performance.now() - last < checkpointMilliseconds) return last;
    await options.checkpoint(writeCheckpoint(position, identity, program), position.step);
    return performance.now();
  }
}

/** How many batches fit in a run of the wanted time, by what the rows of those before took. */
class Pace {
  readonly #wanted: number;
  readonly #batchSize: number;
  #perRow: number | undefined;
  #most = 1;
  #runs = 0;

  constructor(milliseconds: number, batchSize: number) {
    this.#wanted = milliseconds;
    this.#batchSize = batchSize;
  }

  batches(left: number): number {
    const fitting = this.#perRow === undefined ? 1 : Math.floor(this.#wanted / (this.#perRow * this.#batchSize));
    // A guess may be wrong, so that a run is never much longer than those that were seen.
    return Math.max(1, Math.min(left, fitting, 2 * this.#most));
  }

  /** @param rows - of all these batches: the last one of an epoch may be small, and would make the others look quick. */
  ran(batches: number, rows: number, milliseconds: number): void {
    // The first run of a session also sets it up.
    if (this.#runs++ === 0) return;
    this.#most = milliseconds > this.#wanted ? batches : Math.max(this.#most, batches);
    this.#perRow = Math.max(milliseconds / rows, (milliseconds / rows + (this.#perRow ?? 0)) / 2);
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
  { epoch, batch, step, states }: Pick<Position, 'epoch' | 'batch' | 'step' | 'states'>,
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
  const results = await session.run(all, wanted).catch((cause: Error) => {
    const batches = count === 1 ? `batch ${batch + 1}` : `batches ${batch + 1} to ${batch + count}`;
    throw new Error(`Training failed in epoch ${epoch + 1}, ${batches}: ${cause.message}`, { cause });
  });
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

function initialStates({ definition, states }: TrainingProgram, seed: number): States {
  const { parameters, statistics = {} } = definition;
  const known = new Map<string, Float32Array>();
  const begins = [
    ...Object.entries(parameters).map(([name, start]) => [name, tensorNames.parameter(name), start] as const),
    ...Object.entries(statistics).map(([name, start]) => [name, tensorNames.statistic(name), start] as const),
  ];
  for (const [i, [name, tensor, { shape, initial }]] of begins.entries()) {
    const values = initial(shape, new Random(seed, initialStream(i)));
    if (values.length !== elements(shape) || values.some((value) => !Number.isFinite(value))) {
      const bad = values.find((value) => !Number.isFinite(value)) ?? `${values.length} numbers`;
      throw new RangeError(`The parameter "${name}" must begin with ${elements(shape)} finite numbers. Got ${bad}.`);
    }
    known.set(tensor, values);
  }
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

function shaped(
  definitions: Readonly<Record<string, { readonly shape: readonly number[] }>>,
  states: States,
  tensor: (name: string) => string,
): Shaped {
  return Object.fromEntries(
    Object.entries(definitions).map(([name, { shape }]) => [name, { data: states[tensor(name)], shape }]),
  );
}

function viewsOf({ definition }: TrainingProgram, states: States): { parameters: Arrays; statistics: Arrays } {
  const views = (names: object, tensor: (name: string) => string): Arrays =>
    Object.fromEntries(Object.keys(names).map((name) => [name, states[tensor(name)]]));
  return {
    parameters: views(definition.parameters, tensorNames.parameter),
    statistics: views(definition.statistics ?? {}, tensorNames.statistic),
  };
}

function note(position: Position, epochs: number, count: number, batchSize: number, memory: TrainingMemory): string {
  const seen = Math.min(count, position.batch * batchSize);
  const loss = (position.lossSum / seen).toPrecision(4);
  const mebibytes = (bytes: number) => `${Math.ceil(bytes / 2 ** 20)} MiB`;
  const held = `${mebibytes(memory.data)} data, ${mebibytes(memory.states)} states, peak ${mebibytes(memory.peak)}`;
  return `epoch ${position.epoch + 1} of ${epochs}, loss ${loss} (${held})`;
}
