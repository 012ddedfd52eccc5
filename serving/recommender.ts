/**
 * A packaged recommender, opened: the graph's session, the catalogue and the users' histories. Lives in an inference
 * thread (law 3) and is asked one request at a time, because the candidate mask is one buffer for all of them.
 */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { readArrays, unpackStrings } from '../compute/arrays/safetensors.ts';
import { openSession, type Session, type TensorValue } from '../compute/onnx/session.ts';
import { recommenderTensors as names } from '../contracts/artifacts.ts';
import { TradewindError } from '../contracts/errors.ts';
import { CandidateMask } from './candidate-mask.ts';
import type {
  Datatype,
  ModelFacts,
  ModelFiles,
  Recommendation,
  RecommendedItem,
  RecommendQuery,
  Tensor,
  TensorSignature,
} from './inference-messages.ts';
import { Refusal } from './refusals.ts';

interface Histories {
  users: Map<string, number>;
  /** `[users + 1]` */
  indptr: Int32Array;
  /** Catalogue indices. */
  indices: Int32Array;
  /** Strength of each: number of baskets. */
  counts: Float32Array;
}

const catalogueLineSchema = z.object({
  id: z.string(),
  title: z.string().nullish(),
  category: z.string().nullish(),
  department: z.string().nullish(),
});
type CatalogueEntry = Pick<RecommendedItem, 'id' | 'title' | 'category' | 'department'>;

/** Spelt by onnxruntime, and by the Open Inference Protocol. */
const protocolTypes: Partial<Record<string, Datatype>> = {
  string: 'BYTES',
  float32: 'FP32',
  bool: 'BOOL',
  int64: 'INT64',
};
const graphTypes = { BYTES: 'string', FP32: 'float32', BOOL: 'bool', INT64: 'int64' } as const;

const expectedInputs = {
  [names.historyItems]: 'BYTES',
  [names.historyWeights]: 'FP32',
  [names.candidates]: 'BOOL',
  [names.k]: 'INT64',
} as const satisfies Record<string, Datatype>;
const expectedOutputs = { [names.ids]: 'BYTES', [names.scores]: 'FP32' } as const satisfies Record<string, Datatype>;

export class Recommender {
  readonly facts: ModelFacts;
  /** Time of the latest `run()` of the graph, in milliseconds. */
  runMilliseconds = 0;

  readonly #session: Session;
  readonly #catalogue: CatalogueEntry[];
  readonly #indexOf: Map<string, number>;
  readonly #histories: Histories;
  readonly #mask: CandidateMask;

  private constructor(session: Session, catalogue: CatalogueEntry[], histories: Histories) {
    this.#session = session;
    this.#catalogue = catalogue;
    this.#histories = histories;
    this.#indexOf = new Map(catalogue.map((entry, index) => [entry.id, index]));
    this.#mask = new CandidateMask(catalogue.length);
    this.facts = {
      items: catalogue.length,
      users: histories.users.size,
      exampleUser: histories.users.keys().next().value ?? null,
      inputs: signatureOf(session.inputs),
      outputs: signatureOf(session.outputs),
    };
  }

  /** @throws TradewindError `ARTIFACT_CORRUPT` when the files do not make a recommender */
  static async open(files: ModelFiles): Promise<Recommender> {
    const [{ items, histories }, catalogue] = await Promise.all([
      readHistories(files.histories),
      readCatalogue(files.catalogue),
    ]);
    if (items.length !== catalogue.length || items.some((id, index) => id !== catalogue[index].id)) {
      throw corrupt('catalogue', `list the ${items.length} items of the histories in their order`, 'other items');
    }
    // Requests are spread over threads; a request within one thread has that core to itself.
    const session = await openSession(files.graph, { threads: 1 });
    const recommender = new Recommender(session, catalogue, histories);
    recommender.#checkSignature();
    return recommender;
  }

  /** Scores one history. Fewer than `query.k` items come back only when fewer are allowed. */
  async recommend(query: RecommendQuery): Promise<Recommendation> {
    const history = query.basket === undefined ? this.#storedHistory(query.user ?? '') : this.#basket(query.basket);
    const candidates = query.candidates && this.#lookUp(query.candidates);
    if (candidates !== undefined && candidates.found.length === 0) {
      throw new Refusal(422, 'REQUEST_INVALID', {
        subject: '"candidates"',
        rule: 'hold at least one item of the catalogue',
        value: `${query.candidates?.length ?? 0} unknown ids`,
        remedy: 'Check the ids, or leave "candidates" out to choose from the whole catalogue.',
      });
    }
    const excluded = query.exclude === undefined ? [] : this.#lookUp(query.exclude).found;

    const forbidden = query.lane === 'discovery' ? [history.indices, excluded] : [excluded];
    return this.#mask.with(candidates?.found, forbidden, async (mask, allowed) => ({
      known: history.known,
      unknownItems: history.unknown,
      unknownCandidates: candidates?.unknown ?? 0,
      allowed,
      items: allowed === 0 ? [] : await this.#top(history.ids, history.weights, mask, query.k),
    }));
  }

  /** Runs the graph on tensors that fit its signature. */
  async infer(tensors: Tensor[], outputs: string[]): Promise<Tensor[]> {
    const feeds = Object.fromEntries(
      tensors.map(({ name, datatype, shape, data }) => [name, { datatype: graphTypes[datatype], shape, data }]),
    );
    const results = await this.#run(feeds, outputs);
    return outputs.map((name) => {
      const { datatype, shape, data } = results[name];
      return { name, datatype: protocolTypes[datatype]!, shape: [...shape], data: data as Tensor['data'] };
    });
  }

  /** Takes the first-run costs before a client does: allocations, page faults, compiled paths. */
  async warmUp(): Promise<void> {
    const [firstUser] = this.#histories.users.keys();
    for (let round = 0; round < 3; round++) {
      for (const user of [firstUser ?? '', '']) await this.recommend({ user, lane: 'discovery', k: 10 });
    }
  }

  async close(): Promise<void> {
    await this.#session.close();
  }

  async #top(ids: string[], weights: Float32Array, mask: Uint8Array, k: number): Promise<RecommendedItem[]> {
    const results = await this.#run(
      {
        [names.historyItems]: { datatype: 'string', shape: [1, ids.length], data: ids },
        [names.historyWeights]: { datatype: 'float32', shape: [1, ids.length], data: weights },
        [names.candidates]: { datatype: 'bool', shape: [1, mask.length], data: mask },
        [names.k]: { datatype: 'int64', shape: [1], data: BigInt64Array.of(BigInt(Math.min(k, mask.length))) },
      },
      [names.ids, names.scores],
    );
    const recommended = results[names.ids].data as string[];
    const scores = results[names.scores].data as Float32Array;
    const items: RecommendedItem[] = [];
    for (let i = 0; i < recommended.length && scores[i] !== -Infinity; i++) {
      const entry = this.#catalogue[this.#indexOf.get(recommended[i])!];
      items.push({ ...entry, score: shortest(scores[i]), rank: i + 1 });
    }
    return items;
  }

  async #run(feeds: Record<string, TensorValue>, outputs: string[]): ReturnType<Session['run']> {
    const start = performance.now();
    try {
      return await this.#session.run(feeds, outputs);
    } finally {
      this.runMilliseconds = performance.now() - start;
    }
  }

  #storedHistory(user: string): History {
    const { users, indptr, indices, counts } = this.#histories;
    const row = users.get(user);
    if (row === undefined) return this.#history(new Int32Array(0), new Float32Array(0), false, 0);
    const [from, to] = [indptr[row], indptr[row + 1]];
    return this.#history(indices.subarray(from, to), counts.subarray(from, to), true, 0);
  }

  #basket(basket: { id: string; weight: number }[]): History {
    const weightOf = new Map<number, number>();
    let unknown = 0;
    for (const { id, weight } of basket) {
      const index = this.#indexOf.get(id);
      if (index === undefined) unknown++;
      else weightOf.set(index, (weightOf.get(index) ?? 0) + weight);
    }
    return this.#history([...weightOf.keys()], Float32Array.from(weightOf.values()), weightOf.size > 0, unknown);
  }

  #history(indices: Int32Array | number[], weights: Float32Array, known: boolean, unknown: number): History {
    // A history has at least one place: `""` with weight 0 stands for none.
    if (indices.length === 0) return { indices, ids: [''], weights: new Float32Array(1), known, unknown };
    const ids: string[] = [];
    for (const index of indices) ids.push(this.#catalogue[index].id);
    return { indices, ids, weights, known, unknown };
  }

  #lookUp(ids: string[]): { found: number[]; unknown: number } {
    const found: number[] = [];
    for (const id of ids) {
      const index = this.#indexOf.get(id);
      if (index !== undefined) found.push(index);
    }
    return { found, unknown: ids.length - found.length };
  }

  #checkSignature(): void {
    const { inputs, outputs, items } = this.facts;
    for (const [found, expected] of [
      [inputs, expectedInputs],
      [outputs, expectedOutputs],
    ] as const) {
      for (const [name, datatype] of Object.entries(expected)) {
        const tensor = found.find((t) => t.name === name);
        if (tensor?.datatype !== datatype) {
          throw corrupt('graph', `have a tensor "${name}" of type ${datatype}`, tensor?.datatype ?? 'none');
        }
      }
    }
    const width = inputs.find((t) => t.name === names.candidates)?.shape.at(-1);
    if (width !== -1 && width !== items) {
      throw corrupt('graph', `take a mask over the ${items} items of the catalogue`, `one of ${width}`);
    }
  }
}

interface History {
  /** Distinct catalogue indices. */
  indices: Int32Array | number[];
  ids: string[];
  weights: Float32Array;
  known: boolean;
  unknown: number;
}

async function readCatalogue(path: string): Promise<CatalogueEntry[]> {
  const lines = (await readFile(path, 'utf8')).split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines.map((line, index) => {
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      value = undefined;
    }
    const parsed = catalogueLineSchema.safeParse(value);
    if (!parsed.success) throw corrupt('catalogue', 'hold an item with an id in each line', `line ${index + 1}`);
    const { id, title, category, department } = parsed.data;
    return { id, ...(title && { title }), ...(category && { category }), ...(department && { department }) };
  });
}

async function readHistories(path: string): Promise<{ items: string[]; histories: Histories }> {
  const { arrays } = await readArrays(path);
  const array = <T>(name: string, Type: new (...given: never[]) => T): T => {
    const data = arrays[name]?.data;
    if (!(data instanceof Type)) throw corrupt('histories', `hold the array "${name}"`, Object.keys(arrays).join(', '));
    return data;
  };
  const users = unpackStrings(array('user_bytes', Uint8Array), array('user_offsets', Int32Array));
  const items = unpackStrings(array('item_bytes', Uint8Array), array('item_offsets', Int32Array));
  const histories = {
    users: new Map(users.map((user, row) => [user, row])),
    indptr: array('indptr', Int32Array),
    indices: array('indices', Int32Array),
    counts: array('counts', Float32Array),
  };
  const { indptr, indices, counts } = histories;
  if (indptr.length !== users.length + 1 || indptr.at(-1) !== indices.length || counts.length !== indices.length) {
    throw corrupt('histories', `hold one row for each of ${users.length} users`, `${indptr.length - 1} rows`);
  }
  if (indices.some((index) => index < 0 || index >= items.length)) {
    throw corrupt('histories', `point into a catalogue of ${items.length} items`, 'an index outside of it');
  }
  return { items, histories };
}

function signatureOf(tensors: Session['inputs']): TensorSignature[] {
  return tensors.flatMap(({ name, datatype, shape }) => {
    const protocolType = protocolTypes[datatype];
    return protocolType === undefined ? [] : [{ name, datatype: protocolType, shape: [...shape] }];
  });
}

/** The shortest decimal that gives the same float32 again has at most nine digits. */
function shortest(score: number): number {
  return Number(score.toPrecision(9));
}

function corrupt(role: string, rule: string, value: string): TradewindError {
  return new TradewindError('ARTIFACT_CORRUPT', {
    subject: `The artifact's ${role} file`,
    rule,
    value,
    remedy: 'Run the pipeline again to package the model anew.',
  });
}
