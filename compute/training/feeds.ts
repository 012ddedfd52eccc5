/** The data of a training, held against the columns of its program. */
import { TradewindError } from '../../contracts/errors.ts';
import type { TensorValue } from '../onnx/session.ts';
import { elements } from './initializers.ts';
import { tensorNames, type ColumnDefinition, type TrainingProgram } from './program.ts';

export type ColumnData = Float32Array | Int32Array | BigInt64Array | Uint8Array;

export interface TrainingData {
  /** Number of rows, at least 1. */
  readonly count: number;
  /** Row-major `[count, …shape]`; read, never copied. */
  readonly rows: Readonly<Record<string, ColumnData>>;
  readonly tables?: Readonly<Record<string, ColumnData>>;
  /** Of the whole, where it is known: then a checkpoint of other data is refused. */
  readonly digest?: string;
}

/** @throws RangeError where the data has not the program's columns. */
export function dataFeeds({ definition }: TrainingProgram, data: TrainingData): Record<string, TensorValue> {
  const { count, rows, tables = {} } = data;
  if (!Number.isInteger(count) || count < 1 || count > 0x7fff_ffff) {
    throw new RangeError(`The number of rows must be an integer in [1, 2^31). Got ${count}.`);
  }
  const feeds: Record<string, TensorValue> = {};
  const add = (
    what: string,
    given: typeof rows,
    name: string,
    { type, shape, below }: ColumnDefinition,
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
    if (below !== undefined)
      requireBelow(what, name, array as Exclude<ColumnData, Float32Array>, below, elements(shape));
    const tensor = what === 'Column' ? tensorNames.row(name) : tensorNames.table(name);
    feeds[tensor] = { datatype: type, shape: [...leading, ...shape], data: array };
  };
  const unknown = [
    ...Object.keys(rows).filter((name) => !Object.hasOwn(definition.rows, name)),
    ...Object.keys(tables).filter((name) => !Object.hasOwn(definition.tables ?? {}, name)),
  ];
  if (unknown.length > 0) throw new RangeError(`The program has no column or table "${unknown[0]}".`);
  for (const [name, column] of Object.entries(definition.rows)) add('Column', rows, name, column, [count]);
  for (const [name, table] of Object.entries(definition.tables ?? {})) add('Table', tables, name, table, []);
  return feeds;
}

/** @throws TradewindError `VALIDATION_FAILED` where an index is none: onnxruntime would count −1 from the end. */
function requireBelow(
  what: string,
  name: string,
  values: Exclude<ColumnData, Float32Array>,
  below: number,
  width: number,
): void {
  for (let i = 0; i < values.length; i++) {
    if (values[i] >= 0 && values[i] < below) continue;
    throw new TradewindError('VALIDATION_FAILED', {
      subject: `${what} "${name}" in row ${Math.floor(i / Math.max(1, width)) + 1}`,
      rule: `be an index in [0, ${below})`,
      value: String(values[i]),
      remedy: 'Leave rows without a value out, or give them an index of their own.',
    });
  }
}

const arrayTypes = { float32: Float32Array, int32: Int32Array, int64: BigInt64Array, uint8: Uint8Array } as const;
