/** Graphs over all rows of a table or a matrix, block by block, in onnxruntime. */
import { product } from '../../compute/graph/dimensions.ts';
import type { Graph } from '../../compute/graph/graph.ts';
import type { Tensor } from '../../compute/graph/program.ts';
import { encodeModel } from '../../compute/onnx/model.ts';
import { openSession, type Session, type TensorValue } from '../../compute/onnx/session.ts';
import type { ColumnDefinition } from '../../contracts/tables.ts';
import type { Features } from '../features.ts';
import type { StringColumn, Table } from '../table.ts';
import { denseColumns, denseRows, SparseRows, suited } from './sparse-rows.ts';
import type { Numbers } from './transformer.ts';

/** Rows of a block, where they are neither wide nor long. */
const mostRows = 4096;
/** Numbers that an operation makes of a block, which should stay in the core's own cache. */
const mostNumbers = 2 ** 18;
/** UTF-16 code units of a block's longest text times its rows, which bounds what tokens are padded to. */
const mostText = 2 ** 20;

/** What a graph is fed with. */
export interface Rows {
  readonly rows: number;
  /** Where the block that begins at a row has to end. */
  endOf(from: number, most: number): number;
  feeds(from: number, to: number): Record<string, TensorValue>;
}

/** A graph with one output that is asked for, `[batch, …]`. */
export class BlockProgram {
  readonly #session: Session;
  readonly #output: string;
  readonly #mostRows: number;

  private constructor(session: Session, output: string, mostRows: number) {
    this.#session = session;
    this.#output = output;
    this.#mostRows = mostRows;
  }

  static async open(graph: Graph, result: Tensor, threads: number): Promise<BlockProgram> {
    const output = nameFeatures(graph, result);
    const session = await openSession(encodeModel(graph.toModel()), { threads });
    const most = Math.max(1, Math.min(mostRows, Math.floor(mostNumbers / widest(graph))));
    return new BlockProgram(session, output, most);
  }

  async eachBlock(source: Rows, visit: (block: TensorValue, from: number) => void): Promise<void> {
    for (let from = 0, to = 0; from < source.rows; from = to) {
      to = source.endOf(from, this.#mostRows);
      const results = await this.#session.run(source.feeds(from, to), [this.#output]);
      visit(results[this.#output], from);
    }
  }

  close(): Promise<void> {
    return this.#session.close();
  }
}

/**
 * @param program - whose output is float32 `[batch, names.length]`.
 * @param kind - of the features; without it, what suits these rows.
 */
export async function featuresOf(
  program: BlockProgram,
  names: readonly string[],
  source: Rows,
  kind?: Features['kind'],
): Promise<Features> {
  const [columns, { rows }] = [names.length, source];
  if (kind === 'dense' || (kind === undefined && columns <= denseColumns)) {
    const values = new Float32Array(rows * columns);
    await program.eachBlock(source, ({ data }, from) => values.set(data as Float32Array, from * columns));
    return { rows, names, kind: 'dense', values };
  }
  const sparse = new SparseRows(rows);
  await program.eachBlock(source, ({ data }) => sparse.add(data as Float32Array, columns));
  const features: Features = { rows, names, kind: 'sparse', csr: sparse.finish() };
  return kind === undefined ? suited(features) : features;
}

/** Names the graph's output, by a name that no input has. */
export function nameFeatures(graph: Graph, features: Tensor): string {
  let name = 'features';
  while (graph.inputs.some((input) => input.source.name === name)) name += '_';
  graph.output(name, features);
  return name;
}

/** The most numbers that an operation gives for a row, as far as they are known. */
function widest({ nodes }: Graph): number {
  let most = 1;
  for (const { shape } of nodes.flatMap(({ outputs }) => outputs)) {
    const width = shape[0] === 'batch' ? product(shape.slice(1)) : 1;
    if (typeof width === 'number') most = Math.max(most, width);
  }
  return most;
}

/** The columns of a table that a preparation reads. */
export function rowsOf(table: Table, columns: readonly ColumnDefinition[]): Rows {
  const read = columns.map(({ name }) => ({ name, column: table.columns[name] }));
  const texts = read.flatMap(({ column }) => ('codes' in column ? [lengths(column)] : []));
  return {
    rows: table.rows,
    endOf(from, most) {
      const end = Math.min(table.rows, from + most);
      let [to, longest] = [from, 1];
      for (; to < end; to++) {
        for (const { codes, length } of texts) longest = Math.max(longest, length[codes[to]]);
        if ((to + 1 - from) * longest > mostText) break;
      }
      return Math.max(to, from + 1);
    },
    feeds(from, to) {
      return Object.fromEntries(
        read.map(({ name, column }): [string, TensorValue] => {
          const shape = [to - from];
          if ('codes' in column) {
            const data = Array.from(column.codes.subarray(from, to), (code) => column.dictionary[code]);
            return [name, { datatype: 'string', shape, data }];
          }
          const datatype = column.kind === 'time' ? 'float64' : 'float32';
          return [name, { datatype, shape, data: column.values.subarray(from, to) }];
        }),
      );
    },
  };
}

/** By code. */
function lengths({ codes, dictionary }: StringColumn): { codes: Int32Array; length: Int32Array } {
  return { codes, length: Int32Array.from(dictionary, (text) => text.length) };
}

/** A matrix as the input `name`. */
export function rowsOfNumbers(name: string, numbers: Numbers): Rows {
  const columns = numbers.names.length;
  return {
    rows: numbers.rows,
    endOf: (from, most) => Math.min(numbers.rows, from + most),
    feeds(from, to) {
      const data =
        numbers.kind === 'dense'
          ? numbers.values.subarray(from * columns, to * columns)
          : denseRows(numbers.csr, columns, from, to);
      return { [name]: { datatype: 'float32', shape: [to - from, columns], data } };
    },
  };
}
