/** Fitting of the steps of one group of columns, each on what those before it make of the training rows. */
import { Graph } from '../../compute/graph/graph.ts';
import type { Tensor } from '../../compute/graph/program.ts';
import type { Features } from '../features.ts';
import type { Table, Target } from '../table.ts';
import { BlockProgram, featuresOf, rowsOf, rowsOfNumbers, type Rows } from './blocks.ts';
import { replaceFeatures } from './feature-columns.ts';
import { lowerColumns, lowerStep } from './lowering.ts';
import type { Plan } from './plan.ts';
import { unfit } from './refusal.ts';
import type { FittedGroup, FittedStep } from './state.ts';
import { forEachColumn, quantileOf, sorted } from './statistics.ts';
import { stepOf } from './steps.ts';
import type {
  ColumnStep,
  Learned,
  LearningContext,
  Numbers,
  NumberStep,
  StepReport,
  StepState,
} from './transformer.ts';

export interface Training {
  /** The training rows. */
  readonly table: Table;
  readonly target: Target | undefined;
  readonly context: LearningContext;
}

export interface LearnedGroup {
  readonly group: FittedGroup;
  readonly names: readonly string[];
  readonly report: readonly StepReport[];
  /** Of the training rows, where they are told other numbers than rows that come later. */
  readonly outOfFold?: Features;
}

/** @throws TradewindError `PREPARATION_FAILED` */
export async function fitGroup(plan: Plan, training: Training): Promise<LearnedGroup> {
  const { columns, onNumbers: steps } = plan;
  const { context, table } = training;
  const learned = await fitColumns(plan, training);
  const report = learned.map((one): StepReport => ({ step: plan.first!.step, learned: one.report }));
  const byColumn = learned.map(({ state }): FittedStep => ({ step: plan.first!.step, state }));
  const names = plan.first === undefined ? columns.map(({ name }) => name) : learned.flatMap((one) => one.names);

  const outOfFold = learned.some((one) => one.training !== undefined);
  const guarded = plan.form === 'numbers' && !steps.some(({ step }) => step === 'impute' || step === 'bins');
  const onNumbers: FittedStep[] = [];
  const group = { columns, byColumn, onNumbers, otherwise: new Float32Array() as Float32Array };
  const asked = outOfFold || guarded;
  if (!asked && steps.length === 0) return { group, names, report };

  const kind = outOfFold ? 'dense' : undefined;
  const run = (made: readonly string[], rows: Rows, write: (graph: Graph) => Tensor<'float32'>) =>
    runOnce(made, rows, { kind, threads: context.threads }, write);
  let numbers = await run(names, rowsOf(table, columns), (graph) => lowerColumns(graph, columns, byColumn));
  for (let i = 0, first = 0; i < learned.length; first += learned[i++].names.length) {
    const { names: own, training: values } = learned[i];
    if (values !== undefined) numbers = replaceFeatures(numbers, first, own.length, values);
  }
  let made: readonly string[] = names;
  for (const [i, { step, parameters }] of steps.entries()) {
    const one = (stepOf(step) as NumberStep<typeof parameters, StepState>).fit(numbers, parameters);
    const fitted = { step, state: one.state };
    report.push({ step, learned: one.report });
    onNumbers.push(fitted);
    const width = made.length;
    made = one.names;
    // What the last step makes is computed where something follows from it.
    if (i === steps.length - 1 && !asked) break;
    numbers = await run(made, rowsOfNumbers('numbers', numbers), (graph) =>
      lowerStep(graph, fitted, graph.input('numbers', 'float32', ['batch', width])),
    );
  }
  if (guarded) group.otherwise = otherwiseOf(numbers);
  return { group, names: made, report, outOfFold: outOfFold ? numbers : undefined };
}

async function fitColumns({ columns, first }: Plan, { table, target, context }: Training) {
  const learned: Learned<StepState>[] = [];
  if (first === undefined) return learned;
  const step = stepOf(first.step) as ColumnStep<typeof first.parameters, StepState, 'strings'>;
  for (const { name } of columns) {
    learned.push(await step.fit(name, table.columns[name] as never, first.parameters, target, context));
  }
  return learned;
}

/** Of numbers that go on without a step for missing ones: the medians, for those that later rows may lack. */
function otherwiseOf(numbers: Numbers): Float32Array {
  const otherwise = new Float32Array(numbers.names.length);
  forEachColumn(numbers, (column, values) => {
    const missing = values.reduce((sum, x) => sum + Number(Number.isNaN(x)), 0);
    if (missing > 0) {
      throw unfit({
        subject: `The column "${numbers.names[column]}"`,
        rule: 'have no missing number left after its steps',
        value: `${missing} of ${values.length} rows`,
        remedy: 'Add the step "impute" to it.',
      });
    }
    otherwise[column] = quantileOf(sorted(values), 0.5);
  });
  return otherwise;
}

export async function runOnce(
  names: readonly string[],
  rows: Rows,
  { kind, threads }: { kind?: Features['kind']; threads: number },
  write: (graph: Graph) => Tensor<'float32'>,
): Promise<Features> {
  const graph = new Graph();
  const program = await BlockProgram.open(graph, write(graph), threads);
  try {
    return await featuresOf(program, names, rows, kind);
  } finally {
    await program.close();
  }
}
