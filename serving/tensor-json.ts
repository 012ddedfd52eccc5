/** Tensors of the Open Inference Protocol's JSON, checked against a model's signature. */
import { z } from 'zod';
import { recommenderTensors as names } from '../contracts/artifacts.ts';
import { TradewindError } from '../contracts/errors.ts';
import type { Datatype, ModelFacts, Tensor, TensorSignature } from './inference-messages.ts';

const parameters = z.record(z.string(), z.unknown()).optional();

export const inferSchema = z.object({
  id: z.string().max(512).optional(),
  parameters,
  inputs: z.array(
    z.object({
      name: z.string(),
      shape: z.array(z.int().min(0)).max(8),
      datatype: z.string(),
      parameters,
      data: z.array(z.unknown()),
    }),
  ),
  outputs: z.array(z.object({ name: z.string(), parameters })).optional(),
});
export type InferBody = z.output<typeof inferSchema>;

export interface TensorJson {
  name: string;
  datatype: Datatype;
  shape: number[];
  /** Flat, row-major. */
  data: (string | number | boolean)[];
}

/** Largest number of scores that one request may ask for, so that a run stays well below a second (law 3). */
const maxScores = 1 << 24;

/**
 * @returns the tensors, and the names of the wanted outputs
 * @throws TradewindError `REQUEST_INVALID` for tensors that do not fit the model's signature or one another
 */
export function readTensors(body: InferBody, facts: ModelFacts): { tensors: Tensor[]; outputs: string[] } {
  for (const { name } of body.inputs) {
    if (!facts.inputs.some((input) => input.name === name)) {
      throw refuse(`The input "${name}"`, `be one of the model: ${listed(facts.inputs)}`);
    }
  }
  const tensors = facts.inputs.map((signature): Tensor => {
    const given = body.inputs.filter((input) => input.name === signature.name);
    if (given.length !== 1) {
      throw refuse(`The input "${signature.name}"`, 'be there once', `${given.length} of it`);
    }
    return readTensor(given[0], signature);
  });
  checkTogether(tensors, facts.items);
  const outputs = body.outputs?.map(({ name }) => name) ?? [];
  for (const name of outputs) {
    if (!facts.outputs.some((output) => output.name === name)) {
      throw refuse(`The output "${name}"`, `be one of the model: ${listed(facts.outputs)}`);
    }
  }
  return { tensors, outputs: outputs.length > 0 ? [...new Set(outputs)] : facts.outputs.map(({ name }) => name) };
}

export function writeTensor({ name, datatype, shape, data }: Tensor): TensorJson {
  return { name, datatype, shape, data: Array.from<string | number | bigint, string | number | boolean>(data, write) };

  function write(value: string | number | bigint): string | number | boolean {
    if (datatype === 'BOOL') return value === 1;
    if (typeof value === 'bigint') return Number(value);
    if (typeof value === 'string') return value;
    // JSON has no infinities: a place that no allowed item fills carries the lowest float32.
    if (value === -Infinity) return -3.4028234663852886e38;
    return Number(value.toPrecision(9));
  }
}

function readTensor(given: InferBody['inputs'][number], { name, datatype, shape }: TensorSignature): Tensor {
  const subject = `The input "${name}"`;
  if (given.datatype !== datatype) throw refuse(`${subject}`, `have the datatype ${datatype}`, given.datatype);
  if (given.shape.length !== shape.length || shape.some((size, i) => size !== -1 && size !== given.shape[i])) {
    throw refuse(subject, `have the shape [${shape.join(', ')}], where -1 is free`, `[${given.shape.join(', ')}]`);
  }
  const size = given.shape.reduce((product, n) => product * n, 1);
  const flat = flatten(given.data, given.shape);
  if (flat === undefined || flat.length !== size) {
    const found = flat === undefined ? 'lists of other lengths' : `${flat.length}`;
    throw refuse(subject, `hold the ${size} elements of its shape, flat or nested`, found);
  }
  return { name, datatype, shape: given.shape, data: elements[datatype](flat, subject) };
}

const elements: Record<Datatype, (flat: unknown[], subject: string) => Tensor['data']> = {
  BYTES: (flat, subject) => {
    // The runtime takes a string to end at its first NUL.
    if (!flat.every((value) => typeof value === 'string' && !value.includes('\0'))) {
      throw refuse(subject, 'hold strings without NUL only');
    }
    return flat as string[];
  },
  FP32: (flat, subject) => {
    const data = new Float32Array(flat.length);
    for (let i = 0; i < flat.length; i++) {
      const value = flat[i];
      if (typeof value !== 'number') throw refuse(subject, 'hold numbers only', JSON.stringify(value));
      data[i] = value;
      if (!Number.isFinite(data[i])) throw refuse(subject, 'hold numbers within float32', String(value));
    }
    return data;
  },
  BOOL: (flat, subject) => {
    const data = new Uint8Array(flat.length);
    for (let i = 0; i < flat.length; i++) {
      const value = flat[i];
      if (typeof value !== 'boolean') throw refuse(subject, 'hold true and false only', JSON.stringify(value));
      data[i] = value ? 1 : 0;
    }
    return data;
  },
  INT64: (flat, subject) =>
    BigInt64Array.from(flat, (value) => {
      if (!Number.isSafeInteger(value)) throw refuse(subject, 'hold integers below 2^53 only', JSON.stringify(value));
      return BigInt(value as number);
    }),
};

/** Row-major elements of flat data, or of lists nested as the shape says; `undefined` when they are not. */
function flatten(data: unknown[], shape: readonly number[]): unknown[] | undefined {
  if (!Array.isArray(data[0])) return data;
  let level = data;
  for (let depth = 1; depth < shape.length; depth++) {
    if (!level.every((part) => Array.isArray(part) && part.length === shape[depth])) return undefined;
    level = (level as unknown[][]).flat();
  }
  return level;
}

/** What a recommender's tensors must have in common. */
function checkTogether(tensors: Tensor[], items: number): void {
  const byName = Object.fromEntries(tensors.map((tensor) => [tensor.name, tensor]));
  const [history, weights, mask, k] = [names.historyItems, names.historyWeights, names.candidates, names.k].map(
    (name) => byName[name],
  );
  const [batch, length] = history.shape;
  if (batch < 1 || length < 1) {
    throw refuse(`"${history.name}"`, 'have at least one row and one place; "" pads', `[${history.shape.join(', ')}]`);
  }
  if (weights.shape[0] !== batch || weights.shape[1] !== length) {
    throw refuse(
      `"${weights.name}"`,
      `have the shape of "${history.name}", [${batch}, ${length}]`,
      `[${weights.shape.join(', ')}]`,
    );
  }
  if (mask.shape[1] !== items || (mask.shape[0] !== batch && mask.shape[0] !== 1)) {
    throw refuse(
      `"${mask.name}"`,
      `have the shape [${batch}, ${items}] or [1, ${items}]`,
      `[${mask.shape.join(', ')}]`,
    );
  }
  const wanted = Number(k.data[0]);
  if (k.data.length !== 1 || wanted < 1 || wanted > items) {
    throw refuse(`"${k.name}"`, `be one integer in [1, ${items}]`, `${k.data.join(', ')}`);
  }
  if (batch * items > maxScores) {
    throw refuse('The batch', `have at most ${Math.floor(maxScores / items)} rows over ${items} items`, `${batch}`);
  }
}

function listed(tensors: TensorSignature[]): string {
  return tensors.map(({ name }) => name).join(', ');
}

function refuse(subject: string, rule: string, value?: string): TradewindError {
  return new TradewindError('REQUEST_INVALID', {
    subject,
    rule,
    ...(value !== undefined && { value }),
    remedy: 'GET /v2/models/{model} tells what the model takes.',
  });
}
