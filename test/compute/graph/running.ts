/** Runs small programs in onnxruntime, as the tests of graphs need it. */
import type { DataType } from '../../../compute/onnx/datatypes.ts';
import { encodeModel } from '../../../compute/onnx/model.ts';
import { openSession, type TensorValue } from '../../../compute/onnx/session.ts';
import { Graph } from '../../../compute/graph/graph.ts';
import type { ConstantType, Tensor } from '../../../compute/graph/program.ts';

/** A graph whose inputs come with their values. */
export class FedGraph extends Graph {
  readonly feeds: Record<string, TensorValue> = {};

  /** @param sizes - the run's sizes, where `shape` has symbols. */
  feed<D extends ConstantType>(
    datatype: D,
    values: readonly (number | string | boolean)[],
    shape: readonly (number | string)[] = [values.length],
    sizes: readonly number[] = shape.map(Number),
  ): Tensor<D> {
    const name = `in_${this.inputs.length}`;
    this.feeds[name] = { datatype, shape: sizes, data: arrayOf(datatype, values) };
    return this.input(name, datatype, shape);
  }

  async run(outputs: Readonly<Record<string, Tensor>>): Promise<Readonly<Record<string, TensorValue>>> {
    for (const [name, tensor] of Object.entries(outputs)) this.output(name, tensor);
    const session = await openSession(encodeModel(this.toModel()));
    try {
      return await session.run(this.feeds);
    } finally {
      await session.close();
    }
  }
}

export function arrayOf(datatype: DataType, values: readonly (number | string | boolean)[]): TensorValue['data'] {
  switch (datatype) {
    case 'string':
      return values.map(String);
    case 'int64':
      return BigInt64Array.from(values, (value) => BigInt(value));
    case 'int32':
      return Int32Array.from(values, Number);
    case 'float64':
      return Float64Array.from(values, Number);
    case 'bool':
    case 'uint8':
      return Uint8Array.from(values, Number);
    default:
      return Float32Array.from(values, Number);
  }
}

/** Values as plain numbers or strings. */
export function plain({ data }: TensorValue): (number | string)[] {
  return Array.from(data as ArrayLike<number | bigint | string>, (x) => (typeof x === 'string' ? x : Number(x)));
}
