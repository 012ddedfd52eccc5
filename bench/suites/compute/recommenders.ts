/**
 * The kernels of the recommenders against implicit (B. Frederickson, PyPI), two threads each, on the shipped sample.
 *
 * Both sides are given the same matrix and asked for the same thing; what each is timed on stands at each work.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { KernelThreads } from '../../../compute/kernels/threads.ts';
import { rankDense, type TopLists, type Wanted } from '../../../compute/kernels/top-k.ts';
import type { ParametersOf } from '../../../contracts/algorithms.ts';
import type { Interactions } from '../../../data/interactions.ts';
import { als } from '../../../models/als.ts';
import type { FitContext, FittedRecommender } from '../../../models/estimator.ts';
import { itemKnn } from '../../../models/item-knn.ts';
import type { Agreement, Group, Match, Sample, Work } from '../../measure.ts';
import { PeerProcess, ensurePeers, environments } from '../../peers.ts';
import { sampleInteractions } from '../../sample.ts';

export interface RecommenderContext {
  train: Interactions;
  /** Raw arrays pass through files in here. */
  folder: string;
  /** @throws PeerUnavailable */
  peer: () => Promise<PeerProcess>;
  close: () => Promise<void>;
}

const threads = 2;
const seed = 20171201;
const peerScript = fileURLToPath(new URL('../../peers/implicit_peer.py', import.meta.url));
const peerName = 'implicit 0.7.2';

/** @param startPeer - starts the peer, before it is given the data. */
export async function openContext(
  train: Interactions,
  startPeer: () => Promise<PeerProcess>,
): Promise<RecommenderContext> {
  const folder = await mkdtemp(join(tmpdir(), 'tradewind-bench-'));
  let opened: Promise<PeerProcess> | undefined;
  const open = async () => {
    const peer = await startPeer();
    for (const name of ['indptr', 'indices', 'counts'] as const) await writeFile(join(folder, name), train[name]);
    await peer.call('load', { folder, users: train.users.length, items: train.items.length, threads });
    return peer;
  };
  return {
    train,
    folder,
    peer: () => (opened ??= open()),
    async close() {
      const peer = await opened?.catch(() => undefined);
      await peer?.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const clock = () => ({ wall: performance.now(), cpu: process.cpuUsage() });
const since = (start: ReturnType<typeof clock>): Sample => {
  const { user, system } = process.cpuUsage(start.cpu);
  return { wall: performance.now() - start.wall, cpu: (user + system) / 1000 };
};

const regularization = 10;
const alsParameters = (factors: number, iterations: number): ParametersOf<'als'> => ({
  factors,
  regularization,
  alpha: 1,
  iterations,
  conjugateGradientSteps: 3,
  weighting: 'count',
});

/** Iterations of a timed fit. The first is left out of the mean: it warms up caches and compilers. */
const iterations = 15;
/**
 * The two start from other random numbers. Of either side, two seeds end within 0.0003 of each other; one
 * conjugate-gradient step instead of three ends 0.017 higher.
 */
const lossTolerance = 0.003;

function alsIteration(factors: number): Work<RecommenderContext> {
  return {
    name: `als-${factors}`,
    about: `One iteration of implicit ALS: ${factors} factors, 3 conjugate-gradient steps, float32`,
    peerName,
    bound: 1,
    runs: 5,
    async open({ train, folder, peer }): Promise<Match> {
      let itemFactors = new Float32Array();
      return {
        async ours() {
          const ends: { wall: number; cpu: number }[] = [];
          const start = clock();
          const context: FitContext = { seed, threads, progress: () => void ends.push(since(start)) };
          const model = await als.fit(train, alsParameters(factors, iterations), context);
          itemFactors = model.state().arrays['item_factors'].data as typeof itemFactors;
          await model.close();
          const [first, last] = [ends[0], ends[iterations - 1]];
          const mean = (key: 'wall' | 'cpu') => (last[key] - first[key]) / (iterations - 1);
          return { wall: mean('wall'), cpu: mean('cpu') };
        },
        peer: async () => (await peer()).call<Sample>('als', { factors, regularization, iterations, seed }),
        async compare() {
          const implicit = await peer();
          await writeFile(join(folder, 'ours'), itemFactors);
          const ours = await implicit.call<number>('als_loss', { factors, regularization, item_factors: 'ours' });
          const theirs = await implicit.call<number>('als_loss', { factors, regularization });
          return {
            agree: Math.abs(ours / theirs - 1) <= lossTolerance,
            said: `implicit's loss after ${iterations} iterations: ours ${ours.toPrecision(5)}, its own ${theirs.toPrecision(5)}`,
          };
        },
        close: async () => undefined,
      };
    },
  };
}

const neighbours = 200;
const [k1, b] = [1.2, 0.75];

/** The two take other logarithms for the weight of a user; that the neighbours are right is shown by cosine. */
const bm25: Work<RecommenderContext> = {
  name: 'bm25-200',
  about: `The ${neighbours} nearest neighbours of every item by BM25: the whole fit`,
  peerName,
  bound: 1,
  runs: 7,
  async open({ train, folder, peer }): Promise<Match> {
    const fit = (similarity: 'bm25' | 'cosine') =>
      itemKnn.fit(train, { similarity, neighbours, shrinkage: 0, k1, b, weighting: 'count' }, { seed, threads });
    let found = { ours: 0, peer: 0 };
    return {
      async ours() {
        const start = clock();
        const model = await fit('bm25');
        const sample = since(start);
        found.ours = model.state().arrays['values'].data.length;
        await model.close();
        return sample;
      },
      async peer() {
        const sample = await (
          await peer()
        ).call<Sample & { neighbours: number }>('bm25', { K: neighbours, K1: k1, B: b });
        found.peer = sample.neighbours;
        return sample;
      },
      async compare() {
        await (await peer()).call('cosine', { K: neighbours });
        const table = await readFloats(join(folder, 'cosine'));
        const model = await fit('cosine');
        const difference = largestDifference(model, table);
        await model.close();
        return {
          agree: found.ours === found.peer && difference < 1e-4,
          said: `${found.ours} and ${found.peer} neighbours; cosine neighbours of both differ by at most ${difference.toExponential(1)}`,
        };
      },
      close: async () => undefined,
    };
  },
};

/** Of the sorted similarities of each item: equal ones may belong to different items. */
function largestDifference(model: FittedRecommender, table: Float32Array): number {
  const { indptr, values } = model.state().arrays;
  let largest = 0;
  for (let i = 0; i < model.items; i++) {
    const row = new Float32Array(neighbours);
    const own = (values.data as Float32Array).subarray(Number(indptr.data[i]), Number(indptr.data[i + 1]));
    row.set(own.toSorted((x, y) => y - x));
    row.forEach((value, place) => (largest = Math.max(largest, Math.abs(value - table[i * neighbours + place]))));
  }
  return largest;
}

const factors = 64;
const listLength = 100;
/** Rankings of two sides that round differently part where two scores are nearly equal. */
const leastOverlap = 0.999;

/** Factors of both sides, from the last checkpoint of a fit: it holds the users' too, which a fitted model does not. */
async function someFactors(train: Interactions) {
  let state: Float32Array[] = [];
  const context: FitContext = {
    seed,
    threads,
    checkpointMilliseconds: 0,
    async checkpoint({ arrays }) {
      state = [arrays['user_factors'].data as Float32Array, arrays['item_factors'].data as Float32Array];
    },
  };
  const model = await als.fit(train, alsParameters(factors, 6), context);
  return { model, users: state[0], items: state[1] };
}

/** From given user and item factors, as implicit's `recommend`. */
const top: Work<RecommenderContext> = {
  name: 'top-100',
  about: `The exact best ${listLength} of all items for every user, from ${factors} factors, without what the user has`,
  peerName,
  bound: 1,
  runs: 9,
  async open(context): Promise<Match> {
    const { train } = context;
    const { model, users, items } = await someFactors(train);
    await model.close();
    const kernels = new KernelThreads(threads, ['top-k']);
    const [indptr, indices] = [train.indptr, train.indices].map((array) => kernels.put(array));
    const piece = { rows: train.users.length, items: train.items.length, history: { indptr, indices } };
    const sides = { users: kernels.put(users), items: kernels.put(items), width: factors };
    return listMatch(
      context,
      { users, items, foldIn: false },
      {
        rank: async () => (await rankDense(kernels, piece, sides, wanted)).fresh!,
        close: () => kernels.close(),
      },
    );
  },
};

/** From the histories, the way the product itself judges a model; implicit's `recommend(recalculate_user=True)`. */
const topFoldIn: Work<RecommenderContext> = {
  name: 'top-100-fold-in',
  about: `The same from the histories: user factors are solved first`,
  peerName,
  bound: 1,
  runs: 7,
  async open(context): Promise<Match> {
    const { train } = context;
    const { model, users } = await someFactors(train);
    const items = model.state().arrays['item_factors'].data as Float32Array;
    return listMatch(
      context,
      { users, items, foldIn: true },
      {
        rank: async () => (await model.rank!(train, 0, train.users.length, wanted)).fresh!,
        close: () => model.close(),
      },
    );
  },
};

const wanted: Wanted = { k: listLength, all: false, fresh: true, checked: false };

interface Ranker {
  /** Lists of all users, without what they have. */
  rank(): Promise<TopLists>;
  close(): Promise<void>;
}

async function listMatch(
  { folder, peer }: RecommenderContext,
  { users, items, foldIn }: { users: Float32Array; items: Float32Array; foldIn: boolean },
  ranker: Ranker,
): Promise<Match> {
  let lists: TopLists | undefined;
  let given: Promise<PeerProcess> | undefined;
  const give = async () => {
    const implicit = await peer();
    await writeFile(join(folder, 'user_factors'), users);
    await writeFile(join(folder, 'item_factors'), items);
    await implicit.call('use_factors', { factors, regularization });
    return implicit;
  };
  return {
    async ours() {
      const start = clock();
      lists = await ranker.rank();
      return since(start);
    },
    peer: async () => (await (given ??= give())).call<Sample>('top', { N: listLength, fold_in: foldIn }),
    async compare(): Promise<Agreement> {
      const theirs = new Int32Array((await readFloats(join(folder, 'top'))).buffer);
      const share = overlap(lists!, theirs);
      return { agree: share >= leastOverlap, said: `${(100 * share).toFixed(3)} % of the items in both lists` };
    },
    close: () => ranker.close(),
  };
}

/** Share of our entries that are in the other's list of the same user. */
function overlap({ width, items, lengths }: TopLists, theirs: Int32Array): number {
  let common = 0;
  let all = 0;
  for (const [user, length] of lengths.entries()) {
    const other = new Set(theirs.subarray(user * listLength, (user + 1) * listLength));
    for (const item of items.subarray(user * width, user * width + length)) if (other.has(item)) common++;
    all += length;
  }
  return common / all;
}

async function readFloats(path: string): Promise<Float32Array> {
  const bytes = await readFile(path);
  return new Float32Array(new Uint8Array(bytes).buffer);
}

export const recommenders: Group<RecommenderContext> = {
  works: [alsIteration(64), alsIteration(128), bm25, top, topFoldIn],
  async open(say) {
    say('Preparing the sample');
    const train = await sampleInteractions();
    return openContext(train, async () => {
      const python = await ensurePeers(environments.implicit, { say });
      // OpenBLAS threads of its own would fight with implicit's, as its documentation warns; and OpenMP threads that spin
      // while they wait cost implicit up to half its speed where other work wants the processor.
      const env = { ...process.env, OPENBLAS_NUM_THREADS: '1', OMP_WAIT_POLICY: 'passive' };
      return new PeerProcess(python, [peerScript], env);
    });
  },
  close: (context) => context.close(),
};
