/** Law 6: any other ONNX runtime loads the graphs and gives the same lists. Needs a Python with onnx and onnxruntime. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Random } from '../../../contracts/random.ts';
import { lowerAls } from '../../../models/lowering/als.ts';
import { lowerItemKnn } from '../../../models/lowering/item-knn.ts';
import { lowerPopularity } from '../../../models/lowering/popularity.ts';
import { noPython, python, withPython } from '../../python.ts';
import { ask, catalogueOf, feedsOf, randomHistory, withGraph, type Question } from './asking.ts';

const items = 30;
const factors = 8;
const catalogue = catalogueOf(items);
const random = new Random(21);
const uniform = (length: number) => Float32Array.from({ length }, () => random.uniform() - 0.5);
const metadata = { model: 'test' };
const models = {
  popularity: lowerPopularity({ scores: uniform(items) }, catalogue, metadata),
  'item-knn': lowerItemKnn(
    {
      indptr: Int32Array.from({ length: items + 1 }, (_, i) => 3 * i),
      indices: Int32Array.from({ length: 3 * items }, (_, n) => (n * 7) % items),
      values: uniform(3 * items),
      weighting: 'log',
    },
    catalogue,
    metadata,
  ),
  als: lowerAls(
    { itemFactors: uniform(items * factors), factors, regularization: 1, alpha: 2, weighting: 'count', steps: 3 },
    catalogue,
    metadata,
  ),
};

interface Answers {
  ranks: Record<string, number>;
  onnxruntime: { ids: string[][]; scores: number[][] };
  reference: { ids: string[][]; scores: number[][] };
}

describe.skipIf(noPython !== undefined)(withPython('recommender graphs in other runtimes'), () => {
  it.for<[string, Question]>([
    ['a batch', { histories: [[], randomHistory(random, catalogue, 4), randomHistory(random, catalogue, 9)], k: 6 }],
    ['an empty history', { histories: [[]], k: items + 5 }],
  ])('pass the ONNX checker and answer %s as onnxruntime-node does', async ([, question]) => {
    const folder = mkdtempSync(join(tmpdir(), 'tradewind-graphs-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const paths = Object.entries(models).map(([name, bytes]) => {
      const path = join(folder, `${name}.onnx`);
      writeFileSync(path, bytes);
      return path;
    });
    const feeds = Object.fromEntries(
      Object.entries(feedsOf(question, items)).map(([name, { datatype, shape, data }]) => {
        const values = Array.from(data as ArrayLike<number | bigint | string>, (x) =>
          typeof x === 'bigint' ? Number(x) : x,
        );
        return [name, { type: datatype, shape, data: values }];
      }),
    );
    writeFileSync(join(folder, 'request.json'), JSON.stringify({ feeds, models: paths }));
    const script = fileURLToPath(new URL('./other_runtimes.py', import.meta.url));
    const printed = execFileSync(python, [script, join(folder, 'request.json')], { encoding: 'utf8' });
    const answers = JSON.parse(printed) as Answers[];
    for (const [i, bytes] of Object.values(models).entries()) {
      const ours = await withGraph(bytes, (session) => ask(session, question, items));
      expect(answers[i].ranks).toEqual({ ids: 2, scores: 2 });
      for (const other of [answers[i].onnxruntime, answers[i].reference]) {
        expect(other.ids).toEqual(ours.ids);
        for (const [n, score] of other.scores.flat().entries()) expect(score).toBeCloseTo(ours.scores.flat()[n], 5);
      }
    }
  });
});
