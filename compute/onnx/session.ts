/**
 * Sessions of onnxruntime. Its `run()` and its loading are native calls that block the event loop of the thread they
 * are called in, whatever the promise looks like; and a thread that is terminated during one takes the whole process
 * with it. So this file is for compute processes and for the inference server's worker threads only: never for a
 * process that heartbeats or answers requests on the same thread.
 */
import { existsSync } from 'node:fs';
import * as ort from 'onnxruntime-node';
import { TradewindError } from '../../contracts/errors.ts';
import type { Execution, Provider } from '../../contracts/execution.ts';
import { threadsWithinGrant } from '../pool/grant.ts';
import type { DataType } from './datatypes.ts';
import { providerEnvironment, startedFor } from './gpu-libraries.ts';
import type { TensorSignature } from './model.ts';
import { nativeProvider } from './native-provider.ts';
import { probeProvider, refusal } from './probe.ts';

export type { Execution, Provider } from '../../contracts/execution.ts';

export interface TensorValue {
  readonly datatype: DataType;
  readonly shape: readonly number[];
  /** Row-major; `bool` is a byte of 0 or 1, `int64` a BigInt64Array. */
  readonly data: TensorArray;
}
export type TensorArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | readonly string[];

export interface SessionOptions extends Partial<Execution> {
  /**
   * At least 1, the default. Threads that one `run` may use, the calling one among them; the others are kept by the session between runs. A task
   * of the compute pool gets no more than it was granted.
   */
  threads?: number;
  /**
   * Lets threads wait for their next share of a run by spinning: for those who own their cores and make many short
   * steps. False by default.
   */
  spinning?: boolean;
}

export interface Session {
  readonly provider: Provider;
  readonly inputs: readonly TensorSignature[];
  readonly outputs: readonly TensorSignature[];
  /**
   * Blocks the thread until the results are there.
   * @param wanted - names of the outputs to compute; all when left out.
   * @throws TradewindError `REQUEST_INVALID` when a feed is missing, unknown, or of another type or shape than the
   * graph's input; what the graph itself refuses (an index outside of a tensor) is thrown as onnxruntime words it.
   */
  run(
    feeds: Readonly<Record<string, TensorValue>>,
    wanted?: readonly string[],
  ): Promise<Readonly<Record<string, TensorValue>>>;
  /** Frees the native memory. No `run` may be under way. */
  close(): Promise<void>;
}

// What onnxruntime logs on a failed load it also throws; said twice, it would only clutter the terminal. It takes the
// level from here when a process opens its first session.
ort.env.logLevel = 'fatal';

/**
 * @param model - path of an ONNX file, or its bytes. Loading blocks the thread.
 * @throws RangeError for a number of threads that is no integer of at least 1; onnxruntime would take 0 for all cores.
 * @throws TradewindError `COMPUTE_REFUSED` when the provider or the GPU is not at hand, `ARTIFACT_MISSING` when there
 * is no such file, `ARTIFACT_CORRUPT` when onnxruntime cannot load it.
 */
export async function openSession(model: string | Uint8Array, options: SessionOptions = {}): Promise<Session> {
  const { threads = 1, provider = 'cpu', gpu, spinning = false } = options;
  if (!Number.isInteger(threads) || threads < 1) {
    throw new RangeError(`The number of threads of a session must be an integer of at least 1. Got ${threads}.`);
  }
  const subject = typeof model === 'string' ? model : 'The ONNX model';
  if (typeof model === 'string' && !existsSync(model)) {
    throw new TradewindError('ARTIFACT_MISSING', {
      subject,
      rule: 'be a file',
      value: 'nothing at that path',
      remedy: 'Fetch the artifact again.',
    });
  }
  try {
    const settings: ort.InferenceSession.SessionOptions = {
      executionProviders: [nativeProvider({ provider, gpu }, model)],
      intraOpNumThreads: threadsWithinGrant(threads),
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
      // Threads that wait by spinning answered no sooner and took twice the CPU time, which others on the machine need:
      // a kernel of ours, the event loop, the next session.
      // After a run they stop in either case.
      extra: { session: { intra_op: { allow_spinning: spinning ? '1' : '0' }, force_spinning_stop: '1' } },
    };
    const native =
      typeof model === 'string'
        ? await ort.InferenceSession.create(model, settings)
        : await ort.InferenceSession.create(model, settings);
    return sessionOf(native, provider);
  } catch (cause) {
    // Only now, as asking takes a process and seconds.
    if (provider !== 'cpu') await requireProvider({ provider, gpu });
    throw new TradewindError(
      'ARTIFACT_CORRUPT',
      {
        subject,
        rule: `load in onnxruntime ${ort.env.versions.node ?? ''}`.trimEnd(),
        value: firstLine(cause),
        remedy: 'Export it again with an operator set that this version supports.',
      },
      { cause },
    );
  }
}

/** @throws TradewindError `COMPUTE_REFUSED` when it is the provider that a session failed for */
async function requireProvider(execution: Execution): Promise<void> {
  const { provider } = execution;
  const report = await probeProvider(execution);
  if (!report.usable) throw refusal(report);
  if (startedFor(provider)) return;
  const { LD_LIBRARY_PATH: path = '' } = providerEnvironment(provider);
  throw refusal({
    provider,
    usable: false,
    reason: 'a process that was started without the folder of its libraries',
    remedy: `Start it with LD_LIBRARY_PATH=${path}, as workers start their compute processes`,
  });
}

function sessionOf(native: ort.InferenceSession, provider: Provider): Session {
  const inputs = native.inputMetadata.map(signatureOf);
  const outputs = native.outputMetadata.map(signatureOf);
  return {
    provider,
    inputs,
    outputs,
    async run(feeds, wanted = native.outputNames) {
      checkFeeds(inputs, feeds);
      const nativeFeeds: Record<string, ort.Tensor> = {};
      for (const { name } of inputs) nativeFeeds[name] = toNative(feeds[name]);
      const results = await native.run(nativeFeeds, wanted);
      return Object.fromEntries(wanted.map((name) => [name, fromNative(results[name])]));
    },
    close: () => native.release(),
  };
}

function signatureOf(metadata: ort.InferenceSession.ValueMetadata): TensorSignature {
  if (!metadata.isTensor) throw new Error(`"${metadata.name}" is not a tensor`);
  const shape = metadata.shape.map((dim) => (typeof dim === 'number' ? dim : -1));
  return { name: metadata.name, datatype: metadata.type, shape };
}

function checkFeeds(inputs: readonly TensorSignature[], feeds: Readonly<Record<string, TensorValue>>): void {
  const wrong = (subject: string, rule: string, value: string) =>
    new TradewindError('REQUEST_INVALID', {
      subject,
      rule,
      value,
      remedy: `The model takes ${inputs.map(({ name, ...type }) => `${name}: ${spell(type)}`).join(', ')}.`,
    });
  for (const name of Object.keys(feeds)) {
    if (!inputs.some((input) => input.name === name))
      throw wrong(`Tensor "${name}"`, 'be an input of the model', 'an unknown name');
  }
  for (const { name, datatype, shape } of inputs) {
    const feed = Object.hasOwn(feeds, name) ? feeds[name] : undefined;
    const subject = `Tensor "${name}"`;
    if (feed === undefined) throw wrong(subject, 'be given', 'nothing');
    const fits = feed.shape.length === shape.length && shape.every((dim, i) => dim === -1 || dim === feed.shape[i]);
    if (feed.datatype !== datatype || !fits) {
      throw wrong(subject, `be ${spell({ datatype, shape })}`, spell(feed));
    }
    const elements = feed.shape.reduce((total, dim) => total * dim, 1);
    if (feed.data.length !== elements) {
      throw wrong(subject, `hold the ${elements} elements of its shape`, `${feed.data.length}`);
    }
  }
}

function spell({ datatype, shape }: { datatype: string; shape: readonly number[] }): string {
  return `${datatype} [${shape.map((dim) => (dim === -1 ? 'any' : dim)).join(', ')}]`;
}

function toNative({ datatype, data, shape }: TensorValue): ort.Tensor {
  // The constructor's overloads tie each element type to its array, which the check of feeds has left to it.
  return new ort.Tensor(datatype as 'float32', data as Float32Array, shape);
}

function fromNative(value: ort.OnnxValue): TensorValue {
  const { type, data, dims } = value as ort.Tensor;
  return { datatype: type as DataType, data: data as TensorArray, shape: dims };
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0];
}
