/**
 * Tails and quantiles of the distributions that tests need, to about 1e-13 of their value, far tails included: every
 * tail is computed as itself and not as 1 minus the other. Equations are those of the NIST Digital Library of
 * Mathematical Functions (DLMF); powers and factorials cancel before they are multiplied out (C. Loader, "Fast and
 * accurate computation of binomial probabilities", 2000).
 */

/** P(Z > z) of the standard normal distribution. */
export function normalUpperTail(z: number): number {
  // Q(½, z²/2) is the mass beyond ±z.
  return z >= 0 ? gammaTails(0.5, (z * z) / 2).upper / 2 : 1 - normalUpperTail(-z);
}

/** z with P(Z ≤ z) = p, p in (0, 1). */
export function normalQuantile(p: number): number {
  return quantile(p, normalUpperTail, (z) => Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI));
}

/** P(T > t) of Student's t distribution. @param freedom - degrees of freedom, above 0. */
export function studentUpperTail(t: number, freedom: number): number {
  if (t < 0) return 1 - studentUpperTail(-t, freedom);
  const square = t * t;
  // ½ I_x(ν/2, ½) with x = ν ÷ (ν + t²)
  if (square === Infinity) return 0;
  return betaRatio(freedom / 2, 0.5, freedom / (freedom + square), square / (freedom + square)) / 2;
}

/** t with P(T ≤ t) = p, p in (0, 1). */
export function studentQuantile(p: number, freedom: number): number {
  return quantile(p, (t) => studentUpperTail(t, freedom));
}

/** P(X > x) of the χ² distribution, x at least 0. */
export function chiSquaredUpperTail(x: number, freedom: number): number {
  return gammaTails(freedom / 2, x / 2).upper;
}

/** P(X ≤ k) of the binomial distribution. @param k - integer in [0, n]. @param p - in (0, 1). */
export function binomialLowerTail(k: number, n: number, p: number): number {
  // I_{1−p}(n − k, k + 1); DLMF 8.17.5
  return k >= n ? 1 : betaRatio(n - k, k + 1, 1 - p, p);
}

/** Regularised incomplete gamma functions P(a, x) and Q(a, x), a > 0, x ≥ 0; DLMF 8.2.4. */
function gammaTails(a: number, x: number): { lower: number; upper: number } {
  if (x === 0) return { lower: 0, upper: 1 };
  if (x === Infinity) return { lower: 1, upper: 0 };
  // xᵃ e⁻ˣ ÷ Γ(a + 1)
  const scale = Math.exp(-stirlingError(a) - deviance(a, x)) / Math.sqrt(2 * Math.PI * a);
  if (x < a + 1) {
    // P = scale · Σ xⁿ ÷ (a + 1)…(a + n); DLMF 8.7.1
    let term = 1;
    let sum = 1;
    for (let n = 1; term > sum * 1e-17; n++) {
      term *= x / (a + n);
      sum += term;
    }
    return { lower: scale * sum, upper: 1 - scale * sum };
  }
  // Q = a · scale ÷ (x + 1 − a − 1·(1 − a) ÷ (x + 3 − a − …)); DLMF 8.9.2
  const fraction = continuedFraction(x + 1 - a, (n) => [n * (a - n), x + 2 * n + 1 - a]);
  const upper = (a * scale) / fraction;
  return { lower: 1 - upper, upper };
}

/** Regularised incomplete beta function I_x(a, b), with y = 1 − x given as well, so that neither is rounded away. */
function betaRatio(a: number, b: number, x: number, y: number): number {
  if (x <= 0) return 0;
  if (y <= 0) return 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - betaRatio(b, a, y, x);
  // xᵃ yᵇ Γ(a + b + 1) ÷ (Γ(a + 1) Γ(b + 1)), Loader's binomial probability at real numbers
  const n = a + b;
  const exponent = stirlingError(n) - stirlingError(a) - stirlingError(b) - deviance(a, n * x) - deviance(b, n * y);
  const scale = Math.exp(exponent) * Math.sqrt(n / (2 * Math.PI * a * b));
  // I = xᵃ yᵇ ÷ B(a, b) ÷ (β₀ + α₁ ÷ (β₁ + …)), which does not cancel for large a (A. R. Didonato and A. H. Morris,
  // ACM TOMS 18, 1992, eq. 9). Γ(a + b) ÷ (Γ(a) Γ(b)) is ab ÷ (a + b) of what `scale` has.
  const beta = (m: number) =>
    // The first quotient is 0 at m = 0, also where a is 1.
    (m === 0 ? 0 : m + (m * (b - m) * x) / (a + 2 * m - 1)) +
    ((a + m) * (a * y - b * x + 1 + m * (1 + y))) / (a + 2 * m + 1);
  const fraction = continuedFraction(beta(0), (m) => {
    const root = x / (a + 2 * m - 1);
    return [(a + m - 1) * (n + m - 1) * m * (b - m) * root * root, beta(m)];
  });
  return (scale * a * b) / n / fraction;
}

/** b₀ + a₁ ÷ (b₁ + a₂ ÷ (b₂ + …)) by Lentz's method as changed by Thompson and Barnett (J. Comput. Phys. 64, 1986). */
function continuedFraction(b0: number, terms: (n: number) => [a: number, b: number]): number {
  const tiny = 1e-300;
  let value = b0 === 0 ? tiny : b0;
  let c = value;
  let d = 0;
  for (let n = 1; n < 1_000_000; n++) {
    const [a, b] = terms(n);
    d = 1 / (b + a * d || tiny);
    c = b + a / c || tiny;
    value *= c * d;
    if (Math.abs(c * d - 1) < 1e-16) break;
  }
  return value;
}

/** ln Γ(z + 1) − (z + ½) ln z + z − ½ ln 2π, z > 0: what Stirling's formula leaves. */
function stirlingError(z: number): number {
  if (z <= 15) return logGamma1(z) - (z + 0.5) * Math.log(z) + z - 0.5 * Math.log(2 * Math.PI);
  const s = 1 / (z * z);
  // DLMF 5.11.1
  return (1 / 12 - s * (1 / 360 - s * (1 / 1260 - s * (1 / 1680 - s * (1 / 1188 - (s * 691) / 360360))))) / z;
}

/** x ln(x ÷ m) + m − x, without cancelling where the two are near. */
function deviance(x: number, m: number): number {
  if (Math.abs(x - m) >= 0.1 * (x + m)) return x * Math.log(x / m) + m - x;
  // With v = (x − m) ÷ (x + m): (x − m) v + 2 x Σ v^(2j+1) ÷ (2j + 1), j ≥ 1
  const v = (x - m) / (x + m);
  let sum = (x - m) * v;
  let power = 2 * x * v;
  for (let j = 1; ; j++) {
    power *= v * v;
    const next = sum + power / (2 * j + 1);
    if (next === sum) return next;
    sum = next;
  }
}

/** Lanczos' coefficients for g = 7 and nine terms (P. Godfrey, 2001). */
const lanczos = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
  12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
];

/** ln Γ(z + 1), z ≥ 0. */
function logGamma1(z: number): number {
  const t = z + 7.5;
  let sum = lanczos[0];
  for (let i = 1; i < lanczos.length; i++) sum += lanczos[i] / (z + i);
  return 0.5 * Math.log(2 * Math.PI) + (z + 0.5) * Math.log(t) - t + Math.log(sum);
}

/** Of a distribution that is symmetric about 0: halving an interval, in steps of Newton's where they stay within. */
function quantile(p: number, upperTail: (x: number) => number, density?: (x: number) => number): number {
  if (!(p > 0 && p < 1)) throw new RangeError(`A quantile is that of a share in (0, 1). Got ${p}.`);
  if (p === 0.5) return 0;
  if (p < 0.5) return -upperQuantile(p, upperTail, density);
  return upperQuantile(1 - p, upperTail, density);
}

function upperQuantile(tail: number, upperTail: (x: number) => number, density?: (x: number) => number): number {
  let [low, high] = [0, 1];
  while (upperTail(high) > tail) [low, high] = [high, 2 * high];
  let x = (low + high) / 2;
  for (let step = 0; step < 200 && high - low > 0; step++) {
    const excess = upperTail(x) - tail;
    if (excess > 0) low = x;
    else high = x;
    const newton = density ? x + excess / density(x) : Number.NaN;
    const next = newton > low && newton < high ? newton : (low + high) / 2;
    if (next === x || excess === 0) break;
    x = next;
  }
  return x;
}
