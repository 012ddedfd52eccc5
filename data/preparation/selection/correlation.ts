/**
 * Selection by correlation, without a look at the target: of two features whose |r| (K. Pearson, 1896) is above the
 * threshold the later goes, unless the earlier has gone itself.
 *
 * All pairs are looked at: blocks of XᵀX, dense ones by onnxruntime in float32, sparse ones by the kernel `csr`, which
 * sums in float64. Where that would take longer than some seconds, fewer rows are looked at, drawn by the seed; the
 * standard error of r is (1 − r²) / √rows.
 */
import { CsrMatrix } from '../../../compute/kernels/csr.ts';
import { KernelThreads } from '../../../compute/kernels/threads.ts';
import { Graph } from '../../../compute/graph/graph.ts';
import { encodeModel } from '../../../compute/onnx/model.ts';
import { openSession } from '../../../compute/onnx/session.ts';
import type { SelectionStepParameters } from '../../../contracts/preparation.ts';
import type { Features } from '../../features.ts';
import { unfit } from '../refusal.ts';
import type { SelectionStep } from '../transformer.ts';
import { byFeature, drawnRows, eachFeature, momentsOf, storedValues } from './columns.ts';

/** Above it even the pairs are too many. */
const mostFeatures = 20_000;
/** Products that the pairs of all rows may take: about three seconds of a core, dense; ten, sparse. */
const affordable = { dense: 1e11, sparse: 1e10 };
const leastRows = 1000;
/** Correlations in a block. */
const blockValues = 2 ** 22;

/** `scores`: the largest |r| with an earlier feature that stays; a feature that does not vary correlates with none. */
export const correlation: SelectionStep<SelectionStepParameters<'correlation'>> = async (
  all,
  { threshold },
  target,
  context,
) => {
  const count = all.names.length;
  if (count > mostFeatures) {
    throw unfit({
      subject: 'The selection by correlation',
      rule: `have at most ${mostFeatures} features, as it looks at all pairs`,
      value: String(count),
      remedy: 'Select by variance or mutual information before it.',
    });
  }
  const products = all.kind === 'dense' ? (all.rows * count * count) / 2 : storedValues(all) * count;
  const rows = Math.max(leastRows, all.rows * Math.min(1, affordable[all.kind] / products));
  const { features } = drawnRows(all, target, rows, context.seed);
  const scores = new Float64Array(count);
  const gone = new Uint8Array(count);
  for await (const { from, to, width, values } of correlations(features, context.threads)) {
    for (let j = from; j < to; j++) {
      const own = (j - from) * width;
      for (let i = 0; i < j; i++) {
        if (gone[i] === 0) scores[j] = Math.max(scores[j], Math.abs(values[own + i]));
      }
      if (scores[j] > threshold) gone[j] = 1;
    }
  }
  return { kept: Int32Array.from(gone.keys()).filter((feature) => gone[feature] === 0), scores };
};

/** Correlations of the features [from, to) with those before `to`, `[(to − from) × width]`, row-major. */
interface Block {
  from: number;
  to: number;
  width: number;
  values: Float32Array | Float64Array;
}

function correlations(features: Features, threads: number): AsyncGenerator<Block, void> {
  return features.kind === 'dense' ? ofDense(features) : ofSparse(features, threads);
}

async function* ofDense(features: Features & { kind: 'dense' }): AsyncGenerator<Block, void> {
  const { rows, names } = features;
  const count = names.length;
  // As a feature a row, with mean 0 and length 1, so that r is a product; 0 throughout where it does not vary.
  const unit = new Float32Array(count * rows);
  eachFeature(features, (feature, column) => {
    const { mean, variance } = momentsOf(column, rows);
    const scale = variance === 0 ? 0 : 1 / Math.sqrt(variance * rows);
    for (let i = 0; i < rows; i++) unit[feature * rows + i] = (column.values[i] - mean) * scale;
  });
  const g = new Graph();
  const block = g.input('block', 'float32', ['some', rows]);
  const before = g.input('before', 'float32', ['before', rows]);
  g.output('r', g.gemm(block, before, undefined, { transB: true }));
  // One thread, as products are cut by the number of threads and would differ in their last bits.
  const session = await openSession(encodeModel(g.toModel()), { threads: 1 });
  try {
    const size = Math.max(1, Math.floor(blockValues / count));
    for (let from = 0; from < count; from += size) {
      const to = Math.min(count, from + size);
      const part = (begin: number) =>
        ({
          datatype: 'float32',
          shape: [to - begin, rows],
          data: unit.subarray(begin * rows, to * rows),
        }) as const;
      const { r } = await session.run({ block: part(from), before: part(0) });
      yield { from, to, width: to, values: (r.data as Float32Array).map((value) => Math.max(-1, Math.min(1, value))) };
    }
  } finally {
    await session.close();
  }
}

async function* ofSparse(features: Features & { kind: 'sparse' }, threads: number): AsyncGenerator<Block, void> {
  const { rows, names } = features;
  const count = names.length;
  const mean = new Float64Array(count);
  const deviation = new Float64Array(count);
  eachFeature(features, (feature, column) => {
    const moments = momentsOf(column, rows);
    mean[feature] = moments.mean;
    deviation[feature] = Math.sqrt(moments.variance);
  });
  const kernels = new KernelThreads(threads, ['csr']);
  try {
    const matrix = CsrMatrix.put(kernels, byFeature(features), rows);
    const size = Math.max(1, Math.floor(blockValues / count));
    for (let from = 0; from < count; from += size) {
      const to = Math.min(count, from + size);
      const values = Float64Array.from(await matrix.rowProducts(matrix, from, to));
      for (let j = from; j < to; j++) {
        for (let i = 0; i < to; i++) {
          const at = (j - from) * count + i;
          // r = (Σ xᵢ xⱼ / n − μᵢ μⱼ) / (σᵢ σⱼ)
          const r = (values[at] / rows - mean[i] * mean[j]) / (deviation[i] * deviation[j]);
          values[at] = deviation[i] * deviation[j] === 0 ? 0 : Math.max(-1, Math.min(1, r));
        }
      }
      yield { from, to, width: count, values };
    }
  } finally {
    await kernels.close();
  }
}
