/**
 * Bayesian optimization: a Gaussian process over the trials, and the place where it expects the largest improvement
 * (D. R. Jones, M. Schonlau and W. J. Welch, J. Global Optimization 13, 1998).
 */
import { Random } from '../../contracts/random.ts';
import type { FinishedTrial, Sampler, SampleRequest } from '../sampler.ts';
import { LogExpectedImprovement, maxima } from './acquisition.ts';
import { Encoding } from './encoding.ts';
import { GaussianProcess, type Hyperparameters, type Observations } from './gaussian-process.ts';
import { fit, guess } from './marginal-likelihood.ts';
import { sobol } from './sobol.ts';
import { Tried } from './tried.ts';

/** Trials with a value before which trials are those of the Sobol sampler. */
const startupTrials = 10;
/** Trials that are regressed on: the time of a suggestion grows with their cube. */
const mostTrials = 400;
/** Hyperparameters are sought on few trials first, then, from there, on more of them. */
const sought = [
  { trials: 60, steps: 40 },
  { trials: 200, steps: 8 },
];

const upperQuartile = 0.75;

/** A trial as the regression takes it. */
interface Known {
  x: Float64Array;
  y: number;
}

export const gp: Sampler = (request) => {
  const { space, history, seed, index } = request;
  const tried = new Tried(request);
  if (history.filter(hasValue).length < startupTrials) return tried.unless(sobol(request)!);
  const encoding = new Encoding(space);
  const known = chosen(knownOf(history, encoding));
  const standardized = standardize(known);
  const hyperparameters = seek(standardized, encoding);
  const regression = withPending(request, standardized, encoding, hyperparameters);
  const best = standardized.reduce((a, b) => (b.y > a.y ? b : a));
  const acquisition = new LogExpectedImprovement(regression, best.y, best.x.length);
  const found = maxima(acquisition, encoding, encoding.placesOf(best.x), new Random(seed, index));
  const proposals = found.map(({ places }) => encoding.decode(places));
  return proposals.find((proposal) => !tried.has(proposal)) ?? tried.unless(proposals[0]);
};

function hasValue({ state, value }: FinishedTrial): boolean {
  return state !== 'failed' && value !== undefined;
}

/**
 * A pruned trial had something at its last rung, which may be more than it would have come to: it counts as that, but as
 * no better than the median of the others. One that failed counts as the worst: its corner may fail again.
 */
function knownOf(history: readonly FinishedTrial[], encoding: Encoding): Known[] {
  const values = (state: FinishedTrial['state']) =>
    history.flatMap((trial) => (trial.state === state && trial.value !== undefined ? [trial.value] : []));
  const done = values('done').toSorted((a, b) => a - b);
  const median = done.length > 0 ? done[done.length >> 1] : Infinity;
  const worst = Math.min(...done, ...values('pruned'));
  return history.flatMap(({ parameters, state, value }) => {
    const x = encoding.encode(parameters);
    if (state === 'failed') return [{ x, y: worst }];
    if (value === undefined) return [];
    return [{ x, y: state === 'pruned' ? Math.min(value, median) : value }];
  });
}

/** Where there are too many: the best, and of the others the latest. */
function chosen(known: readonly Known[]): Known[] {
  if (known.length <= mostTrials) return [...known];
  const best = new Set(known.toSorted((a, b) => b.y - a.y).slice(0, mostTrials / 2));
  const latest = new Set(known.filter((trial) => !best.has(trial)).slice(-mostTrials / 2));
  return known.filter((trial) => best.has(trial) || latest.has(trial));
}

/**
 * Values of mean 0 and variance 1, of −log(1 + gap / m), where the gap is to the best one, and m the upper quartile of
 * gaps: a few very bad trials do not press all others together, and how good ones differ is kept. Their median, which
 * falls as trials gather around a place, would make ever smaller differences there look like improvements, and keep the
 * search from other places.
 */
function standardize(known: readonly Known[]): Known[] {
  const best = Math.max(...known.map(({ y }) => y));
  const gaps = known.map(({ y }) => best - y);
  const wide = gaps.toSorted((a, b) => a - b)[Math.floor(upperQuartile * gaps.length)];
  const warped = gaps.map((gap) => (wide > 0 ? -Math.log1p(gap / wide) : -gap));
  const mean = warped.reduce((sum, y) => sum + y, 0) / warped.length;
  const deviation = Math.sqrt(warped.reduce((sum, y) => sum + (y - mean) ** 2, 0) / warped.length);
  return known.map(({ x }, i) => ({ x, y: deviation > 0 ? (warped[i] - mean) / deviation : 0 }));
}

function observationsOf(known: readonly Known[], { categorical }: Encoding): Observations {
  const points = new Float64Array(known.length * categorical.length);
  for (const [i, { x }] of known.entries()) points.set(x, i * categorical.length);
  return { points, values: Float64Array.from(known, ({ y }) => y), categorical };
}

function seek(known: readonly Known[], encoding: Encoding): Hyperparameters {
  let hyperparameters = guess(encoding.names.length);
  for (const [pass, { trials, steps }] of sought.entries()) {
    if (pass > 0 && known.length <= sought[pass - 1].trials) break;
    hyperparameters = fit(observationsOf(representative(known, trials), encoding), hyperparameters, steps);
  }
  return hyperparameters;
}

/** Half of them the best, the rest evenly from the others, in the order of the trials. */
function representative(known: readonly Known[], count: number): Known[] {
  if (known.length <= count) return [...known];
  const best = new Set(known.toSorted((a, b) => b.y - a.y).slice(0, count / 2));
  const others = known.filter((trial) => !best.has(trial));
  const step = others.length / (count - best.size);
  const spread = Array.from({ length: count - best.size }, (_, i) => others[Math.floor(i * step)]);
  return [...best, ...spread];
}

/** With as much more noise as the covariance needs to be invertible: trials may be very near to each other. */
function regress(known: readonly Known[], encoding: Encoding, hyperparameters: Hyperparameters): GaussianProcess {
  const observed = observationsOf(known, encoding);
  for (let noise = hyperparameters.noise; ; noise *= 10) {
    try {
      return new GaussianProcess(observed, { ...hyperparameters, noise });
    } catch (error) {
      if (!(error instanceof RangeError) || noise > hyperparameters.variance) throw error;
    }
  }
}

/** Trials in flight count as what is expected of them (the "kriging believer" of D. Ginsbourger et al., 2010). */
function withPending(
  { pending = [] }: SampleRequest,
  known: readonly Known[],
  encoding: Encoding,
  hyperparameters: Hyperparameters,
): GaussianProcess {
  const regression = regress(known, encoding, hyperparameters);
  if (pending.length === 0) return regression;
  const believed = pending.map((parameters) => {
    const x = encoding.encode(parameters);
    return { x, y: regression.posterior(x).mean };
  });
  return regress([...known, ...believed], encoding, hyperparameters);
}
