/** A fitted preparation at work. */
import type { ArrayFile } from '../../compute/arrays/safetensors.ts';
import { Graph } from '../../compute/graph/graph.ts';
import { encodeModel } from '../../compute/onnx/model.ts';
import { TradewindError } from '../../contracts/errors.ts';
import type { ColumnDefinition } from '../../contracts/tables.ts';
import type { Table } from '../table.ts';
import { BlockProgram, featuresOf, nameFeatures, rowsOf } from './blocks.ts';
import { formOf, lowerFeatures } from './lowering.ts';
import { missingColumn } from './refusal.ts';
import { pack, unpack, type Fitted } from './state.ts';
import type { FittedPreparation } from './transformer.ts';

/** @param state - from `FittedPreparation.state`. @throws TradewindError `ARTIFACT_CORRUPT` */
export async function loadPreparation(state: ArrayFile, { threads }: { threads: number }): Promise<FittedPreparation> {
  return preparationOf(unpack(state), threads);
}

/** The preparation as an ONNX file: an input a column, named like it, and one output of features. */
export function preparationModel(preparation: FittedPreparation): Uint8Array {
  const graph = new Graph();
  nameFeatures(graph, preparation.lower(graph));
  return encodeModel(graph.toModel(), 'The preparation');
}

export function preparationOf(fitted: Fitted, threads: number): FittedPreparation {
  const { groups, names, kind, report } = fitted;
  const inputs = distinctColumns(groups.flatMap(({ columns }) => columns));
  const lower = (graph: Graph) => lowerFeatures(graph, fitted);
  const open = () => {
    const graph = new Graph();
    return BlockProgram.open(graph, lower(graph), threads);
  };
  let program: Promise<BlockProgram> | undefined;
  return {
    inputs,
    names,
    report,
    async transform(table) {
      requireColumns(table, inputs);
      program ??= open();
      return await featuresOf(await program, names, rowsOf(table, inputs), kind);
    },
    lower,
    state: () => pack(fitted),
    async close() {
      const opened = program;
      program = undefined;
      await (await opened)?.close();
    },
  };
}

/** Each once, by its name. */
export function distinctColumns(columns: readonly ColumnDefinition[]): ColumnDefinition[] {
  return [...new Map(columns.map((column) => [column.name, column])).values()];
}

/** @throws TradewindError `COLUMN_MISSING`, `COLUMN_TYPE` */
function requireColumns(table: Table, columns: readonly ColumnDefinition[]): void {
  for (const { name, kind } of columns) {
    if (!Object.hasOwn(table.columns, name)) throw missingColumn(name, table);
    const column = table.columns[name];
    if (formOf[column.kind] !== formOf[kind]) {
      throw new TradewindError('COLUMN_TYPE', {
        subject: `The column "${name}"`,
        rule: `be a ${kind}, as its preparation was fitted`,
        value: `a ${column.kind}`,
        remedy: 'Declare its kind, or fit the preparation again.',
      });
    }
  }
}
