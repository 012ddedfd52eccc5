/** Asks recommender graphs in onnxruntime, and the plain computations that their answers are held against. */
import { recommenderTensors as names } from '../../../contracts/artifacts.ts';
import type { Random } from '../../../contracts/random.ts';
import { openSession, type Session, type TensorValue } from '../../../compute/onnx/session.ts';
import type { Weighting } from '../../../models/lowering/recommender-graph.ts';

export interface Event {
  id: string;
  count: number;
}
export interface Question {
  histories: readonly (readonly Event[])[];
  /** One row for all, or one per history; everything is allowed when left out. */
  allowed?: readonly (readonly boolean[])[];
  k: number;
}
export interface Answer {
  ids: string[][];
  scores: number[][];
}

export function feedsOf({ histories, allowed, k }: Question, items: number): Record<string, TensorValue> {
  const batch = histories.length;
  const length = Math.max(0, ...histories.map((history) => history.length));
  const mask = allowed ?? [Array.from({ length: items }, () => true)];
  const places = histories
    .map((history) => Array.from({ length }, (_, i) => history[i] ?? { id: '', count: 0 }))
    .flat();
  return {
    [names.historyItems]: { datatype: 'string', shape: [batch, length], data: places.map((event) => event.id) },
    [names.historyWeights]: {
      datatype: 'float32',
      shape: [batch, length],
      data: Float32Array.from(places, (event) => event.count),
    },
    [names.candidates]: { datatype: 'bool', shape: [mask.length, items], data: Uint8Array.from(mask.flat(), Number) },
    [names.k]: { datatype: 'int64', shape: [1], data: BigInt64Array.of(BigInt(k)) },
  };
}

export async function ask(session: Session, question: Question, items: number): Promise<Answer> {
  const answer = await session.run(feedsOf(question, items));
  const { data: ids, shape } = answer[names.ids];
  const { data: scores } = answer[names.scores];
  const rows = <T>(values: readonly T[]) =>
    question.histories.map((_, row) => values.slice(row * shape[1], (row + 1) * shape[1]));
  return { ids: rows(ids as readonly string[]), scores: rows(Array.from(scores as Float32Array)) };
}

export async function withGraph<T>(bytes: Uint8Array, use: (session: Session) => Promise<T>): Promise<T> {
  const session = await openSession(bytes);
  try {
    return await use(session);
  } finally {
    await session.close();
  }
}

/** The list that scores ask for: best first, ties by ascending index, only what is allowed. */
export function ranked(
  scores: ArrayLike<number>,
  catalogue: readonly string[],
  k: number,
  allowed?: readonly boolean[],
) {
  const order = Array.from(catalogue.keys()).filter((item) => allowed?.[item] ?? true);
  order.sort((a, b) => scores[b] - scores[a] || a - b);
  const top = order.slice(0, k);
  const places = Math.min(k, catalogue.length);
  return {
    ids: Array.from({ length: places }, (_, i) => (i < top.length ? catalogue[top[i]] : '')),
    scores: Array.from({ length: places }, (_, i) => (i < top.length ? scores[top[i]] : -Infinity)),
  };
}

/** Catalogue index and strength of each event that counts. */
export function counted(
  history: readonly Event[],
  catalogue: readonly string[],
  weighting: Weighting,
): [number, number][] {
  const strength = (count: number) => (weighting === 'count' ? count : weighting === 'log' ? Math.log1p(count) : 1);
  return history
    .filter((event) => event.count > 0 && catalogue.includes(event.id))
    .map((event) => [catalogue.indexOf(event.id), strength(event.count)]);
}

/** Ids with repeats, ids that no catalogue holds, padding, and counts of 0. */
export function randomHistory(random: Random, catalogue: readonly string[], length: number): Event[] {
  return Array.from({ length }, () => {
    const draw = random.uniform();
    const id =
      draw < 0.1 ? `unknown ${random.integer(9)}` : draw < 0.2 ? '' : catalogue[random.integer(catalogue.length)];
    return { id, count: random.integer(5) };
  });
}

export const catalogueOf = (items: number) => Array.from({ length: items }, (_, i) => `käse-${(i * 7919) % 10007}`);
