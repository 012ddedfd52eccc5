import { create, toBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { Graph } from '../../../compute/graph/graph.ts';
import { decodeModel, describeModel, encodeModel, type ModelProto } from '../../../compute/onnx/model.ts';
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  StringStringEntryProtoSchema,
  TensorProto_DataLocation,
  TensorProtoSchema,
} from '../../../compute/onnx/schema/onnx_pb.js';
import { errorOf } from './refusal.ts';

function model(metadata: Record<string, string> = {}): ModelProto {
  const g = new Graph();
  const x = g.input('x', 'float32', ['batch', 3]);
  const w = g.constant('float32', Float32Array.of(1, 2, 3, 4, 5, 6), [3, 2], 'w');
  g.output('y', g.matmul(x, w));
  g.output('z', g.labelEncode(g.input('s', 'string', [4]), ['a', 'b'], -1));
  return g.toModel({ metadata });
}

/** Bytes of a model that `encodeModel` would refuse to write. */
function broken(change: (model: ModelProto) => void): Uint8Array {
  const made = model();
  change(made);
  return toBinary(ModelProtoSchema, made);
}

const external = () =>
  create(TensorProtoSchema, {
    name: 'w',
    dims: [3n, 2n],
    dataType: 1,
    dataLocation: TensorProto_DataLocation.EXTERNAL,
    externalData: [{ key: 'location', value: '../../etc/passwd' }],
  });

describe('an ONNX file', () => {
  it('is described by its signature, its versions and its metadata', () => {
    expect(describeModel(encodeModel(model({ trained: 'yes' })))).toEqual({
      irVersion: 8,
      opsets: { 'ai.onnx': 18, 'ai.onnx.ml': 3 },
      producer: 'tradewind',
      inputs: [
        { name: 'x', datatype: 'float32', shape: [-1, 3] },
        { name: 's', datatype: 'string', shape: [4] },
      ],
      outputs: [
        { name: 'y', datatype: 'float32', shape: [-1, 2] },
        { name: 'z', datatype: 'int64', shape: [4] },
      ],
      metadata: { trained: 'yes' },
      nodes: 2,
      weightBytes: 24,
    });
  });

  it('has the same bytes in whatever order its metadata was given', () => {
    const one = encodeModel(model({ a: '1', b: '2', 'a-b': '3' }));
    const other = encodeModel(model({ 'a-b': '3', b: '2', a: '1' }));
    expect(Buffer.compare(one, other)).toBe(0);
    expect(Buffer.compare(one, encodeModel(decodeModel(one)))).toBe(0);
  });

  it('leaves weights that are inputs with a default out of the signature', () => {
    const older = model();
    older.graph!.input.push({ ...older.graph!.input[0], name: 'w' });
    expect(describeModel(encodeModel(older)).inputs.map((input) => input.name)).toEqual(['x', 's']);
  });

  it.each<[string, Uint8Array, RegExp]>([
    ['that is something else', new TextEncoder().encode('{"not": "onnx"}'), /must be an ONNX file/],
    ['that is empty', new Uint8Array(0), /must hold a graph with an output/],
    ['that is cut off', encodeModel(model()).subarray(0, 60), /must/],
    ['without operator sets', broken((m) => (m.opsetImport = [])), /operator sets/],
    ['that uses what nothing computes', broken((m) => (m.graph!.node[0].input[1] = 'v')), /"v" unknown to MatMul/],
    [
      'with nodes in the wrong order',
      broken((m) => {
        const first = create(NodeProtoSchema, { opType: 'Neg', input: ['y'], output: ['early'] });
        m.graph!.node.unshift(first);
      }),
      /"y" unknown to Neg/,
    ],
    ['that computes a value twice', broken((m) => (m.graph!.node[1].output[0] = 'y')), /"y" again by LabelEncoder/],
    ['whose output is computed nowhere', broken((m) => (m.graph!.output[0].name = 'v')), /must compute its outputs/],
    [
      'with a metadata key twice',
      broken((m) => {
        const entry = create(StringStringEntryProtoSchema, { key: 'a', value: '1' });
        m.metadataProps.push(entry, entry);
      }),
      /"a" twice/,
    ],
    [
      'with an output of no rank',
      broken((m) => {
        const type = m.graph!.output[0].type!.value;
        if (type.case === 'tensorType') type.value.shape = undefined;
      }),
      /a tensor type with a rank/,
    ],
    [
      'with complex numbers',
      broken((m) => {
        const type = m.graph!.output[0].type!.value;
        if (type.case === 'tensorType') type.value.elemType = 14;
      }),
      /ONNX type 14/,
    ],
  ])('%s is refused', (_, bytes, message) => {
    const error = errorOf(() => describeModel(bytes, 'model.onnx'));
    expect(error.code).toBe('ARTIFACT_CORRUPT');
    expect(error.complaint.subject).toBe('model.onnx');
    expect(error.message).toMatch(message);
  });

  it.each<[string, (m: ModelProto) => void]>([
    ['a weight', (m) => (m.graph!.initializer[0] = external())],
    [
      "a node's attribute",
      (m) =>
        m.graph!.node[0].attribute.push(
          create(AttributeProtoSchema, { name: 'value', type: AttributeProto_AttributeType.TENSOR, t: external() }),
        ),
    ],
    [
      "a loop's body",
      (m) =>
        m.graph!.node[0].attribute.push(
          create(AttributeProtoSchema, {
            name: 'body',
            type: AttributeProto_AttributeType.GRAPH,
            g: create(GraphProtoSchema, { initializer: [{ ...external(), name: 'inner' }] }),
          }),
        ),
    ],
    [
      'a sparse weight',
      (m) => m.graph!.sparseInitializer.push({ $typeName: 'onnx.SparseTensorProto', dims: [], values: external() }),
    ],
  ])('that keeps the data of %s elsewhere is refused', (_, change) => {
    const error = errorOf(() => decodeModel(broken(change)));
    expect(error.code).toBe('ARTIFACT_CORRUPT');
    expect(error.message).toMatch(/must carry its weights itself/);
  });
});
