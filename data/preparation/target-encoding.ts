/**
 * Target encoding: a value becomes the mean target of the rows that have it, drawn towards the mean of all
 * (D. Micci-Barreca, "A preprocessing scheme for high-cardinality categorical attributes", SIGKDD Explorations 3, 2001).
 *
 * Training rows are encoded out of fold: by the rows of the other folds alone, as else each would be told its own
 * target. Folds are those of groups, where groups are given; else each has as much of every class, or of low and high
 * numbers, as the others, so that their means tell nothing of the fold that they leave out.
 */
import type { ColumnStepParameters } from '../../contracts/preparation.ts';
import { Random } from '../../contracts/random.ts';
import type { Target } from '../table.ts';
import { unfit } from './refusal.ts';
import type { ColumnStep, LearningContext } from './transformer.ts';
import { requireValues, valuesOf } from './values.ts';

type State = {
  /** Those of the training rows, `""` for missing among them. */
  values: readonly string[];
  /** float32 `[(values + 1) × features]`, row-major; the last row is for all other values. */
  encoding: Float32Array;
};

/**
 * A number gives one feature, its mean; so do two classes, the share of the last one. More classes give a feature for
 * each but the first, `<column>_<class>`. What is not in the training rows is the mean of all.
 */
export const target: ColumnStep<ColumnStepParameters<'target'>, State> = {
  from: 'strings',
  fit(name, column, { smoothing, folds }, given, context) {
    if (given === undefined) {
      throw unfit({
        subject: `The target encoding of "${name}"`,
        rule: 'have a target to learn from',
        value: 'none',
        remedy: 'Fit it with a target, or encode the column by another step.',
      });
    }
    const known = valuesOf(column);
    requireValues(name, known);
    const values = known.map(({ value }) => value).sort();
    const placeOf = new Map(values.map((value, place) => [value, place]));
    const ofCode = column.dictionary.map((value) => placeOf.get(value.toWellFormed()) ?? values.length);
    const rows: EncodedRows = {
      places: column.codes.map((code) => ofCode[code]),
      values: values.length,
      targets: targetsOf(given),
    };
    const width = rows.targets.length;
    const encoding = encodingOf(rows, smoothing);
    const foldOf = foldsOf(given, folds, context);
    return {
      names: given.kind === 'number' || width === 1 ? [name] : given.classes.slice(1).map((c) => `${name}_${c}`),
      state: { values, encoding },
      report: { [name]: { values: values.length, mean: encoding[values.length * width] } },
      training: outOfFold(rows, smoothing, foldOf),
    };
  },
  lower(g, { values, encoding }, input) {
    const features = encoding.length / (values.length + 1);
    const table = g.constant('float32', encoding, [values.length + 1, features]);
    return g.gather(table, g.labelEncode(input, values, values.length));
  },
};

interface EncodedRows {
  /** `[rows]`: of each row's value. */
  places: Int32Array;
  values: number;
  /** `[features × rows]`: what is averaged. */
  targets: ArrayLike<number>[];
}

function targetsOf(given: Target): ArrayLike<number>[] {
  if (given.kind === 'number') return [given.values];
  const { codes, classes } = given;
  return classes.slice(1).map((_, k) => codes.map((code) => Number(code === k + 1)));
}

/** (Σ y + m ȳ) / (n + m) of each value, and ȳ for all others. @param used - rows that count; all when left out. */
function encodingOf(
  { places, values, targets }: EncodedRows,
  smoothing: number,
  used?: (row: number) => boolean,
): Float32Array {
  const width = targets.length;
  const encoding = new Float32Array((values + 1) * width);
  for (const [k, target] of targets.entries()) {
    const sums = new Float64Array(values);
    const counts = new Float64Array(values);
    let sum = 0;
    let count = 0;
    for (const [row, place] of places.entries()) {
      if (used !== undefined && !used(row)) continue;
      sums[place] += target[row];
      counts[place]++;
      sum += target[row];
      count++;
    }
    const mean = sum / count;
    for (let place = 0; place < values; place++) {
      const weight = counts[place] + smoothing;
      encoding[place * width + k] = weight === 0 ? mean : (sums[place] + smoothing * mean) / weight;
    }
    encoding[values * width + k] = mean;
  }
  return encoding;
}

/** Of the rows that were fitted on, `[rows × features]`. */
function outOfFold(rows: EncodedRows, smoothing: number, foldOf: Int32Array): Float32Array {
  const { places, values, targets } = rows;
  const width = targets.length;
  const encoded = new Float32Array(places.length * width);
  const folds = new Set(foldOf);
  for (const fold of folds) {
    // Where all rows are in one fold there are no others: all are told the mean of all.
    const others = folds.size > 1 ? (row: number) => foldOf[row] !== fold : undefined;
    const encoding = encodingOf(rows, smoothing, others);
    for (const [row, place] of places.entries()) {
      if (foldOf[row] !== fold) continue;
      const from = (folds.size > 1 ? place : values) * width;
      encoded.set(encoding.subarray(from, from + width), row * width);
    }
  }
  return encoded;
}

/** The fold of each row; as many as there are rows or groups where those are fewer. */
function foldsOf(given: Target, folds: number, { seed, groups }: LearningContext): Int32Array {
  const random = new Random(seed);
  if (groups !== undefined) {
    const distinct = shuffled([...new Set(groups)], random);
    const foldOfGroup = new Map(distinct.map((group, i) => [group, i % folds]));
    return groups.map((group) => foldOfGroup.get(group)!);
  }
  const values: ArrayLike<number> = given.kind === 'classes' ? given.codes : given.values;
  // Shuffled and then sorted, which keeps the order of equals: dealt out, each fold has its share of all. Which fold gets
  // the least of a round is drawn, so that none is lower than the others throughout.
  const rows = shuffled(
    Array.from({ length: values.length }, (_, row) => row),
    random,
  ).sort((a, b) => values[a] - values[b]);
  const foldOf = new Int32Array(rows.length);
  const round = Array.from({ length: folds }, (_, fold) => fold);
  for (const [i, row] of rows.entries()) {
    if (i % folds === 0) shuffled(round, random);
    foldOf[row] = round[i % folds];
  }
  return foldOf;
}

function shuffled<T>(list: T[], random: Random): T[] {
  for (let i = list.length - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    [list[i], list[j]] = [list[j], list[i]];
  }
  return list;
}
