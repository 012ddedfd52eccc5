/**
 * Reading, checking and writing ONNX files (https://onnx.ai/onnx/repo-docs/IR.html). What is checked is what a file
 * from elsewhere can get wrong before a runtime sees it: that it parses, that it carries its weights itself, that each
 * value is computed before it is used. Types and shapes are left to the runtime.
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { TradewindError } from '../../contracts/errors.ts';
import { fromOnnxType } from './datatypes.ts';
import {
  ModelProtoSchema,
  TensorProto_DataLocation,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type SparseTensorProto,
  type TensorProto,
  type ValueInfoProto,
} from './schema/onnx_pb.js';

export type { ModelProto } from './schema/onnx_pb.js';

/** Name, element type (onnxruntime's spelling, e.g. `float32`) and shape of a graph's input or output. */
export interface TensorSignature {
  name: string;
  datatype: string;
  /** `-1` is a free dimension. */
  shape: number[];
}

export interface ModelDescription {
  irVersion: number;
  /** Version of each operator set, by domain; `ai.onnx` is the default one. */
  opsets: Record<string, number>;
  producer: string;
  inputs: TensorSignature[];
  outputs: TensorSignature[];
  metadata: Record<string, string>;
  /** Nodes of the main graph; those of loop and branch bodies are not counted. */
  nodes: number;
  /** Bytes of weights. */
  weightBytes: number;
}

/** Protobuf's own limit on a message, and so on an ONNX file that carries its weights. */
const maxBytes = 2 ** 31 - 1;

/**
 * The same model gives the same bytes: fields are written in the order of their numbers and metadata in the order of
 * its keys.
 * @throws TradewindError `ARTIFACT_CORRUPT` when the model breaks a rule that `decodeModel` checks.
 */
export function encodeModel(model: ModelProto, subject = 'The ONNX model'): Uint8Array {
  checkModel(model, subject);
  const metadataProps = model.metadataProps.toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  const bytes = toBinary(ModelProtoSchema, { ...model, metadataProps });
  if (bytes.length > maxBytes) {
    throw corrupt(
      subject,
      'be smaller than 2 GiB',
      `${bytes.length} bytes`,
      'Use fewer factors or a smaller catalogue.',
    );
  }
  return bytes;
}

/**
 * @param subject - what to call the model in an error, e.g. its file name.
 * @throws TradewindError `ARTIFACT_CORRUPT` when the bytes are no ONNX model, when weights lie outside of the file, or
 * when a node uses a value that nothing before it computes.
 */
export function decodeModel(bytes: Uint8Array, subject = 'The ONNX model'): ModelProto {
  let model: ModelProto;
  try {
    model = fromBinary(ModelProtoSchema, bytes);
  } catch (cause) {
    throw corrupt(subject, 'be an ONNX file', `${bytes.length} bytes that do not parse as one`, exportAgain, cause);
  }
  checkModel(model, subject);
  return model;
}

/** What a file says about itself. @throws TradewindError as `decodeModel` does. */
export function describeModel(bytes: Uint8Array, subject = 'The ONNX model'): ModelDescription {
  const model = decodeModel(bytes, subject);
  const graph = model.graph!;
  const initialized = new Set(graph.initializer.map((tensor) => tensor.name));
  return {
    irVersion: Number(model.irVersion),
    opsets: Object.fromEntries(model.opsetImport.map((o) => [o.domain || 'ai.onnx', Number(o.version)])),
    producer: [model.producerName, model.producerVersion].filter(Boolean).join(' '),
    // Files of IR version 3 list their weights among the inputs, as defaults that may be overridden.
    inputs: graph.input.filter((value) => !initialized.has(value.name)).map((v) => signatureOf(v, subject)),
    outputs: graph.output.map((v) => signatureOf(v, subject)),
    metadata: Object.fromEntries(model.metadataProps.map((entry) => [entry.key, entry.value])),
    nodes: graph.node.length,
    weightBytes: graph.initializer.reduce((sum, tensor) => sum + weightBytes(tensor), 0),
  };
}

function signatureOf(value: ValueInfoProto, subject: string): TensorSignature {
  const type = value.type?.value;
  if (type?.case !== 'tensorType' || type.value.shape === undefined) {
    throw corrupt(subject, `give "${value.name}" a tensor type with a rank`, type?.case ?? 'no type', exportAgain);
  }
  const datatype = fromOnnxType(type.value.elemType);
  if (datatype === undefined) {
    throw corrupt(
      subject,
      `give "${value.name}" an element type that can be served`,
      `ONNX type ${type.value.elemType}`,
      'Cast it to a common type within the graph.',
    );
  }
  const shape = type.value.shape.dim.map(({ value: dim }) => (dim.case === 'dimValue' ? Number(dim.value) : -1));
  return { name: value.name, datatype, shape };
}

function weightBytes(tensor: TensorProto): number {
  if (tensor.rawData.length > 0) return tensor.rawData.length;
  return (
    4 * (tensor.floatData.length + tensor.int32Data.length) +
    8 * (tensor.int64Data.length + tensor.doubleData.length + tensor.uint64Data.length) +
    tensor.stringData.reduce((sum, text) => sum + text.length, 0)
  );
}

function checkModel(model: ModelProto, subject: string): void {
  if (model.graph === undefined || model.graph.output.length === 0) {
    throw corrupt(subject, 'hold a graph with an output', 'none', exportAgain);
  }
  if (model.irVersion < 3n || model.opsetImport.length === 0) {
    const got = `IR version ${model.irVersion} and ${model.opsetImport.length} operator sets`;
    throw corrupt(subject, 'name an IR version of at least 3 and its operator sets', got, exportAgain);
  }
  const keys = model.metadataProps.map((entry) => entry.key);
  const twice = keys.find((key, i) => keys.indexOf(key) !== i);
  if (twice !== undefined) throw corrupt(subject, 'have each metadata key once', `"${twice}" twice`, exportAgain);
  for (const { node, input } of model.functions) checkNodes(node, new Set(input), subject);
  checkGraph(model.graph, new Set(), subject);
}

/** @param outer - values of the enclosing graphs, which a loop's or a branch's body may use. */
function checkGraph(graph: GraphProto, outer: ReadonlySet<string>, subject: string): void {
  const known = new Set(outer);
  for (const value of graph.input) define(known, value.name, 'an input', subject);
  // A weight may share its name with an input, whose default it then is.
  for (const tensor of graph.initializer) {
    checkTensor(tensor, subject);
    known.add(tensor.name);
  }
  for (const tensor of graph.sparseInitializer.flatMap(partsOf)) {
    checkTensor(tensor, subject);
    known.add(tensor.name);
  }
  checkNodes(graph.node, known, subject);
  for (const { name } of graph.output) {
    if (!known.has(name)) throw corrupt(subject, 'compute its outputs', `"${name}" that nothing computes`, exportAgain);
  }
}

/** Static single assignment in topological order, as the IR asks for. Adds to `known` what the nodes compute. */
function checkNodes(nodes: readonly NodeProto[], known: Set<string>, subject: string): void {
  for (const node of nodes) {
    for (const input of node.input) {
      if (input !== '' && !known.has(input)) {
        throw corrupt(
          subject,
          'compute values before they are used',
          `"${input}" unknown to ${node.opType}`,
          exportAgain,
        );
      }
    }
    for (const { t, tensors, sparseTensor, sparseTensors, g, graphs } of node.attribute) {
      const sparse = sparseTensor === undefined ? sparseTensors : [sparseTensor, ...sparseTensors];
      for (const tensor of [t, ...tensors, ...sparse.flatMap(partsOf)]) {
        if (tensor !== undefined) checkTensor(tensor, subject);
      }
      for (const body of g === undefined ? graphs : [g, ...graphs]) checkGraph(body, known, subject);
    }
    for (const output of node.output) if (output !== '') define(known, output, node.opType, subject);
  }
}

function define(known: Set<string>, name: string, by: string, subject: string): void {
  if (known.has(name)) throw corrupt(subject, 'compute each value once', `"${name}" again by ${by}`, exportAgain);
  known.add(name);
}

function partsOf({ values, indices }: SparseTensorProto): TensorProto[] {
  return [values, indices].filter((tensor) => tensor !== undefined);
}

/** A file beside the model would be read by whoever loads it, from wherever the model says, and is in no digest. */
function checkTensor(tensor: TensorProto, subject: string): void {
  if (tensor.dataLocation === TensorProto_DataLocation.EXTERNAL || tensor.externalData.length > 0) {
    throw corrupt(
      subject,
      'carry its weights itself',
      `the external tensor "${tensor.name}"`,
      'Save it with onnx.save(model, path, save_as_external_data=False).',
    );
  }
}

const exportAgain = 'Export it again, and check it with onnx.checker.';

function corrupt(subject: string, rule: string, value: string, remedy: string, cause?: unknown): TradewindError {
  return new TradewindError('ARTIFACT_CORRUPT', { subject, rule, value, remedy }, { cause });
}

/** A model from its parts, with defaults for what is left out. */
export function createModel(parts: Parameters<typeof create<typeof ModelProtoSchema>>[1]): ModelProto {
  return create(ModelProtoSchema, parts);
}
