/** From a tensor program to an ONNX model. The same program gives the same model. */
import { create } from '@bufbuild/protobuf';
import { toOnnxType, type DataType } from '../onnx/datatypes.ts';
import { createModel, type ModelProto } from '../onnx/model.ts';
import {
  AttributeProto_AttributeType as AttributeType,
  AttributeProtoSchema,
  GraphProtoSchema,
  NodeProtoSchema,
  TensorProtoSchema,
  ValueInfoProtoSchema,
  type AttributeProto,
  type GraphProto,
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
  /** Version of the default operator set; when left out, 18, or a later one that an operation needs. */
  opset?: number;
  irVersion?: number;
  /** What viewers show as the graph's name. */
  name?: string;
}

/**
 * Operator set 18 (ONNX 1.13, 2022) is the first with all that the table uses: reductions with their axes as inputs
 * and scatter with `max`. IR version 8 and ai.onnx.ml 3 are those of the same release, so that every runtime since
 * then loads the files: onnxruntime 1.14 and later, where 1.30 goes up to operator set 26, IR version 13, ai.onnx.ml 5.
 * A program with an operation that is newer gets the first operator set that has it, up to 20 so far: onnxruntime 1.17
 * and later. `com.microsoft` is onnxruntime's own.
 */
const leastOpset = 18;
/** IR version 9 came with operator set 19, and is that of 20. */
const irVersionOf = (opset: number) => (opset < 19 ? 8 : 9);
const domainVersions: Record<string, number> = { 'ai.onnx.ml': 3, 'com.microsoft': 1 };

/** @throws GraphError when the program has no output, or an operation needs a later operator set. */
export function lowerProgram(program: Program, options: ModelOptions = {}): ModelProto {
  const { metadata = {}, name = 'tradewind' } = options;
  if (program.outputs.length === 0) throw new GraphError('A program must have an output.');
  const scope: Scope = {
    opset: options.opset,
    needed: leastOpset,
    taken: new Set(),
    counts: new Map(),
    domains: new Set(),
  };
  const graph = new Writer(program, scope).graph(name);
  const { opset = scope.needed } = options;
  const domains = [...scope.domains].filter((domain) => domain !== '').toSorted();
  return createModel({
    irVersion: BigInt(options.irVersion ?? irVersionOf(opset)),
    opsetImport: [
      { domain: '', version: BigInt(opset) },
      ...domains.map((domain) => ({ domain, version: BigInt(domainVersions[domain]) })),
    ],
    producerName: 'tradewind',
    graph,
    metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
  });
}

/** The tensors that the outputs depend on. */
function neededFor(outputs: Program['outputs']): Set<Tensor> {
  const needed = new Set<Tensor>();
  const nodes = new Set<Node>();
  const open = outputs.map((output) => output.tensor);
  for (let tensor = open.pop(); tensor !== undefined; tensor = open.pop()) {
    needed.add(tensor);
    if (tensor.source.kind !== 'node' || nodes.has(tensor.source.node)) continue;
    nodes.add(tensor.source.node);
    open.push(...tensor.source.node.inputs);
  }
  return needed;
}

/** What a graph and the bodies in it share: a name may stand for one value only in all of them. */
interface Scope {
  /** The version of the default operator set, where it was asked for. */
  readonly opset: number | undefined;
  /** The first version that has all operations written so far. */
  needed: number;
  readonly taken: Set<string>;
  readonly counts: Map<string, number>;
  readonly domains: Set<string>;
}

/** Where a body is: the name of its loop, and the names of the values that it captures. */
interface Around {
  readonly loop: string;
  nameOf(outer: Tensor): string;
}

class Writer {
  readonly #program: Program;
  readonly #scope: Scope;
  readonly #around: Around | undefined;
  readonly #initializers: TensorProto[] = [];
  readonly #names = new Map<Tensor, string>();
  readonly #outputs: { name: string; tensor: Tensor }[];
  readonly #settings = new Map<string, string>();
  readonly #needed: Set<Tensor>;

  constructor(program: Program, scope: Scope, around?: Around) {
    this.#program = program;
    this.#scope = scope;
    this.#around = around;
    this.#needed = neededFor(program.outputs);
    // In a body, names are its own affair; those of the model's inputs and outputs are for others to use.
    const named = (name: string) => this.#unique(around === undefined ? name : `${around.loop}/${name}`, true);
    for (const input of program.inputs) this.#names.set(input, named(input.source.name));
    this.#outputs = program.outputs.map(({ name, tensor }) => ({ name: named(name), tensor }));
    for (const { name, tensor } of this.#outputs) {
      // A tensor that already has a name is copied to the output by `#renamedOutputs`.
      if (tensor.source.kind === 'node' && !this.#names.has(tensor)) this.#names.set(tensor, name);
    }
  }

  graph(name: string): GraphProto {
    const node = this.#program.nodes
      .filter(({ outputs }) => outputs.some((tensor) => this.#needed.has(tensor)))
      .map((one) => this.#node(one));
    node.push(...this.#renamedOutputs());
    return create(GraphProtoSchema, {
      name,
      node,
      initializer: this.#initializers,
      input: this.#program.inputs.map((input) => valueInfo(this.#nameOf(input), input.type, input.shape)),
      output: this.#outputs.map((output) => valueInfo(output.name, output.tensor.type, output.tensor.shape)),
    });
  }

  #node(node: Node): NodeProto {
    const row = operationOf(node.operation);
    const { domain = '', since } = row;
    const { opset, domains } = this.#scope;
    if (domain === '') this.#scope.needed = Math.max(this.#scope.needed, since);
    const version = domain === '' ? (opset ?? since) : domainVersions[domain];
    domains.add(domain);
    if (since > version) {
      throw new GraphError(`${node.operation} needs operator set ${since} or later. Got ${version}.`);
    }
    const { attributes = {}, settings = [], inputs } = row.onnx?.(node.attributes) ?? {};
    const values = node.inputs.map((tensor) => this.#nameOf(tensor));
    const input = [...values.slice(0, inputs), ...settings.map((setting) => this.#setting(setting))];
    const last = node.outputs.findLastIndex((tensor) => this.#needed.has(tensor));
    const written = Math.max(row.needed ?? node.outputs.length, last + 1);
    const output = node.outputs.slice(0, written).map((tensor) => this.#nameOf(tensor));
    const name = this.#unique(`${node.operation}/`);
    const attributeOf = ([key, value]: [string, OnnxAttribute]) =>
      'body' in value ? this.#body(key, value.body, name) : attribute(key, value);
    return create(NodeProtoSchema, {
      opType: node.operation,
      domain,
      name,
      input,
      output,
      attribute: Object.entries(attributes).map(attributeOf),
    });
  }

  #body(name: string, body: Program, loop: string): AttributeProto {
    const around: Around = { loop, nameOf: (outer) => this.#nameOf(outer) };
    const g = new Writer(body, this.#scope, around).graph(loop);
    return create(AttributeProtoSchema, { name, type: AttributeType.GRAPH, g });
  }

  /** Copies for outputs that are inputs, constants, or another output as well. */
  #renamedOutputs(): NodeProto[] {
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
    if (tensor.source.kind === 'captured') {
      name = this.#around!.nameOf(tensor.source.outer);
    } else if (tensor.source.kind === 'constant') {
      name = this.#unique(tensor.source.name ?? 'constant_', tensor.source.name !== undefined);
      this.#initializers.push(initializer(name, tensor.type as ConstantType, tensor.source.data, tensor.shape));
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
      this.#initializers.push(initializer(name, 'int64', BigInt64Array.from(list, BigInt), shape));
      this.#settings.set(key, name);
    }
    return name;
  }

  /** The prefix with the first free number behind it; the prefix alone where that is asked for and free. */
  #unique(prefix: string, alone = false): string {
    const { taken, counts } = this.#scope;
    let name = prefix;
    while (!alone || taken.has(name)) {
      const count = counts.get(prefix) ?? 0;
      counts.set(prefix, count + 1);
      name = `${prefix}${count}`;
      alone = true;
    }
    taken.add(name);
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

function attribute(name: string, value: Exclude<OnnxAttribute, { body: Program }>): AttributeProto {
  const encoder = new TextEncoder();
  if ('int' in value) {
    return create(AttributeProtoSchema, { name, type: AttributeType.INT, i: BigInt(value.int) });
  }
  if ('float' in value) return create(AttributeProtoSchema, { name, type: AttributeType.FLOAT, f: value.float });
  if ('string' in value) {
    return create(AttributeProtoSchema, { name, type: AttributeType.STRING, s: encoder.encode(value.string) });
  }
  if ('ints' in value) {
    return create(AttributeProtoSchema, { name, type: AttributeType.INTS, ints: Array.from(value.ints, BigInt) });
  }
  if ('floats' in value) {
    return create(AttributeProtoSchema, { name, type: AttributeType.FLOATS, floats: Array.from(value.floats) });
  }
  if ('strings' in value) {
    // Of many strings that are alike, as the modes of trees' nodes, one is encoded.
    const encoded = new Map([...new Set(value.strings)].map((text) => [text, encoder.encode(text)]));
    const strings = value.strings.map((text) => encoded.get(text)!);
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
