/** The export of a classifier or regressor: one graph, held against the preparation and the model that it is made of. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeModel } from '../../compute/onnx/model.ts';
import { openSession } from '../../compute/onnx/session.ts';
import type { TaskContext } from '../../compute/pool/task.ts';
import type { Artifact } from '../../contracts/artifacts.ts';
import { TradewindError } from '../../contracts/errors.ts';
import { Random } from '../../contracts/random.ts';
import { tableTensors } from '../../contracts/tables.ts';
import { rowsOf } from '../../data/preparation/blocks.ts';
import { takeRows, type Table } from '../../data/table.ts';
import { tableGraph } from '../../models/lowering/table-graph.ts';
import { taskFiles } from '../task-files.ts';
import { loadStates, openTable, type StatesInput, type TableInput } from './table-models.ts';

export interface TableExportOutput {
  signature: Artifact['signature'];
  inputs: { name: string; kind: string }[];
  features: number;
  verified: { rows: number; largestDifference: number };
}

/** Held-out rows that the export gate compares, and its tolerance (law 6), relative to the largest value. */
const comparedRows = 10_000;
const tolerance = 1e-5;

export async function tableExport(
  input: TableInput & StatesInput & { metadata: Record<string, string> },
  context: TaskContext,
): Promise<TableExportOutput> {
  const { table, split } = await openTable(input, context.threads);
  const { preparation, model } = await loadStates(input, context.threads);
  try {
    const bytes = tableGraph(preparation, model, input.classes, input.metadata);
    const path = join(context.workDir, taskFiles.graph);
    await writeFile(path, bytes);
    context.progress(0.3, 'comparing');
    const rows = draw(split.parts.test, new Random(input.seed, 6));
    const judged = withMissing(takeRows(table, rows));
    const expected = await model.predict(await preparation.transform(judged));
    const found = await ask(path, judged, preparation.inputs, context.threads);
    const largestDifference = differenceOf(expected, found.predictions);
    if (!(largestDifference <= tolerance)) throw mismatch(input, largestDifference.toExponential(2));
    if (input.task === 'classify') requireLabels(input, found.labels, found.predictions);
    const { inputs, outputs } = describeModel(bytes);
    return {
      signature: { inputs, outputs },
      inputs: preparation.inputs.map(({ name, kind }) => ({ name, kind })),
      features: preparation.names.length,
      verified: { rows: judged.rows, largestDifference },
    };
  } finally {
    await model.close();
    await preparation.close();
  }
}

function draw(rows: Int32Array, random: Random): Int32Array {
  if (rows.length <= comparedRows) return rows;
  return Int32Array.from({ length: comparedRows }, () => rows[random.integer(rows.length)]).sort();
}

/** The rows, and one in which every value is missing: nothing that comes may make the graph fail. */
function withMissing(table: Table): Table {
  const columns = Object.entries(table.columns).map(([name, column]) => {
    if (!('codes' in column)) {
      const values = new (column.values.constructor as typeof Float32Array)(table.rows + 1).fill(NaN);
      values.set(column.values);
      return [name, { ...column, values }];
    }
    const dictionary = [...column.dictionary, ''];
    const codes = new Int32Array(table.rows + 1).fill(dictionary.length - 1);
    codes.set(column.codes);
    return [name, { ...column, codes, dictionary }];
  });
  return { rows: table.rows + 1, columns: Object.fromEntries(columns) as Table['columns'] };
}

async function ask(
  path: string,
  table: Table,
  columns: Parameters<typeof rowsOf>[1],
  threads: number,
): Promise<{ predictions: Float32Array; labels: string[] }> {
  const session = await openSession(path, { threads, provider: 'cpu' });
  const source = rowsOf(table, columns);
  const [parts, labels]: [Float32Array[], string[]] = [[], []];
  try {
    for (let from = 0, to = 0; from < source.rows; from = to) {
      to = source.endOf(from, 1024);
      const answer = await session.run(source.feeds(from, to));
      const predictions = answer[tableTensors.probabilities] ?? answer[tableTensors.prediction];
      parts.push(predictions.data as Float32Array);
      for (const label of (answer[tableTensors.label]?.data ?? []) as string[]) labels.push(label);
    }
  } finally {
    await session.close();
  }
  const predictions = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    predictions.set(part, at);
    at += part.length;
  }
  return { predictions, labels };
}

/** Of probabilities absolute; of values relative to the largest. NaN where lengths differ. */
function differenceOf(expected: Float32Array, found: Float32Array): number {
  if (expected.length !== found.length) return NaN;
  let [largest, scale] = [0, 1];
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(expected[i] - found[i]);
    if (!(difference <= largest)) largest = difference;
    scale = Math.max(scale, Math.abs(expected[i]));
  }
  return largest / scale;
}

/** A row's label is its most likely class, which a tie within the tolerance leaves open. */
function requireLabels(input: TableInput, labels: readonly string[], predictions: Float32Array): void {
  const width = input.classes.length;
  for (const [row, label] of labels.entries()) {
    const probabilities = predictions.subarray(row * width, (row + 1) * width);
    const said = probabilities[input.classes.indexOf(label)];
    if (!(said >= Math.max(...probabilities))) throw mismatch(input, `the label "${label}" of probability ${said}`);
  }
}

function mismatch({ target }: TableInput, value: string): TradewindError {
  return new TradewindError('EXPORT_MISMATCH', {
    subject: `The exported graph that predicts ${target}`,
    rule: `agree with the trained model to ${tolerance}`,
    value,
    remedy: 'This is a defect of the export; please report it with the spec. No version was registered.',
  });
}
