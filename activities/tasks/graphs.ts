/** Exported graphs in a compute process: making one, holding it against the model it came from, judging and proving it. */
import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { readArrays } from '../../compute/arrays/safetensors.ts';
import { describeModel } from '../../compute/onnx/model.ts';
import type { TaskContext } from '../../compute/pool/task.ts';
import type { AlgorithmName } from '../../contracts/algorithms.ts';
import type { Artifact } from '../../contracts/artifacts.ts';
import { TradewindError } from '../../contracts/errors.ts';
import { Random } from '../../contracts/random.ts';
import { writeCatalogue } from '../../data/catalogue.ts';
import { readHeldOut, readInteractions, type Interactions } from '../../data/interactions.ts';
import type { FittedRecommender, Histories } from '../../models/estimator.ts';
import { estimatorOf } from '../../models/registry.ts';
import { openRecommender } from '../recommender-session.ts';
import { taskFiles } from '../task-files.ts';
import { judge, type JudgeInput, type Judgement } from './models.ts';

export interface ExportInput {
  algorithm: AlgorithmName;
  state: string;
  train: string;
  heldOut: string;
  /** Parquet of item descriptions. */
  items?: string;
  metadata: Record<string, string>;
  seed: number;
}
export interface ExportOutput {
  signature: Artifact['signature'];
  items: number;
  users: number;
  verified: { users: number; largestDifference: number };
}

/** How many held-out users the export gate compares, and the places of each. */
const comparedUsers = 200;
const comparedPlaces = 20;
/** Law 6: scores of graph and model agree to this, relative to the largest score of the user. */
const tolerance = 1e-5;

export async function exportModel(input: ExportInput, context: TaskContext): Promise<ExportOutput> {
  const train = await readInteractions(input.train);
  const heldOut = await readHeldOut(input.heldOut);
  const model = await estimatorOf(input.algorithm).load(await readArrays(input.state), { threads: context.threads });
  try {
    const bytes = model.lower(train.items, input.metadata);
    const path = join(context.workDir, taskFiles.graph);
    await writeFile(path, bytes);
    context.progress(0.3, 'graph written');
    await writeCatalogue({ items: train.items, itemsFile: input.items }, join(context.workDir, taskFiles.catalogue));
    context.progress(0.5, 'comparing');
    const verified = await compare(path, model, train, heldOut.rows, input, context);
    const { inputs, outputs } = describeModel(bytes);
    return {
      signature: { inputs, outputs },
      items: train.items.length,
      users: train.users.length,
      verified,
    };
  } finally {
    await model.close();
  }
}

/** The export gate: what the graph answers must be what the model scores, on held-out users and an empty history. */
async function compare(
  path: string,
  model: Pick<FittedRecommender, 'score' | 'items'>,
  train: Interactions,
  judged: Int32Array,
  input: ExportInput,
  context: TaskContext,
): Promise<{ users: number; largestDifference: number }> {
  const graph = await openRecommender(path, train.items, context.threads);
  const random = new Random(input.seed, 6);
  const rows = Array.from(
    { length: Math.min(comparedUsers, judged.length) },
    () => judged[random.integer(judged.length)],
  );
  const scores = new Float32Array(model.items);
  const places = Math.min(comparedPlaces, model.items);
  const position = new Map(train.items.map((id, index) => [id, index]));
  let largestDifference = 0;
  try {
    for (const row of [undefined, ...rows]) {
      const history = row === undefined ? emptyHistory : historyOf(train, row);
      await model.score(history, 0, 1, scores);
      const [list] = await graph.recommend([toIds(history, train.items)], places);
      const scale = Math.max(1, ...list.scores.map(Math.abs));
      for (const [place, id] of list.ids.entries()) {
        const difference = Math.abs(scores[position.get(id)!] - list.scores[place]) / scale;
        largestDifference = Math.max(largestDifference, difference);
      }
      // Nothing that the model likes clearly better may be missing from the graph's list.
      const last = list.scores.at(-1) ?? -Infinity;
      const listed = new Set(list.ids);
      const missed = scores.findIndex((s, i) => s > last + tolerance * scale && !listed.has(train.items[i]));
      if (!(largestDifference <= tolerance) || missed >= 0) {
        throw new TradewindError('EXPORT_MISMATCH', {
          subject: `The exported graph of ${input.algorithm}`,
          rule: `agree with the trained model to ${tolerance}`,
          value:
            missed >= 0
              ? `a list without item ${train.items[missed]}, which the model scores ${scores[missed]}`
              : `a relative difference of ${largestDifference.toExponential(2)}`,
          remedy: 'This is a defect of the export; please report it with the spec. No version was registered.',
        });
      }
    }
    return { users: rows.length, largestDifference };
  } finally {
    await graph.close();
  }
}

const emptyHistory: Histories = { indptr: new Int32Array(2), indices: new Int32Array(0), counts: new Float32Array(0) };

function historyOf(train: Histories, row: number): Histories {
  const from = train.indptr[row];
  const to = train.indptr[row + 1];
  return {
    indptr: Int32Array.of(0, to - from),
    indices: train.indices.slice(from, to),
    counts: train.counts.slice(from, to),
  };
}

function toIds(history: Histories, items: readonly string[]) {
  return { items: Array.from(history.indices, (i) => items[i]), weights: history.counts };
}

/** Places asked beyond the list that is judged, so that ties at its end count as they do for a full row of scores. */
const placesBeyond = 100;
/** Score of what the graph did not list. */
const unlisted = -3.4e38;

/** Judges an exported graph, e.g. the champion's, on any data: ids go in and come out, so catalogues may differ. */
export async function judgeGraph(
  input: JudgeInput & { graph: string; histories: string },
  context: TaskContext,
): Promise<Judgement> {
  const [train, own] = await Promise.all([readInteractions(input.train), readInteractions(input.histories)]);
  const graph = await openRecommender(input.graph, own.items, context.threads);
  // Columns: the catalogue of the data, then what only the graph knows, which is never relevant but takes places.
  const columns = new Map(train.items.map((id, index) => [id, index]));
  for (const id of own.items) if (!columns.has(id)) columns.set(id, columns.size);
  const places = Math.min(input.objective.k + placesBeyond, own.items.length);
  const model = {
    items: columns.size,
    async score(histories: Histories, from: number, to: number, out: Float32Array): Promise<void> {
      out.fill(unlisted);
      for (let row = from; row < to; row++) {
        const asked = toIds(historyOf(histories, row), train.items);
        // Once with and once without the user's own items: between them they hold the top of both lanes.
        for (const list of await graph.recommend([asked, asked], places, [[], asked.items])) {
          for (const [place, id] of list.ids.entries())
            out[(row - from) * columns.size + columns.get(id)!] = list.scores[place];
        }
      }
    },
  };
  try {
    const { value, evaluation } = await judge(model, train, input, {
      progress: (fraction) => context.progress(fraction, 'judging the champion'),
    });
    return { value, evaluation };
  } finally {
    await graph.close();
  }
}

export interface ProveInput {
  graph: string;
  catalogue: string;
  histories: string;
}

/** First load of a graph: the process that does it may die of it. Asks for users and for an empty basket. */
export async function prove(input: ProveInput, context: TaskContext): Promise<{ users: number }> {
  const train = await readInteractions(input.histories);
  const lines = await countLines(input.catalogue);
  if (lines !== train.items.length) throw broken(`describe its ${train.items.length} items`, `${lines} descriptions`);
  const graph = await openRecommender(input.graph, train.items, context.threads);
  try {
    const users = Math.min(20, train.users.length);
    const places = Math.min(10, train.items.length);
    for (let row = -1; row < users; row++) {
      const history = row < 0 ? emptyHistory : historyOf(train, row);
      const [list] = await graph.recommend([toIds(history, train.items)], places);
      if (list.ids.length !== places || !list.scores.every(Number.isFinite)) {
        throw broken(`answer ${places} items with finite scores`, `${list.ids.length} items`);
      }
    }
    return { users };
  } finally {
    await graph.close();
  }
}

function broken(rule: string, value: string): TradewindError {
  return new TradewindError('DEPLOYMENT_FAILED', {
    subject: 'A packaged model',
    rule,
    value,
    remedy: 'Run the pipeline again; the champion stays as it was.',
  });
}

async function countLines(path: string): Promise<number> {
  let lines = 0;
  for await (const line of createInterface({ input: createReadStream(path) })) if (line !== '') lines++;
  return lines;
}
