/**
 * Naive Bayes: the features of a class are independent of each other. Gaussian: each has a normal distribution (T. F.
 * Chan, G. H. Golub and R. J. LeVeque, 1979, for the variances); multinomial: they are counts of words, or what stands for
 * them, as TF-IDF does; complement: a class is told by the counts of all others (J. D. M. Rennie et al., "Tackling the
 * Poor Assumptions of Naive Bayes Text Classifiers", ICML 2003). Parameters and results are those of scikit-learn's
 * `GaussianNB`, `MultinomialNB` and `ComplementNB`; the variance that smooths a Gaussian one is that of the weighted rows.
 *
 * A class without a row has the probability 0, whatever the prior: nothing is known of it.
 */
import { TradewindError } from '../../contracts/errors.ts';
import { completeParameters } from '../../contracts/parameters.ts';
import { tableAlgorithms, type TableParametersOf } from '../../contracts/table-algorithms.ts';
import type { Features } from '../../data/features.ts';
import type { Target } from '../../data/table.ts';
import type { TableEstimator, TableFitContext } from '../table-estimator.ts';
import { placeOf, requireFinite } from './finite-features.ts';
import { momentsOf } from './moments.ts';
import { FittedNaiveBayes, loadNaiveBayes, type NaiveBayesModel, type NaiveBayesName } from './naive-bayes-model.ts';
import { checkedWeights } from './row-weights.ts';

/** What all three begin with. */
interface ClassRows {
  readonly x: Features;
  /** `[rows]`: place of a row's class among those learned. */
  readonly codes: Int32Array;
  readonly learned: Int32Array;
  readonly outputs: number;
  /** `[rows]` with mean 1, where rows have weights. */
  readonly weights: Float32Array | undefined;
  /** `[learned]`: sum of the rows' weights. */
  readonly mass: Float64Array;
}

type Learned = Omit<NaiveBayesModel, 'algorithm' | 'outputs' | 'learned' | 'importance'> & {
  /** `[features]`: how much each tells classes apart, in any unit. */
  readonly tells: Float64Array;
};

export const gaussianNaiveBayes = naiveBayes('gaussian-naive-bayes', fitGaussian);
export const multinomialNaiveBayes = naiveBayes('multinomial-naive-bayes', (rows, { alpha, fitPrior }) => {
  const counts = countsOf('multinomial-naive-bayes', rows);
  const { features, classes } = sizesOf(rows);
  const bias = new Float64Array(classes);
  const total = rows.mass.reduce((sum, mass) => sum + mass, 0);
  const sums = new Float64Array(classes);
  for (let at = 0; at < counts.length; at++) sums[at % classes] += counts[at] + alpha;
  // log P(j | c) = log((N_cj + α) / Σ (N_cj + α))
  const weights = counts.map((count, at) => Math.log((count + alpha) / sums[at % classes]));
  for (let k = 0; k < classes; k++) bias[k] = fitPrior === 'yes' ? Math.log(rows.mass[k] / total) : 0;
  return { weights: centred(weights, classes), bias, tells: tellsOf(rows, weights, features, classes) };
});
export const complementNaiveBayes = naiveBayes('complement-naive-bayes', (rows, { alpha, norm }) => {
  const counts = countsOf('complement-naive-bayes', rows);
  const { features, classes } = sizesOf(rows);
  const sums = new Float64Array(classes);
  const others = counts.slice();
  for (let j = 0; j < features; j++) {
    let all = 0;
    for (let k = 0; k < classes; k++) all += counts[j * classes + k];
    for (let k = 0; k < classes; k++) sums[k] += others[j * classes + k] = all - counts[j * classes + k] + alpha;
  }
  // −log((N_j − N_cj + α) / Σ (N_j − N_cj + α)), which `norm` divides by what they sum to
  const weights = others.map((count, at) => -Math.log(count / sums[at % classes]));
  if (norm === 'yes') {
    const lengths = new Float64Array(classes);
    for (let at = 0; at < weights.length; at++) lengths[at % classes] += weights[at];
    for (let at = 0; at < weights.length; at++) weights[at] /= lengths[at % classes] || 1;
  }
  const bias = new Float64Array(classes);
  return { weights: centred(weights, classes), bias, tells: tellsOf(rows, weights, features, classes) };
});

function naiveBayes<A extends NaiveBayesName>(
  algorithm: A,
  learn: (rows: ClassRows, parameters: TableParametersOf<A>) => Learned,
): TableEstimator<A> {
  return {
    algorithm,
    async fit(x, y, given, context) {
      const table = tableAlgorithms[algorithm].parameters;
      const parameters = completeParameters(algorithm, table, given) as TableParametersOf<A>;
      const rows = classRowsOf(algorithm, x, y, context);
      context.progress?.(0.1, `${rows.learned.length} classes`);
      const { tells, ...parts } = learn(rows, parameters);
      const total = tells.reduce((sum, value) => sum + value, 0);
      const importance = total > 0 && total < Infinity ? tells.map((value) => value / total) : tells.fill(0);
      context.progress?.(1);
      const { learned, outputs } = rows;
      return new FittedNaiveBayes({ algorithm, outputs, learned, importance, ...parts });
    },
    load: async (state) => loadNaiveBayes(algorithm, state),
  };
}

/**
 * @throws RangeError where features, classes and weights do not belong together.
 * @throws TradewindError `TRAINING_DIVERGED` where a feature is no finite number.
 */
function classRowsOf(algorithm: NaiveBayesName, x: Features, y: Target, context: TableFitContext): ClassRows {
  if (y.kind !== 'classes') throw new RangeError(`The target of ${algorithm} must be classes. Got numbers.`);
  const weights = checkedWeights(x, y, context.weights);
  requireFinite(algorithm, x);
  const outputs = y.classes.length;
  const own = new Float64Array(outputs);
  for (let i = 0; i < x.rows; i++) own[y.codes[i]] += weights?.[i] ?? 1;
  const learned = Int32Array.from([...own.keys()].filter((place) => own[place] > 0));
  const placeOfClass = new Int32Array(outputs);
  for (const [k, place] of learned.entries()) placeOfClass[place] = k;
  const codes = y.codes.map((code) => placeOfClass[code]);
  return { x, codes, learned, outputs, weights, mass: Float64Array.from(learned, (place) => own[place]) };
}

const sizesOf = ({ x, learned }: ClassRows) => ({ features: x.names.length, classes: learned.length });

function fitGaussian(rows: ClassRows, { varSmoothing }: TableParametersOf<'gaussian-naive-bayes'>): Learned {
  const { x, mass, weights } = rows;
  const { features, classes } = sizesOf(rows);
  const { mean, deviation } = momentsOf(x, weights);
  const largest = deviation.reduce((most, sigma) => Math.max(most, sigma ** 2), 0);
  const total = mass.reduce((sum, value) => sum + value, 0);

  const means = new Float64Array(features * classes);
  const present = new Float64Array(features * classes);
  eachValue(rows, (at, value, weight) => {
    means[at] += weight * value;
    present[at] += weight;
  });
  for (let at = 0; at < means.length; at++) means[at] /= mass[at % classes];
  const variances = new Float64Array(features * classes);
  eachValue(rows, (at, value, weight) => (variances[at] += weight * (value - means[at]) ** 2));

  const scale = deviation.map((sigma) => (sigma > 0 ? 1 / sigma : 0));
  const [squares, linear] = [new Float64Array(means.length), new Float64Array(means.length)];
  const bias = mass.map((own) => Math.log(own / total));
  const tells = new Float64Array(features);
  for (let j = 0; j < features; j++) {
    if (scale[j] === 0) continue;
    for (let k = 0; k < classes; k++) {
      const at = j * classes + k;
      // Zeros that a sparse row does not name are (1 − present) of the class.
      const absent = x.kind === 'sparse' ? Math.max(0, mass[k] - present[at]) : 0;
      const variance = (variances[at] + absent * means[at] ** 2) / mass[k] + varSmoothing * largest;
      // −½ (x − μ)² / σ² = −½ p z² + p m z − ½ p m², in deviations of all rows: z of x, m of μ, p = deviation² / σ²
      const m = (means[at] - mean[j]) * scale[j];
      const p = deviation[j] ** 2 / variance;
      squares[at] = -p / 2;
      linear[at] = p * m;
      bias[k] -= (Math.log(variance) + p * m * m) / 2;
      // Expected log likelihood of the own class above that of any, by the classes' shares: Σ π ½ (p (1 + m²) − 1)
      tells[j] += (mass[k] / total) * Math.max(0, (p * (1 + m * m) - 1) / 2);
    }
  }
  return { scaling: { shift: mean, scale }, squares, weights: linear, bias, tells };
}

/** Every value of a row, or every entry of a sparse one, at its place in `[features × learned]`. */
function eachValue(
  { x, codes, learned, weights }: ClassRows,
  visit: (at: number, value: number, weight: number) => void,
): void {
  const columns = x.names.length;
  const classes = learned.length;
  for (let i = 0; i < x.rows; i++) {
    const weight = weights === undefined ? 1 : weights[i];
    // Its class may not be among those learned.
    if (weight === 0) continue;
    if (x.kind === 'dense') {
      for (let j = 0; j < columns; j++) visit(j * classes + codes[i], x.values[i * columns + j], weight);
    } else {
      const { indptr, indices, values } = x.csr;
      for (let e = indptr[i]; e < indptr[i + 1]; e++) visit(indices[e] * classes + codes[i], values[e], weight);
    }
  }
}

/**
 * N_cj, `[features × learned]`: sums of a feature over the rows of a class.
 * @throws TradewindError `PREPARATION_FAILED` where one is negative.
 */
function countsOf(algorithm: NaiveBayesName, rows: ClassRows): Float64Array {
  const { x } = rows;
  const values = x.kind === 'dense' ? x.values : x.csr.values;
  const at = values.findIndex((value) => value < 0);
  if (at >= 0) {
    throw new TradewindError('PREPARATION_FAILED', {
      subject: `The features that ${algorithm} learns from`,
      rule: 'be at least 0, as counts are',
      value: `${values[at]} of ${placeOf(x, at)}`,
      remedy: 'Scale the column with the method "minMax" or leave it out, or train gaussian-naive-bayes.',
    });
  }
  const counts = new Float64Array(x.names.length * rows.learned.length);
  eachValue(rows, (place, value, weight) => (counts[place] += weight * value));
  return counts;
}

/** Without what a feature adds to every class alike, which says nothing and would take digits. */
function centred(weights: Float64Array, classes: number): Float64Array {
  const out = weights.slice();
  for (let from = 0; from < out.length; from += classes) {
    let mean = 0;
    for (let k = 0; k < classes; k++) mean += out[from + k] / classes;
    for (let k = 0; k < classes; k++) out[from + k] -= mean;
  }
  return out;
}

/** Σ |weight| over the classes, times the feature's deviation: how far it moves the scores. */
function tellsOf({ x, weights: ofRows }: ClassRows, weights: Float64Array, features: number, classes: number) {
  const { deviation } = momentsOf(x, ofRows);
  const own = centred(weights, classes);
  return Float64Array.from({ length: features }, (_, j) => {
    let sum = 0;
    for (let k = 0; k < classes; k++) sum += Math.abs(own[j * classes + k]);
    return sum * deviation[j];
  });
}
