/** A fitted preparation as operations: from one input a column to the features. */
import type { Graph } from '../../compute/graph/graph.ts';
import type { Tensor } from '../../compute/graph/program.ts';
import type { ColumnDefinition, ColumnKind } from '../../contracts/tables.ts';
import { finiteOrMissing } from './saturation.ts';
import type { Fitted, FittedGroup, FittedStep } from './state.ts';
import { stepOf } from './steps.ts';

/** What steps read of a column of each kind. */
export const formOf = {
  number: 'numbers',
  boolean: 'numbers',
  category: 'strings',
  text: 'strings',
  time: 'times',
} as const satisfies Record<ColumnKind, string>;
const types = { numbers: 'float32', strings: 'string', times: 'float64' } as const;

/** A column as an input of the graph, which several groups may read. */
function inputOf(g: Graph, { name, kind }: ColumnDefinition): Tensor {
  const known = g.inputs.find((input) => input.source.name === name);
  return known ?? g.input(name, types[formOf[kind]], ['batch']);
}

/** The numbers of a group, before the steps on them: float32 `[batch, features]`. */
export function lowerColumns(g: Graph, columns: readonly ColumnDefinition[], steps: readonly FittedStep[]) {
  const parts = columns.map((column, i) => {
    const input = inputOf(g, column);
    return steps.length === 0 ? g.unsqueeze(input as Tensor<'float32'>, [1]) : lowerStep(g, steps[i], input);
  });
  const numbers = parts.length === 1 ? parts[0] : g.concat(parts, 1);
  return steps.length === 0 ? finiteOrMissing(g, numbers) : numbers;
}

export function lowerStep(g: Graph, { step, state }: FittedStep, input: Tensor): Tensor<'float32'> {
  // The fit has seen to it that the step takes what it is given.
  return stepOf(step).lower(g, state, input as never);
}

function lowerGroup(g: Graph, { columns, byColumn, onNumbers, otherwise }: FittedGroup): Tensor<'float32'> {
  let numbers = lowerColumns(g, columns, byColumn);
  for (const step of onNumbers) numbers = lowerStep(g, step, numbers);
  if (otherwise.length === 0) return numbers;
  return g.where(g.isNaN(numbers), g.constant('float32', otherwise), numbers);
}

/** The features that selection chooses from, or those that it has chosen. */
export function lowerFeatures(g: Graph, { groups, kept }: Pick<Fitted, 'groups' | 'kept'>): Tensor<'float32'> {
  const parts = groups.map((group) => lowerGroup(g, group));
  const all = parts.length === 1 ? parts[0] : g.concat(parts, 1);
  return kept === undefined ? all : g.gather(all, g.constant('int32', kept), 1);
}
