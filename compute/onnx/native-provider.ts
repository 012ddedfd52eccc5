/** A provider as onnxruntime-node is asked for it, and the smallest proof that it runs a graph. */
import { readFileSync } from 'node:fs';
import * as ort from 'onnxruntime-node';
import { numberedGpus, type Execution, type Provider } from '../../contracts/execution.ts';
import { Graph } from '../graph/graph.ts';
import { decodeModel, encodeModel, type ModelProto } from './model.ts';

type ProviderConfig = ort.InferenceSession.ExecutionProviderConfig;

/**
 * @param model - path or bytes of what is to run
 * @throws TradewindError `ARTIFACT_CORRUPT` when the model must be read for it, and cannot be
 */
export function nativeProvider({ provider, gpu = 0 }: Execution, model: string | Uint8Array): ProviderConfig {
  if (numberedGpus.includes(provider)) return { name: provider, deviceId: gpu };
  if (provider !== 'webgpu') return provider;
  const { graph } = decodeModel(typeof model === 'string' ? readFileSync(model) : model);
  const onCpu = nodesOf(graph).filter(({ opType, output }) => opType === 'MaxPool' && output.length > 1);
  // WebGPU's provider of onnxruntime 1.30 takes these nodes, and then fails in them: "The Indices output is not
  // supported yet". The gradient of a largest value needs to know where it was.
  return onCpu.length === 0 ? provider : { name: provider, forceCpuNodeNames: onCpu.map(({ name }) => name) };
}

type GraphProto = NonNullable<ModelProto['graph']>;

/** Of the graph and of the bodies of its loops and branches. */
function nodesOf(graph: GraphProto | undefined): GraphProto['node'] {
  return (graph?.node ?? []).flatMap((node) => [node, ...node.attribute.flatMap(({ g }) => nodesOf(g))]);
}

/** What onnxruntime-node of this platform can be asked for; whether it can do it is another question. */
export function listedProviders(): string[] {
  return ort.listSupportedBackends().map(({ name }) => name);
}

/** Of the others not every operation of the proof is known to be theirs. */
const strict: readonly Provider[] = ['cuda', 'tensorrt', 'webgpu'];

/**
 * Runs a small graph on a provider.
 * @throws whatever onnxruntime throws where that does not work
 */
export async function proveProvider(execution: Execution): Promise<void> {
  const graph = new Graph();
  const x = graph.input('x', 'float32', [2, 2]);
  graph.output('y', graph.add(graph.matmul(x, x), 1));
  const model = encodeModel(graph.toModel());
  const native = await ort.InferenceSession.create(model, {
    executionProviders: [nativeProvider(execution, model)],
    // Else a provider that takes no node at all would pass.
    ...(strict.includes(execution.provider) && { extra: { session: { disable_cpu_ep_fallback: '1' } } }),
  });
  try {
    const { y } = await native.run({ x: new ort.Tensor('float32', Float32Array.of(1, 2, 3, 4), [2, 2]) });
    // [1 2; 3 4]² + 1: sums of small integers, exact in any precision that a GPU may choose.
    const values = [...(y.data as Float32Array)];
    if (values.join() !== '8,11,16,23') throw new Error(`it computes wrongly: ${values.join(', ')}`);
  } finally {
    await native.release();
  }
}
