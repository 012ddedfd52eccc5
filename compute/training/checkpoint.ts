/** Where a training stands, as arrays in a file. */
import { TradewindError } from '../../contracts/errors.ts';
import type { ArrayFile } from '../arrays/safetensors.ts';
import { elements } from './initializers.ts';
import type { TrainingProgram } from './program.ts';
import type { States } from './train.ts';

export interface Position {
  /** Epochs done, and batches done in the one that runs. */
  epoch: number;
  batch: number;
  /** Batches done in all. */
  step: number;
  /** Σ loss · rows over the batches of this epoch; float64. */
  lossSum: number;
  /** Mean loss of each epoch that is done. */
  losses: number[];
  /** What `afterEpoch` keeps. */
  memory: Record<string, number>;
  /** Somebody said that it is enough. */
  stopped: boolean;
  /** Parameters and slots by the names of the model's inputs. */
  states: States;
  /** Where a training may end early: the epoch of the least loss on rows set apart, and parameters and statistics then. */
  best?: { epoch: number; loss: number; states: States };
}

/** What makes a training another one, so that its checkpoint does not fit. */
export interface Identity {
  /** Digests. */
  program: string;
  data: string;
  seed: number;
  count: number;
  shuffle: boolean;
}

const format = 'tradewind-training/1';

export function writeCheckpoint(position: Position, identity: Identity, program: TrainingProgram): ArrayFile {
  const { epoch, batch, step, lossSum, losses, memory, stopped, states, best } = position;
  const arrays: ArrayFile['arrays'] = { losses: { data: Float64Array.of(...losses, lossSum) } };
  for (const { name, shape } of program.states) {
    arrays[name] = { data: states[name], shape: [...shape] };
    if (best && keptOfBest(name)) arrays[`best/${name}`] = { data: best.states[name], shape: [...shape] };
  }
  return {
    arrays,
    metadata: {
      format,
      ...texts(identity),
      ...texts({ epoch, batch, step, stopped }),
      ...(best && texts({ bestEpoch: best.epoch, bestLoss: best.loss })),
      // As text, since JSON has no infinity.
      memory: JSON.stringify(Object.entries(memory).map(([name, value]) => [name, String(value)])),
    },
  };
}

/** @throws TradewindError `ARTIFACT_CORRUPT` when it is a checkpoint of another program, seed or data. */
export function readCheckpoint(
  { arrays, metadata }: ArrayFile,
  identity: Identity,
  program: TrainingProgram,
): Position {
  for (const [key, wanted] of Object.entries({ format, ...texts(identity) })) {
    if (metadata[key] !== wanted) {
      throw unfit(`its ${key} must be ${wanted}`, metadata[key] ?? 'nothing');
    }
  }
  const losses = Array.from((arrays['losses']?.data as Float64Array | undefined) ?? []);
  if (losses.length === 0) throw unfit('its losses must be there');
  const statesAt = (prefix: string, wanted: TrainingProgram['states']): States =>
    Object.fromEntries(
      wanted.map(({ name, shape }) => {
        const data = arrays[`${prefix}${name}`]?.data;
        if (!(data instanceof Float32Array) || data.length !== elements(shape)) {
          throw unfit(`it must hold the state "${prefix}${name}" of ${elements(shape)} float32`);
        }
        return [name, data];
      }),
    );
  return {
    epoch: Number(metadata['epoch']),
    batch: Number(metadata['batch']),
    step: Number(metadata['step']),
    lossSum: losses.pop()!,
    losses,
    memory: Object.fromEntries(
      (JSON.parse(metadata['memory']) as [string, string][]).map(([name, value]) => [name, Number(value)]),
    ),
    stopped: metadata['stopped'] === 'true',
    states: statesAt('', program.states),
    ...(metadata['bestEpoch'] !== undefined && {
      best: {
        epoch: Number(metadata['bestEpoch']),
        loss: Number(metadata['bestLoss']),
        states: statesAt(
          'best/',
          program.states.filter(({ name }) => keptOfBest(name)),
        ),
      },
    }),
  };
}

/** What an optimizer remembers is of no use at the end. */
export const keptOfBest = (state: string): boolean => !state.startsWith('slots/');

function unfit(rule: string, value?: string): TradewindError {
  return new TradewindError('ARTIFACT_CORRUPT', {
    subject: 'A checkpoint',
    rule: `be of the training that goes on from it: ${rule}`,
    ...(value !== undefined && { value }),
    remedy: 'Train from the beginning.',
  });
}

function texts(values: object): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, String(value)]));
}
