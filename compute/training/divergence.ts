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
      return report(
        position,
        losses[0],
        states,
        definition,
        definition.optimizer.slots,
        unusable(data, rows, definition),
      );
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
  definition: TrainingDefinition,
  optimizer: readonly string[],
  badData: string | undefined,
): TradewindError {
  const names = Object.keys(definition.parameters);
  const magnitude = (name: string) => {
    let largest = 0;
    for (const value of position.states[tensorNames.parameter(name)]) largest = Math.max(largest, Math.abs(value));
    return largest;
  };
  const isLost = (state: string) => after[state].some((value) => !Number.isFinite(value));
  // A parameter that is lost says what the gradient did to it, and so does what the optimizer remembers of it.
  const lost = names.filter((name) => isLost(tensorNames.parameter(name)));
  const slotOf = (name: string) => optimizer.find((slot) => isLost(tensorNames.slot(name, slot)));
  const withSlots = names.filter((name) => lost.includes(name) || slotOf(name) !== undefined);
  // Among several, the largest has most likely caused it.
  const [suspect] = (withSlots.length > 0 ? withSlots : names).toSorted((a, b) => magnitude(b) - magnitude(a));
  const where = `in epoch ${position.epoch + 1}, batch ${position.batch + 1}`;
  const which = lost.includes(suspect) || withSlots.length === 0 ? '' : `the "${slotOf(suspect)}" of `;
  const what = Number.isFinite(loss)
    ? `a loss of ${loss.toPrecision(4)} ${where}, after which ${which}parameter "${suspect}" is not finite`
    : `a loss of ${loss} ${where}, parameter "${suspect}"`;
  const size = `at most ${magnitude(suspect).toPrecision(3)} before it`;
  return new TradewindError('TRAINING_DIVERGED', {
    subject: 'Training',
    rule: 'keep its loss and parameters finite',
    value: `${what} (${size})${badData ? `; ${badData}` : ''}`,
    remedy: badData
      ? 'Clean the data: fill in or drop what is missing.'
      : 'Lower the learning rate, clip the gradients, or scale the inputs.',
  });
}

/** The first number of these rows, or of a table, that is not finite. */
function unusable(
  { rows, tables = {} }: TrainingData,
  taken: Int32Array,
  definition: TrainingDefinition,
): string | undefined {
  const bad = (value: number) => !Number.isFinite(value);
  for (const [name, { type, shape }] of Object.entries(definition.rows)) {
    if (type !== 'float32') continue;
    const width = elements(shape);
    const values = rows[name] as Float32Array;
    for (const row of taken) {
      const found = values.subarray(row * width, (row + 1) * width).find(bad);
      if (found !== undefined) return `column "${name}" has ${found} in row ${row + 1}`;
    }
  }
  for (const [name, { type }] of Object.entries(definition.tables ?? {})) {
    const at = type === 'float32' ? (tables[name] as Float32Array).findIndex(bad) : -1;
    if (at >= 0) return `table "${name}" has ${String(tables[name][at])} at place ${at + 1}`;
  }
  return undefined;
}
