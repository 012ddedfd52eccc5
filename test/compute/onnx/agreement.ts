/**
 * `agreement.ts <provider>`: runs programs on the CPU and on a provider, and prints how far apart their results are, as
 * JSON. A program of its own, as a provider may need another environment, and as a driver may crash.
 */
import { fileURLToPath } from 'node:url';
import { encodeModel } from '../../../compute/onnx/model.ts';
import { openSession, type TensorValue } from '../../../compute/onnx/session.ts';
import { train } from '../../../compute/training/train.ts';
import type { Provider } from '../../../contracts/execution.ts';
import { cases } from '../graph/cases.ts';
import { FedGraph } from '../graph/running.ts';
import { classifier, spirals } from '../training/networks.ts';
import { programs, type BuildProgram } from './programs.ts';

export const agreementProgram = fileURLToPath(import.meta.url);

export interface Agreement {
  /** Program and output. */
  name: string;
  datatype: string;
  /** Float results: the largest `|x − cpu| / (1 + |cpu|)`. */
  distance?: number;
  /** Other results: how many elements differ. */
  differing?: number;
  /** Why there is nothing to compare. */
  error?: string;
}

const floats: readonly string[] = ['float32', 'float64'];

export function compare(name: string, cpu: TensorValue, other: TensorValue): Agreement {
  const { datatype } = cpu;
  const [is, was] = [other, cpu].map((value) => `${value.datatype} [${value.shape.join(', ')}]`);
  if (is !== was) return { name, datatype, error: `${is} in place of ${was}` };
  const pairs = Array.from(cpu.data as ArrayLike<unknown>, (x, i) => [x, other.data[i]]);
  const unequal = pairs.filter(([x, y]) => !Object.is(x, y) && x !== y);
  if (!floats.includes(datatype)) return { name, datatype, differing: unequal.length };
  const distances = unequal.map(([x, y]) => Math.abs(Number(x) - Number(y)) / (1 + Math.abs(Number(x))));
  if (!distances.every(Number.isFinite))
    return { name, datatype, error: 'a value that is not finite, in one of the two' };
  return { name, datatype, distance: Math.max(0, ...distances) };
}

async function results(model: Uint8Array, feeds: FedGraph['feeds'], provider: Provider) {
  const session = await openSession(model, { provider });
  try {
    return await session.run(feeds);
  } finally {
    await session.close();
  }
}

/** In one graph, as starting a session is what takes time; one by one where that fails, to see which of them it is. */
async function agree(builds: Readonly<Record<string, BuildProgram>>, provider: Provider): Promise<Agreement[]> {
  const g = new FedGraph();
  for (const [name, build] of Object.entries(builds)) {
    for (const [output, tensor] of Object.entries(build(g))) g.output(`${name}: ${output}`, tensor);
  }
  const model = encodeModel(g.toModel());
  const cpu = await results(model, g.feeds, 'cpu');
  try {
    const other = await results(model, g.feeds, provider);
    return Object.entries(cpu).map(([name, value]) => compare(name, value, other[name]));
  } catch (error) {
    const single = Object.entries(builds);
    if (single.length === 1) return [{ name: single[0][0], datatype: '', error: (error as Error).message }];
    const apart = await Promise.all(single.map(([name, build]) => agree({ [name]: build }, provider)));
    return apart.flat();
  }
}

/** A network trained for two epochs, whose last batch is a smaller one: differences of single steps add up. */
async function agreeInTraining(provider: Provider): Promise<Agreement[]> {
  const trained = async (on: Provider) =>
    train(classifier(), spirals(80), {
      epochs: 2,
      seed: 1,
      threads: 1,
      execution: { provider: on },
      runMilliseconds: 10_000,
    });
  const [cpu, other] = [await trained('cpu'), await trained(provider)];
  const value = (data: readonly number[] | Float32Array): TensorValue => ({
    datatype: 'float32',
    shape: [data.length],
    data: Float32Array.from(data),
  });
  return [
    compare('training: losses', value(cpu.losses), value(other.losses)),
    ...Object.entries(cpu.parameters).map(([name, { data }]) =>
      compare(`training: ${name}`, value(data), value(other.parameters[name].data)),
    ),
  ];
}

if (process.argv[1] === agreementProgram) {
  const provider = process.argv[2] as Provider;
  const operations = Object.entries(cases).map(([name, { build }]) => [name, (g: FedGraph) => ({ y: build(g) })]);
  const all = { ...(Object.fromEntries(operations) as Record<string, BuildProgram>), ...programs };
  const found = [...(await agree(all, provider)), ...(await agreeInTraining(provider))];
  const text = JSON.stringify(found);
  process.stdout.write(`\n${text}\n`, () => process.exit(0));
}
