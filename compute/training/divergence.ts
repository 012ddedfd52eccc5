/** What to say when a loss or a parameter is no number any more. */
import { TradewindError } from '../../contracts/errors.ts';
import type { Position } from './checkpoint.ts';
import { elements } from './initializers.ts';
import { tensorNames, type TrainingDefinition } from './program.ts';
import type { States, TrainingData } from './train.ts';

/** The first state with a number that is not finite. */
export function notFinite(states: States): string | undefined {
  return Object.keys(states).find((name) => states[name].some((value) => !Number.isFinite(value)));
}

/**
 * Repeats the run in which it happened, batch by batch, from where that run began; each gives the same as before.
 * @param from - before the run. @param run - makes so many batches from a position.
 */
export async function divergence(
  from: Position,
  {
    count,
    batchSize,
    data,
    order,
    definition,
  }: {
    count: number;
    batchSize: number;
    data: TrainingData;
    order: Int32Array;
    definition: TrainingDefinition;
  },
  run: (from: Position, batches: number) => Promise<{ losses: Float32Array; states: States }>,
): Promise<TradewindError> {
  const position = { ...from };
  for (let i = 0; i < count; i++) {
    const { losses, states } = await run(position, 1);
    if (!Number.isFinite(losses[0]) || notFinite(states) !== undefined) {
      const rows = order.subarray(position.batch * batchSize, (position.batch + 1) * batchSize);
      return report(position, losses[0], states, definition, unusable(data, rows, definition));
    }
    Object.assign(position, { states, batch: position.batch + 1, step: position.step + 1 });
  }
  return new TradewindError('INTERNAL', {
    subject: 'A training run that gave a value that is not finite',
    rule: 'give it again when it is repeated',
    remedy: 'Report it; where it computes on a GPU, check the device.',
  });
}

function report(
  position: Position,
  loss: number,
  after: States,
  { parameters }: TrainingDefinition,
  badData: string | undefined,
): TradewindError {
  const names = Object.keys(parameters);
  const magnitude = (name: string) => {
    let largest = 0;
    for (const value of position.states[tensorNames.parameter(name)]) largest = Math.max(largest, Math.abs(value));
    return largest;
  };
  const lost = names.filter((name) => after[tensorNames.parameter(name)].some((value) => !Number.isFinite(value)));
  // One that is lost says what the gradient did to it; among several, the largest has most likely caused it.
  const suspects = (lost.length > 0 ? lost : names).toSorted((a, b) => magnitude(b) - magnitude(a));
  const where = `epoch ${position.epoch + 1}, batch ${position.batch + 1}`;
  const what = Number.isFinite(loss)
    ? `a loss of ${loss.toPrecision(4)} whose gradient is not finite`
    : `a loss of ${loss}`;
  const [suspect] = suspects;
  const size = magnitude(suspect).toPrecision(3);
  return new TradewindError('TRAINING_DIVERGED', {
    subject: 'Training',
    rule: 'keep its loss and parameters finite',
    value: `${what} in ${where}, parameter "${suspect}" (at most ${size} before it)${badData ? `; ${badData}` : ''}`,
    remedy: badData
      ? 'Clean the data: fill in or drop what is missing.'
      : 'Lower the learning rate, clip the gradients, or scale the inputs.',
  });
}

/** The first number of these rows that is not finite. */
function unusable(data: TrainingData, rows: Int32Array, definition: TrainingDefinition): string | undefined {
  for (const [name, { type, shape }] of Object.entries(definition.rows)) {
    if (type !== 'float32') continue;
    const width = elements(shape);
    const values = data.rows[name] as Float32Array;
    for (const row of rows) {
      const bad = values.subarray(row * width, (row + 1) * width).find((value) => !Number.isFinite(value));
      if (bad !== undefined) return `column "${name}" has ${bad} in row ${row + 1}`;
    }
  }
  return undefined;
}
