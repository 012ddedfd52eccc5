/** Element types of tensors: one spelling (onnxruntime's) for graphs, signatures and sessions. */
import { TensorProto_DataType as Onnx } from './schema/onnx_pb.js';

/** Names as onnxruntime-node spells them, and their numbers in ONNX files. */
const numbers = {
  float32: Onnx.FLOAT,
  float64: Onnx.DOUBLE,
  float16: Onnx.FLOAT16,
  bfloat16: Onnx.BFLOAT16,
  int8: Onnx.INT8,
  int16: Onnx.INT16,
  int32: Onnx.INT32,
  int64: Onnx.INT64,
  uint8: Onnx.UINT8,
  uint16: Onnx.UINT16,
  uint32: Onnx.UINT32,
  uint64: Onnx.UINT64,
  bool: Onnx.BOOL,
  string: Onnx.STRING,
} as const;

export type DataType = keyof typeof numbers;

export function toOnnxType(type: DataType): Onnx {
  return numbers[type];
}

/** `undefined` for the types that no session of ours takes or gives: complex numbers, 8-bit floats and narrower. */
export function fromOnnxType(number: number): DataType | undefined {
  return (Object.keys(numbers) as DataType[]).find((type) => numbers[type] === number);
}
