/** Graphs are ONNX to others too: Python's onnx checks them, and Python's onnxruntime gives what it gives here. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { gradients } from '../../../compute/graph/gradients.ts';
import type { Tensor } from '../../../compute/graph/program.ts';
import { encodeModel } from '../../../compute/onnx/model.ts';
import { openSession, type TensorValue } from '../../../compute/onnx/session.ts';
import { elements } from '../../../compute/training/initializers.ts';
import { adam, adamW, sgd } from '../../../compute/training/optimizers.ts';
import { tensorNames, type TrainingProgram } from '../../../compute/training/program.ts';
import { cosine, warmUp } from '../../../compute/training/schedules.ts';
import { Random } from '../../../contracts/random.ts';
import { noPython, python, withPython } from '../../python.ts';
import { classifier, linearRegression, spirals } from '../training/networks.ts';
import { cases } from './cases.ts';
import { gradientCases } from './gradient-cases.ts';
import { CheckedGraph, weighted } from './gradient-check.ts';
import { arrayOf, FedGraph } from './running.ts';

interface GraphCase {
  name: string;
  /** ONNX file. */
  model: Uint8Array;
  feeds: Readonly<Record<string, TensorValue>>;
}

/** The names of the outputs are the program's. */
function caseOf(name: string, g: FedGraph, outputs: Readonly<Record<string, Tensor>>): GraphCase {
  for (const [output, tensor] of Object.entries(outputs)) g.output(output, tensor);
  return { name, model: encodeModel(g.toModel()), feeds: g.feeds };
}

const operationGraphs = (): GraphCase[] =>
  Object.entries(cases).map(([name, { build }]) => {
    const g = new FedGraph();
    return caseOf(name, g, { out: build(g) });
  });

/** On random shapes and values. */
const gradientGraphs = (): GraphCase[] =>
  Object.entries(gradientCases).flatMap(([operation, given]) => {
    if ('none' in given) return [];
    return Object.entries(given.programs).map(([title, build], seed) => {
      const g = new CheckedGraph(given.type ?? 'float64', seed);
      const loss = weighted(g, build(g));
      const found = gradients(g, loss, g.variables as Tensor<'float64'>[]);
      const named = Object.fromEntries(found.map((gradient, i) => [`gradient_${i}`, gradient]));
      return caseOf(`${operation}, ${title}`, g, { loss, ...named });
    });
  });

/** Three steps, the last of a smaller batch. */
function trainingGraph(name: string, program: TrainingProgram, rows: GraphCase['feeds'], count: number): GraphCase {
  const random = new Random(3);
  const integer = (value: number): TensorValue => ({
    datatype: 'int64',
    shape: [],
    data: BigInt64Array.of(BigInt(value)),
  });
  const states = program.states.map(({ name: state, shape }) => {
    // What an optimizer remembers is squares in part.
    const values = Array.from(
      { length: elements(shape) },
      () => random.uniform() - (state.startsWith('slots/') ? 0 : 0.5),
    );
    return [state, { datatype: 'float32', shape, data: arrayOf('float32', values) }] as const;
  });
  const order = Int32Array.from({ length: count }, (_, i) => (i * 7) % count);
  return {
    name,
    model: program.model,
    feeds: {
      ...Object.fromEntries(Object.entries(rows).map(([column, value]) => [tensorNames.row(column), value])),
      ...Object.fromEntries(states),
      [tensorNames.order]: { datatype: 'int32', shape: [count], data: order },
      [tensorNames.first]: integer(1),
      [tensorNames.batches]: integer(3),
      [tensorNames.seed]: integer(11),
      [tensorNames.step]: integer(4),
    },
  };
}

function trainingGraphs(): GraphCase[] {
  const count = 60;
  const { x, label } = spirals(count).rows;
  const points: TensorValue = { datatype: 'float32', shape: [count, 2], data: x };
  const target: TensorValue = { datatype: 'float32', shape: [count, 1], data: x.filter((_, i) => i % 2 === 0) };
  const labels: TensorValue = { datatype: 'int64', shape: [count], data: label };
  const optimizers = {
    'gradient descent': sgd(),
    'momentum and a schedule': sgd({ momentum: 0.9, nesterov: true }),
    Adam: adam(),
    'AdamW with decay': adamW(),
  };
  return [
    trainingGraph('a perceptron', classifier(16), { x: points, label: labels }, count),
    ...Object.entries(optimizers).map(([name, optimizer]) => {
      const settings = { learningRate: warmUp(3, cosine(0.1, { steps: 20 })), batchSize: 16, weightDecay: 0.01 };
      const program = linearRegression({ ...settings, optimizer, clip: { norm: 1 } });
      return trainingGraph(name, program, { x: points, y: target }, count);
    }),
  ];
}

type Outcome = { outputs: Readonly<Record<string, TensorValue>> } | { error: string };

/** A tensor as it passes to Python and back. */
interface Sent {
  type: TensorValue['datatype'];
  shape: readonly number[];
  /** Base64, or strings as they are. */
  data: string | readonly string[];
}

function toSent({ datatype, shape, data }: TensorValue): Sent {
  if (!ArrayBuffer.isView(data)) return { type: datatype, shape, data };
  return { type: datatype, shape, data: Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64') };
}

const arrays = {
  float32: Float32Array,
  float64: Float64Array,
  int32: Int32Array,
  int64: BigInt64Array,
  bool: Uint8Array,
  uint8: Uint8Array,
};

function fromSent({ type, shape, data }: Sent): TensorValue {
  if (typeof data !== 'string') return { datatype: type, shape, data };
  const bytes = new Uint8Array(Buffer.from(data, 'base64'));
  return { datatype: type, shape, data: new arrays[type as keyof typeof arrays](bytes.buffer) };
}

const script = fileURLToPath(new URL('./check_graphs.py', import.meta.url));

async function inPython(graphs: readonly GraphCase[]): Promise<Outcome[]> {
  const folder = await mkdtemp(join(tmpdir(), 'tradewind-graphs-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const request = await Promise.all(
    graphs.map(async ({ model, feeds }, i) => {
      const path = join(folder, `${i}.onnx`);
      await writeFile(path, model);
      return {
        model: path,
        feeds: Object.fromEntries(Object.entries(feeds).map(([name, value]) => [name, toSent(value)])),
      };
    }),
  );
  await writeFile(join(folder, 'request.json'), JSON.stringify(request));
  const { stdout } = await promisify(execFile)(python, [script, join(folder, 'request.json')], { maxBuffer: 2 ** 28 });
  const answers = JSON.parse(stdout) as ({ outputs: Record<string, Sent> } | { error: string })[];
  return answers.map((answer) => {
    if ('error' in answer) return answer;
    return {
      outputs: Object.fromEntries(Object.entries(answer.outputs).map(([name, sent]) => [name, fromSent(sent)])),
    };
  });
}

async function here({ model, feeds }: GraphCase): Promise<Readonly<Record<string, TensorValue>>> {
  const session = await openSession(model);
  try {
    return await session.run(feeds);
  } finally {
    await session.close();
  }
}

/** Of float32; those of float64 are closer. */
const tolerance = 1e-5;

/** What is wrong with the answer of Python's, if anything. */
function difference(ours: TensorValue, theirs: TensorValue | undefined): string | undefined {
  const spelled = (value?: TensorValue) => (value ? `${value.datatype} [${value.shape.join(', ')}]` : 'nothing');
  if (spelled(ours) !== spelled(theirs)) return `is ${spelled(theirs)} there, ${spelled(ours)} here`;
  for (const [i, value] of Array.from<unknown>(ours.data as ArrayLike<unknown>).entries()) {
    const other: unknown = theirs!.data[i];
    const near = typeof value === 'number' && Math.abs(value - Number(other)) <= tolerance * (1 + Math.abs(value));
    if (!near && !Object.is(value, other)) return `[${i}] is ${String(other)} there, ${String(value)} here`;
  }
  return undefined;
}

async function complaints(graphs: readonly GraphCase[]): Promise<string[]> {
  const answers = await inPython(graphs);
  expect(answers).toHaveLength(graphs.length);
  const found: string[] = [];
  for (const [i, graph] of graphs.entries()) {
    const answer = answers[i];
    if ('error' in answer) {
      found.push(`${graph.name}: ${answer.error}`);
      continue;
    }
    for (const [output, value] of Object.entries(await here(graph))) {
      const said = difference(value, answer.outputs[output]);
      if (said !== undefined) found.push(`${graph.name}: ${output} ${said}`);
    }
  }
  return found;
}

const lists: Readonly<Record<string, () => readonly GraphCase[]>> = {
  'the operations': operationGraphs,
  'the gradients of the operations': gradientGraphs,
  training: trainingGraphs,
};

describe.skipIf(noPython !== undefined)(withPython('in Python'), () => {
  it.each(Object.entries(lists))(
    'the graphs of %s pass the ONNX checker and give the same results',
    async (_, list) => {
      expect(await complaints(list())).toEqual([]);
    },
  );
});
