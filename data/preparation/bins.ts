/** Bins: intervals of numbers, each a feature of its own or a number. */
import type { Graph } from '../../compute/graph/graph.ts';
import type { Tensor } from '../../compute/graph/program.ts';
import type { ColumnStepParameters } from '../../contracts/preparation.ts';
import { nothingThere } from './refusal.ts';
import { forEachColumn, present, quantileOf, sorted } from './statistics.ts';
import type { NumberStep } from './transformer.ts';

type Parameters = ColumnStepParameters<'bins'>;
type State = {
  encode: Parameters['encode'];
  /** float64: the bounds between the bins of the first column, ascending, then those of the next. */
  bounds: Float64Array;
  /** int32 `[columns]`: how many bounds each has. */
  counts: Int32Array;
  /** int32 `[columns]`: 1 where numbers were missing in the training rows. */
  missing: Int32Array;
};

/**
 * A bin has its lower bound and not its upper one; the first and the last are open, for numbers beyond those of the
 * training rows. Bounds are scikit-learn's (KBinsDiscretizer); equal ones count once, so that there may be fewer bins.
 * Missing numbers have the feature `<column>=missing` where the training rows have some, else no feature; as a number,
 * they are −1.
 */
export const bins: NumberStep<Parameters, State> = {
  from: 'numbers',
  fit(numbers, { bins: wanted, method, encode }) {
    const bounds: number[] = [];
    const counts = new Int32Array(numbers.names.length);
    const missing = new Int32Array(numbers.names.length);
    const names: string[] = [];
    const report: Record<string, Record<string, number>> = {};
    forEachColumn(numbers, (column, all) => {
      const name = numbers.names[column];
      const there = present(all);
      if (there.length === 0) throw nothingThere(name, numbers.rows);
      const own = boundsOf(sorted(there), wanted, method);
      bounds.push(...own);
      counts[column] = own.length;
      missing[column] = there.length < all.length ? 1 : 0;
      if (encode === 'ordinal') names.push(name);
      else names.push(...binNames(name, own), ...(missing[column] === 1 ? [`${name}=missing`] : []));
      report[name] = { bins: own.length + 1, missing: all.length - there.length };
    });
    return { names, state: { encode, bounds: Float64Array.from(bounds), counts, missing }, report };
  },
  lower(g, state, x) {
    return state.encode === 'ordinal' ? binNumbers(g, state, x) : binFeatures(g, state, x);
  },
};

function boundsOf(ascending: Float32Array, wanted: number, method: Parameters['method']): number[] {
  const [least, greatest] = [ascending[0], ascending[ascending.length - 1]];
  const all = Array.from({ length: wanted + 1 }, (_, k) =>
    method === 'quantile' ? quantileOf(ascending, k / wanted) : least + k * ((greatest - least) / wanted),
  );
  return all.filter((bound, k) => k > 0 && k < wanted && bound > all[k - 1] && bound < greatest);
}

function binNames(name: string, bounds: readonly number[]): string[] {
  if (bounds.length === 0) return [`${name}=any`];
  const spelled = bounds.map((bound) => String(Number(bound.toPrecision(6))));
  const inner = spelled.slice(1).map((upper, k) => `${name}=[${spelled[k]}, ${upper})`);
  return [`${name}<${spelled[0]}`, ...inner, `${name}>=${spelled.at(-1)}`];
}

function perColumn({ bounds, counts }: State): Float64Array[] {
  let from = 0;
  return Array.from(counts, (count) => bounds.subarray(from, (from += count)));
}

/** How many bounds are not above each number: from `[batch, columns, 1]` against `[columns, bounds]`. */
function binNumbers(g: Graph, state: State, x: Tensor<'float32'>): Tensor<'float32'> {
  const columns = state.counts.length;
  const most = Math.max(1, ...state.counts);
  const table = new Float64Array(columns * most).fill(Infinity);
  for (const [column, own] of perColumn(state).entries()) table.set(own, column * most);
  const reached = g.greaterOrEqual(
    g.unsqueeze(g.cast(x, 'float64'), [2]),
    g.constant('float64', table, [columns, most]),
  );
  return g.where(g.isNaN(x), -1, g.sum(g.cast(reached, 'float32'), [2]));
}

/** Whether each number is in [lower, upper) of a feature, or is missing and the feature says so. */
function binFeatures(g: Graph, state: State, x: Tensor<'float32'>): Tensor<'float32'> {
  const features = perColumn(state).flatMap((own, column) => {
    const intervals = Array.from({ length: own.length + 1 }, (_, k) => {
      return { column, lower: own[k - 1] ?? -Infinity, upper: own[k] ?? Infinity, missing: 0 };
    });
    const nowhere = { column, lower: Infinity, upper: -Infinity, missing: 1 };
    return state.missing[column] === 1 ? [...intervals, nowhere] : intervals;
  });
  const of = g.gather(
    x,
    g.constant(
      'int32',
      Int32Array.from(features, ({ column }) => column),
    ),
    1,
  );
  const wide = g.cast(of, 'float64');
  const within = g.and(
    g.greaterOrEqual(
      wide,
      g.constant(
        'float64',
        Float64Array.from(features, ({ lower }) => lower),
      ),
    ),
    g.less(
      wide,
      g.constant(
        'float64',
        Float64Array.from(features, ({ upper }) => upper),
      ),
    ),
  );
  const flags = g.constant(
    'bool',
    Uint8Array.from(features, ({ missing }) => missing),
  );
  return g.cast(g.or(within, g.and(g.isNaN(of), flags)), 'float32');
}
