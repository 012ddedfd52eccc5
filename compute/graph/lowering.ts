/** From a tensor program to an ONNX model. The same program gives the same model. */
import { create } from '@bufbuild/protobuf';
import { toOnnxType, type DataType } from '../onnx/datatypes.ts';
import { createModel, type ModelProto } from '../onnx/model.ts';
import {
  AttributeProto_AttributeType as AttributeType,
  AttributeProtoSchema,
  NodeProtoSchema,
  TensorProtoSchema,
  ValueInfoProtoSchema,
  type AttributeProto,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from '../onnx/schema/onnx_pb.js';
import type { Shape } from './dimensions.ts';
import type { OnnxAttribute } from './operations/definition.ts';
import { operationOf } from './operations/table.ts';
import { GraphError, type ArrayOf, type ConstantType, type Node, type Program, type Tensor } from './program.ts';

export interface ModelOptions {
  /** Written into the file's `metadata_props`. */
  metadata?: Readonly<Record<string, string>>;
  /** Version of the default operator set. */
  opset?: number;
  irVersion?: number;
  /** What viewers show as the graph's name. */
  name?: string;
}

/**
 * Operator set 18 (ONNX 1.13, 2022) is the first with all that the table uses: reductions with their axes as inputs
 * and scatter with `max`. IR version 8 and ai.onnx.ml 3 are those of the same release, so that every runtime since
 * then loads the files: onnxruntime 1.14 and later, where 1.30 goes up to operator set 26, IR version 13, ai.onnx.ml 5.
 */
const defaults = { opset: 18, irVersion: 8, name: 'tradewind' };
const domainVersions: Record<string, number> = { 'ai.onnx.ml': 3 };

/** @throws GraphError when the program has no output, or an operation needs a later operator set. */
export function lowerProgram(program: Program, options: ModelOptions = {}): ModelProto {
  const { metadata = {}, opset, irVersion, name } = { ...defaults, ...options };
  if (program.outputs.length === 0) throw new GraphError('A program must have an output.');
  const writer = new Writer(program);
  const nodes = program.nodes.filter(reachable(program)).flatMap((node) => writer.node(node, opset));
  nodes.push(...writer.renamedOutputs());
  const domains = [...new Set(nodes.map((node) => node.domain))].filter((domain) => domain !== '').toSorted();
  return createModel({
    irVersion: BigInt(irVersion),
    opsetImport: [
      { domain: '', version: BigInt(opset) },
      ...domains.map((domain) => ({ domain, version: BigInt(domainVersions[domain]) })),
    ],
    producerName: 'tradewind',
    graph: {
      name,
      node: nodes,
      initializer: writer.initializers,
      input: program.inputs.map((input) => valueInfo(input.source.name, input.type, input.shape)),
      output: program.outputs.map((output) => valueInfo(output.name, output.tensor.type, output.tensor.shape)),
    },
    metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
  });
}

/** Whether an output depends on a node. */
function reachable(program: Program): (node: Node) => boolean {
  const seen = new Set<Node>();
  const open = program.outputs.map((output) => output.tensor);
  for (let tensor = open.pop(); tensor !== undefined; tensor = open.pop()) {
    if (tensor.source.kind !== 'node' || seen.has(tensor.source.node)) continue;
    seen.add(tensor.source.node);
    open.push(...tensor.source.node.inputs);
  }
  return (node) => seen.has(node);
}

class Writer {
  readonly initializers: TensorProto[] = [];
  readonly #names = new Map<Tensor, string>();
  readonly #taken = new Set<string>();
  readonly #settings = new Map<string, string>();
  readonly #outputs: Program['outputs'];
  readonly #counts = new Map<string, number>();

  constructor(program: Program) {
    this.#outputs = program.outputs;
    for (const input of program.inputs) this.#names.set(input, input.source.name);
    for (const { name, tensor } of program.outputs) {
      // A tensor that already has a name is copied to the output by `renamedOutputs`.
      if (tensor.source.kind === 'node' && !this.#names.has(tensor)) this.#names.set(tensor, name);
    }
    for (const name of this.#names.values()) this.#taken.add(name);
    for (const { name } of program.outputs) this.#taken.add(name);
  }

  node(node: Node, opset: number): NodeProto {
    const row = operationOf(node.operation);
    const { domain = '', since } = row;
    const version = domain === '' ? opset : domainVersions[domain];
    if (since > version) {
      throw new GraphError(`${node.operation} needs operator set ${since} or later. Got ${version}.`);
    }
    const { attributes = {}, settings = [] } = row.onnx?.(node.attributes) ?? {};
    const input = [
      ...node.inputs.map((tensor) => this.#nameOf(tensor)),
      ...settings.map((values) => this.#setting(values)),
    ];
    const output = node.outputs.map((tensor) => this.#nameOf(tensor));
    return create(NodeProtoSchema, {
      opType: node.operation,
      domain,
      name: this.#unique(`${node.operation}/`),
      input,
      output,
      attribute: Object.entries(attributes).map(([name, value]) => attribute(name, value)),
    });
  }

  /** Copies for outputs that are inputs, constants, or another output as well. */
  renamedOutputs(): NodeProto[] {
    return this.#outputs
      .filter(({ name, tensor }) => this.#names.get(tensor) !== name)
      .map(({ name, tensor }) =>
        create(NodeProtoSchema, {
          opType: 'Identity',
          name: this.#unique('Identity/'),
          input: [this.#nameOf(tensor)],
          output: [name],
        }),
      );
  }

  #nameOf(tensor: Tensor): string {
    const known = this.#names.get(tensor);
    if (known !== undefined) return known;
    let name: string;
    if (tensor.source.kind === 'constant') {
      name = this.#unique(tensor.source.name ?? 'constant_', tensor.source.name !== undefined);
      this.initializers.push(initializer(name, tensor.type as ConstantType, tensor.source.data, tensor.shape));
    } else {
      name = this.#unique(tensor.source.kind === 'node' ? `${tensor.source.node.operation}_` : 'value_');
    }
    this.#names.set(tensor, name);
    return name;
  }

  #setting(values: readonly number[] | number): string {
    const key = JSON.stringify(values);
    let name = this.#settings.get(key);
    if (name === undefined) {
      const [list, shape] = typeof values === 'number' ? [[values], []] : [values, [values.length]];
      name = this.#unique('setting_');
      this.initializers.push(initializer(name, 'int64', BigInt64Array.from(list, BigInt), shape));
      this.#settings.set(key, name);
    }
    return name;
  }

  /** The prefix with the first free number behind it; the prefix alone where that is asked for and free. */
  #unique(prefix: string, alone = false): string {
    let name = prefix;
    while (!alone || this.#taken.has(name)) {
      const count = this.#counts.get(prefix) ?? 0;
      this.#counts.set(prefix, count + 1);
      name = `${prefix}${count}`;
      alone = true;
    }
    this.#taken.add(name);
    return name;
  }
}

function initializer(name: string, type: ConstantType, data: ArrayOf[ConstantType], shape: Shape): TensorProto {
  const dims = shape.map((dim) => BigInt(dim));
  const dataType = toOnnxType(type);
  if (Array.isArray(data)) {
    const encoder = new TextEncoder();
    return create(TensorProtoSchema, { name, dims, dataType, stringData: data.map((text) => encoder.encode(text)) });
  }
  const { buffer, byteOffset, byteLength } = data as Exclude<ArrayOf[ConstantType], readonly string[]>;
  return create(TensorProtoSchema, { name, dims, dataType, rawData: new Uint8Array(buffer, byteOffset, byteLength) });
}

function attribute(name: string, value: OnnxAttribute): AttributeProto {
  const encoder = new TextEncoder();
  if ('int' in value) {
    return create(AttributeProtoSchema, { name, type: AttributeType.INT, i: BigInt(value.int) });
  }
  if ('float' in value) return create(AttributeProtoSchema, { name, type: AttributeType.FLOAT, f: value.float });
  if ('string' in value) {
    return create(AttributeProtoSchema, { name, type: AttributeType.STRING, s: encoder.encode(value.string) });
  }
  if ('ints' in value) {
    return create(AttributeProtoSchema, { name, type: AttributeType.INTS, ints: value.ints.map(BigInt) });
  }
  if ('strings' in value) {
    const strings = value.strings.map((text) => encoder.encode(text));
    return create(AttributeProtoSchema, { name, type: AttributeType.STRINGS, strings });
  }
  const t = initializer('', value.type as ConstantType, arrayOfOne(value.type, value.scalar), [1]);
  return create(AttributeProtoSchema, { name, type: AttributeType.TENSOR, t });
}

function arrayOfOne(type: DataType, value: number): ArrayOf[ConstantType] {
  switch (type) {
    case 'float32':
      return Float32Array.of(value);
    case 'float64':
      return Float64Array.of(value);
    case 'int32':
      return Int32Array.of(value);
    case 'int64':
      return BigInt64Array.of(BigInt(value));
    default:
      return Uint8Array.of(value);
  }
}

function valueInfo(name: string, type: DataType, shape: Shape): ValueInfoProto {
  const dim = shape.map((size) =>
    typeof size === 'number'
      ? { value: { case: 'dimValue' as const, value: BigInt(size) } }
      : { value: { case: 'dimParam' as const, value: size.replaceAll('|1', '_or_1') } },
  );
  return create(ValueInfoProtoSchema, {
    name,
    type: { value: { case: 'tensorType', value: { elemType: toOnnxType(type), shape: { dim } } } },
  });
}
