/**
 * Selection by mutual information between a feature and the target, both counted in bins:
 * I = Σ p(b, c) ln (p(b, c) / (p(b) p(c))), in nats (C. E. Shannon, 1948); scikit-learn's `mutual_info_score` of the
 * bins. A feature is judged alone: two that say the same both stay.
 */
import type { SelectionStepParameters } from '../../../contracts/preparation.ts';
import type { Target } from '../../table.ts';
import type { SelectionStep } from '../transformer.ts';
import { bestOf } from './best.ts';
import { drawnRows, eachFeature, type FeatureColumn } from './columns.ts';
import { binOf, quantileEdges } from './quantile-bins.ts';

/** More rows would tell no more of a distribution in so few bins. */
const mostRows = 200_000;

/** Of more than 200,000 rows, as many are counted, drawn by the seed. A target that is a number is in bins as well. */
export const mutualInformation: SelectionStep<SelectionStepParameters<'mutualInformation'>> = async (
  all,
  { keep, bins },
  ofAll,
  { seed },
) => {
  const { features, target } = drawnRows(all, ofAll, mostRows, seed);
  const classes = classesOf(target, bins);
  const scores = new Float64Array(features.names.length);
  eachFeature(features, (feature, column) => {
    scores[feature] = informationOf(contingency(column, bins, classes), classes.totals);
  });
  return { kept: bestOf(scores, keep), scores };
};

interface Classes {
  /** `[rows]` */
  codes: Int32Array;
  /** Rows of each. */
  totals: Float64Array;
}

function classesOf(target: Target, bins: number): Classes {
  let codes: Int32Array;
  let count: number;
  if (target.kind === 'classes') {
    codes = target.codes;
    count = target.classes.length;
  } else {
    const edges = quantileEdges(target, target.values.length, bins);
    codes = Int32Array.from(target.values, (value) => binOf(edges, value));
    count = edges.length + 1;
  }
  const totals = new Float64Array(count);
  for (const code of codes) totals[code]++;
  return { codes, totals };
}

/** Rows by bin and class, `[bins × classes]`, row-major. */
function contingency({ rows, values }: FeatureColumn, bins: number, { codes, totals }: Classes): Float64Array {
  const edges = quantileEdges({ values }, codes.length, bins);
  const width = totals.length;
  const counts = new Float64Array((edges.length + 1) * width);
  for (let i = 0; i < values.length; i++) {
    const row = rows === undefined ? i : rows[i];
    counts[binOf(edges, values[i]) * width + codes[row]]++;
  }
  if (rows === undefined) return counts;
  // The zeros have what the other rows leave of each class.
  const zero = binOf(edges, 0) * width;
  for (const [c, total] of totals.entries()) {
    let counted = 0;
    for (let at = c; at < counts.length; at += width) counted += counts[at];
    counts[zero + c] += total - counted;
  }
  return counts;
}

/** At least 0. */
function informationOf(counts: Float64Array, totals: Float64Array): number {
  const width = totals.length;
  const rows = totals.reduce((sum, total) => sum + total, 0);
  let information = 0;
  for (let from = 0; from < counts.length; from += width) {
    let inBin = 0;
    for (let c = 0; c < width; c++) inBin += counts[from + c];
    for (let c = 0; c < width; c++) {
      const both = counts[from + c];
      if (both > 0) information += (both / rows) * Math.log((both * rows) / (inBin * totals[c]));
    }
  }
  // What rounding leaves of independence is nothing.
  return information > 1e-12 ? information : 0;
}
