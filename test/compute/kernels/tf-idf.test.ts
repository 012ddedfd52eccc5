import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../../../contracts/random.ts';
import { KernelThreads } from '../../../compute/kernels/threads.ts';
import { inverseDocumentFrequencies, weighTerms, type Weighting } from '../../../compute/kernels/tf-idf.ts';
import { weigh } from '../../../compute/kernels/scalar/text.ts';
import { epsilon, lengths, randomCsr, withinBounds } from './random-arrays.ts';

const kernels = new KernelThreads(1, ['text']);
const three = new KernelThreads(3, ['text']);
afterAll(async () => {
  await Promise.all([kernels.close(), three.close()]);
});

const norms = ['none', 'l1', 'l2'] as const;

describe('weighTerms', () => {
  const settings = norms.flatMap((norm) =>
    [false, true].flatMap((sublinear) => [false, true].map((weighted) => ({ norm, sublinear, weighted }))),
  );
  it.each(settings)('is within its bound: $norm, sublinear $sublinear, idf $weighted', async (setting) => {
    const { norm, sublinear, weighted } = setting;
    const random = new Random(2);
    for (const terms of [20, 3000]) {
      const counts = randomCsr(random, [...lengths, terms], terms, () => 1 + random.integer(40));
      const idf = Float64Array.from({ length: terms }, () => 1 + 5 * random.uniform());
      const options: Weighting = { norm, sublinear, ...(weighted ? { idf } : {}) };
      const actual = await weighTerms(kernels, counts, options);
      const tf = (count: number) => (sublinear ? 1 + Math.log(count) : count);
      const expected = weigh(counts, (term) => (weighted ? idf[term] : 1), tf, norm);
      const bounds = expected.map((w) => epsilon * (1 + terms * 2 ** -28) * w);
      expect(withinBounds(actual.values, expected, bounds)).toBe(true);
      expect([actual.indptr, actual.indices]).toEqual([counts.indptr, counts.indices]);
    }
  });

  it('gives the same on any number of threads', async () => {
    const random = new Random(4);
    const counts = randomCsr(random, Array.from({ length: 5000 }, () => random.integer(12)), 50, () => 1 + random.integer(9)); // prettier-ignore
    expect(await weighTerms(three, counts, { sublinear: true })).toEqual(
      await weighTerms(kernels, counts, { sublinear: true }),
    );
  });

  it("gives the example of scikit-learn's user guide", async () => {
    const rows = [[3, 0, 1], [2, 0, 0], [3, 0, 0], [4, 0, 0], [3, 2, 0], [3, 0, 2]]; // prettier-ignore
    const entries = rows.map((row) => row.flatMap((count, term) => (count > 0 ? [[term, count]] : [])));
    const counts = {
      indptr: Int32Array.of(0, 2, 3, 4, 5, 7, 9),
      indices: Int32Array.from(entries.flat(), ([term]) => term),
      values: Float32Array.from(entries.flat(), ([, count]) => count),
    };
    const frequencies = Int32Array.of(6, 1, 2);
    const plain = await weighTerms(kernels, counts, {
      idf: inverseDocumentFrequencies(frequencies, 6, { smooth: false }),
    });
    expect(Array.from(plain.values, (w) => Number(w.toFixed(8)))).toEqual([0.81940995, 0.57320793, 1, 1, 1, 0.47330339, 0.88089948, 0.58149261, 0.81355169].map((w) => Number(Math.fround(w).toFixed(8)))); // prettier-ignore
    const smooth = await weighTerms(kernels, counts, { idf: inverseDocumentFrequencies(frequencies, 6) });
    const expected = [0.85151335, 0.52433293, 1, 1, 1, 0.55422893, 0.83236428, 0.63035731, 0.77630514];
    for (const [k, w] of smooth.values.entries()) expect(w).toBeCloseTo(expected[k], 7);
  });

  it('leaves a row of zeros as it is', async () => {
    const counts = { indptr: Int32Array.of(0, 0, 2), indices: Int32Array.of(0, 1), values: Float32Array.of(2, 3) };
    for (const norm of norms) {
      const { values } = await weighTerms(kernels, counts, { idf: Float64Array.of(0, 0), norm });
      expect([...values]).toEqual([0, 0]);
    }
  });

  it('refuses terms without an idf, and what is no count', async () => {
    const counts = { indptr: Int32Array.of(0, 1), indices: Int32Array.of(2), values: Float32Array.of(1) };
    await expect(weighTerms(kernels, counts, { idf: new Float64Array(2) })).rejects.toThrow(RangeError);
    for (const count of [0, 0.5, -1, Number.NaN, Infinity]) {
      const broken = { ...counts, values: Float32Array.of(count) };
      await expect(weighTerms(kernels, broken, { sublinear: true })).rejects.toThrow(/whole number of at least 1/);
      await expect(weighTerms(kernels, broken)).rejects.toThrow(/whole number of at least 1/);
    }
  });

  it('refuses counts that are no matrix, and a norm that there is not', async () => {
    const counts = { indptr: Int32Array.of(0, 2), indices: Int32Array.of(0, 1), values: Float32Array.of(1, 1) };
    await expect(weighTerms(kernels, { ...counts, indptr: Int32Array.of(0, 200_000) })).rejects.toThrow(/Got 2 and 2/);
    await expect(weighTerms(kernels, { ...counts, values: Float32Array.of(1) })).rejects.toThrow(/Got 2 and 1/);
    await expect(weighTerms(kernels, { ...counts, indices: Int32Array.of(0, -1) })).rejects.toThrow(/Got -1/);
    await expect(weighTerms(kernels, counts, { norm: 'l3' as 'l2' })).rejects.toThrow(/none, l1, l2. Got l3/);
  });
});

describe('inverseDocumentFrequencies', () => {
  it('are logarithms of shares, one at least', () => {
    expect([...inverseDocumentFrequencies(Int32Array.of(1, 2, 4), 4, { smooth: false })]).toEqual([1 + Math.log(4), 1 + Math.log(2), 1]); // prettier-ignore
    expect([...inverseDocumentFrequencies(Int32Array.of(0, 3), 3)]).toEqual([1 + Math.log(4), 1]);
  });

  it('refuses a term of no document where nothing is smoothed, and one of more than there are', () => {
    expect(() => inverseDocumentFrequencies(Int32Array.of(0), 3, { smooth: false })).toThrow(RangeError);
    expect(() => inverseDocumentFrequencies(Int32Array.of(4), 3)).toThrow(RangeError);
  });
});
