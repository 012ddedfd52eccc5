/**
 * The standard normal distribution, also far out in its tails. Rational approximations of the complementary error
 * function: W. J. Cody, "Rational Chebyshev approximation for the error function", Math. Comp. 23, 1969; relative error
 * below 1e-15 (of the exponential's own besides).
 */

const logSqrt2Pi = 0.918938533204672742;
const sqrt2 = Math.SQRT2;

/** φ(z) */
export const density = (z: number): number => Math.exp(-0.5 * z * z - logSqrt2Pi);

/** log φ(z) */
export const logDensity = (z: number): number => -0.5 * z * z - logSqrt2Pi;

/** Φ(z), with a relative error below 1e-12 down to z = −37; below −38 it leaves the numbers. */
export function cumulative(z: number): number {
  const half = z / sqrt2;
  return half > 0 ? 1 - 0.5 * complement(half) : 0.5 * complement(-half);
}

/** log Φ(z), for any z. */
export function logCumulative(z: number): number {
  if (z > 0) return Math.log1p(-cumulative(-z));
  if (z > -1) return Math.log(cumulative(z));
  return Math.log(0.5 * scaledComplement(-z / sqrt2)) - 0.5 * z * z;
}

/** Φ(b) − Φ(a) for a ≤ b, without cancellation where both are far out on one side. */
export function mass(a: number, b: number): number {
  return a > 0 ? cumulative(-a) - cumulative(-b) : cumulative(b) - cumulative(a);
}

/**
 * log(φ(z) + z Φ(z)): the logarithm of the expected improvement of a standard normal over −z (S. Ament et al.,
 * "Unexpected improvements to expected improvement for Bayesian optimization", NeurIPS 2023, equation 9).
 */
export function logImprovement(z: number): number {
  if (z > -1) return Math.log(density(z) + z * cumulative(z));
  // φ + zΦ = φ · (1 + z √(π/2) erfcx(−z/√2)); the bracket tends to 1/z², and loses its digits on the way.
  const tail = z < -1e4 ? -2 * Math.log(-z) : Math.log1p(z * Math.sqrt(Math.PI / 2) * scaledComplement(-z / sqrt2));
  return logDensity(z) + tail;
}

/** erfc(x) for x ≥ 0. */
function complement(x: number): number {
  if (x <= 0.46875) return 1 - smallError(x);
  // exp(−x²), x² parted so that its last digits count.
  const head = Math.trunc(x * 16) / 16;
  return Math.exp(-head * head) * Math.exp(-(x - head) * (x + head)) * scaledComplement(x);
}

/** erfcx(x) = exp(x²) erfc(x) for x ≥ 0. */
function scaledComplement(x: number): number {
  if (x <= 0.46875) return Math.exp(x * x) * (1 - smallError(x));
  if (x <= 4) return ratio(middle, x);
  const inverse = 1 / (x * x);
  return (1 / Math.sqrt(Math.PI) - inverse * ratio(outer, inverse)) / x;
}

/** erf(x) for |x| ≤ 0.46875. */
const smallError = (x: number) => x * ratio(inner, x * x);

/** Coefficients of a quotient of polynomials, the highest power first. */
type Quotient = readonly [numerator: readonly number[], denominator: readonly number[]];

const inner: Quotient = [
  [1.85777706184603153e-1, 3.1611237438705656, 1.13864154151050156e2, 3.77485237685302021e2, 3.20937758913846947e3],
  [1, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3],
];
const middle: Quotient = [
  [
    2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594, 6.61191906371416295e1, 2.98635138197400131e2,
    8.8195222124176909e2, 1.71204761263407058e3, 2.05107837782607147e3, 1.23033935479799725e3,
  ],
  [
    1, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
    3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3,
  ],
];
const outer: Quotient = [
  [
    1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1,
    1.60837851487422766e-2, 6.58749161529837803e-4,
  ],
  [1, 2.56852019228982242, 1.87295284992346725, 5.27905102951428412e-1, 6.05183413124413191e-2, 2.33520497626869185e-3],
];

function ratio([numerator, denominator]: Quotient, x: number): number {
  return polynomial(numerator, x) / polynomial(denominator, x);
}

function polynomial(coefficients: readonly number[], x: number): number {
  let value = 0;
  for (const coefficient of coefficients) value = value * x + coefficient;
  return value;
}
