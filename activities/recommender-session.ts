/** An exported recommender, opened for asking in a compute process. */
import { openSession } from '../compute/onnx/session.ts';
import { recommenderTensors as tensors } from '../contracts/artifacts.ts';

export interface AskedHistory {
  items: string[];
  weights: ArrayLike<number>;
}
export interface RecommendedList {
  /** Best first; only places that an allowed item fills. */
  ids: string[];
  scores: number[];
}
export interface GraphRecommender {
  /** @param without - ids to leave out, per history */
  recommend(histories: AskedHistory[], places: number, without?: string[][]): Promise<RecommendedList[]>;
  close(): Promise<void>;
}

/** @param items - the graph's catalogue, in its order */
export async function openRecommender(
  path: string,
  items: readonly string[],
  threads: number,
): Promise<GraphRecommender> {
  const session = await openSession(path, { threads, provider: 'cpu' });
  const position = new Map(items.map((id, index) => [id, index]));
  return {
    async recommend(histories, places, without) {
      const batch = histories.length;
      const length = Math.max(0, ...histories.map((h) => h.items.length));
      const ids = Array.from({ length: batch * length }, () => '');
      const weights = new Float32Array(batch * length);
      for (const [row, history] of histories.entries()) {
        for (const [i, id] of history.items.entries()) ids[row * length + i] = id;
        weights.set(Float32Array.from(history.weights), row * length);
      }
      const rows = without === undefined ? 1 : batch;
      const candidates = new Uint8Array(rows * items.length).fill(1);
      for (const [row, left] of (without ?? []).entries()) {
        for (const id of left) {
          const index = position.get(id);
          if (index !== undefined) candidates[row * items.length + index] = 0;
        }
      }
      const answer = await session.run({
        [tensors.historyItems]: { datatype: 'string', data: ids, shape: [batch, length] },
        [tensors.historyWeights]: { datatype: 'float32', data: weights, shape: [batch, length] },
        [tensors.candidates]: { datatype: 'bool', data: candidates, shape: [rows, items.length] },
        [tensors.k]: { datatype: 'int64', data: BigInt64Array.of(BigInt(places)), shape: [1] },
      });
      const listed = answer[tensors.ids].data as string[];
      const scores = answer[tensors.scores].data as Float32Array;
      const k = scores.length / batch;
      return histories.map((_, row) => {
        const list: RecommendedList = { ids: [], scores: [] };
        for (let place = row * k; place < (row + 1) * k && scores[place] > -Infinity; place++) {
          list.ids.push(listed[place]);
          list.scores.push(scores[place]);
        }
        return list;
      });
    },
    close: () => session.close(),
  };
}
