/**
 * The standard normal distribution, also far out in its tails. Rational approximations of the complementary error
 * function: W. J. Cody, "Rational Chebyshev approximation for the error function", Math. Comp. 23, 1969; relative error
 * below 1e-15 (of the exponential's own besides).
 */

const logSqrt2Pi = 0.9189385332046728;
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
  [0.18577770618460315, 3.1611237438705655, 113.86415415105016, 377.485237685302, 3209.3775891384694],
  [1, 23.601290952344122, 244.02463793444417, 1282.6165260773723, 2844.236833439171],
];
const middle: Quotient = [
  [
    2.1531153547440383e-8, 0.5641884969886701, 8.883149794388377, 66.11919063714163, 298.6351381974001,
    881.952221241769, 1712.0476126340707, 2051.0783778260716, 1230.3393547979972,
  ],
  [
    1, 15.744926110709835, 117.6939508913125, 537.1811018620099, 1621.3895745666903, 3290.7992357334597,
    4362.619090143247, 3439.3676741437216, 1230.3393548037495,
  ],
];
const outer: Quotient = [
  [
    0.016315387137302097, 0.30532663496123236, 0.36034489994980445, 0.12578172611122926, 0.016083785148742275,
    0.0006587491615298378,
  ],
  [1, 2.568520192289822, 1.8729528499234673, 0.5279051029514285, 0.06051834131244132, 0.0023352049762686918],
];

function ratio([numerator, denominator]: Quotient, x: number): number {
  return polynomial(numerator, x) / polynomial(denominator, x);
}

function polynomial(coefficients: readonly number[], x: number): number {
  let value = 0;
  for (const coefficient of coefficients) value = value * x + coefficient;
  return value;
}
