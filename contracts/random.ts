/**
 * The one seeded generator of the product, free of libraries so that every room, workflows included, may use it.
 *
 * xoshiro128** 1.1 (D. Blackman and S. Vigna, "Scrambled linear pseudorandom number generators", ACM TOMS 47, 2021;
 * period 2^128 − 1), its state filled by SplitMix64 (G. L. Steele, D. Lea, C. H. Flood, OOPSLA 2014), as its authors
 * advise. A stream is another start of the same generator, hashed from seed and stream: two of them overlap within
 * 2^64 draws with a chance below 2^-60. Not for cryptography.
 */
const golden = 0x9e3779b97f4a7c15n;

/** The finalizer of SplitMix64: a bijection of 64-bit words. */
function mix(word: bigint): bigint {
  let z = BigInt.asUintN(64, word);
  z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
  z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
  return z ^ (z >> 31n);
}

export class Random {
  #a: number;
  #b: number;
  #c: number;
  #d: number;
  /** The second of the two normal deviates that one rejection round makes. */
  #spare: number | undefined;

  /**
   * @param seed - safe integer.
   * @param stream - safe integer; each (seed, stream) has a sequence of its own, so that trial 7 draws the same
   * numbers whether or not trial 6 has run.
   * @throws RangeError where one of the two is no integer.
   */
  constructor(seed: number, stream = 0) {
    const start = mix(mix(BigInt(seed) + golden) + BigInt(stream) + golden);
    // Successive outputs of SplitMix64 differ, so the state is never all zero.
    const low = mix(start + golden);
    const high = mix(start + 2n * golden);
    this.#a = Number(BigInt.asIntN(32, low));
    this.#b = Number(BigInt.asIntN(32, low >> 32n));
    this.#c = Number(BigInt.asIntN(32, high));
    this.#d = Number(BigInt.asIntN(32, high >> 32n));
  }

  /** A generator that goes on from these four 32-bit words, not all zero: the form of published test vectors. */
  static fromState(words: readonly [number, number, number, number]): Random {
    const random = new Random(0);
    [random.#a, random.#b, random.#c, random.#d] = words;
    return random;
  }

  /** Uniform over the integers [0, 2^32). */
  bits(): number {
    const b = this.#b;
    const x = Math.imul(b, 5);
    const result = Math.imul((x << 7) | (x >>> 25), 9);
    this.#c ^= this.#a;
    this.#d ^= b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= b << 9;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return result >>> 0;
  }

  /** Uniform over [0, 1) in steps of 2^-53; takes two draws of `bits`. */
  uniform(): number {
    const high = this.bits() >>> 5;
    const low = this.bits() >>> 6;
    return (high * 0x4000000 + low) / 0x20000000000000;
  }

  /** Mean 0, variance 1, by Marsaglia's polar method (SIAM Review 6, 1964). */
  normal(): number {
    if (this.#spare !== undefined) {
      const spare = this.#spare;
      this.#spare = undefined;
      return spare;
    }
    let u: number;
    let v: number;
    let s: number;
    do {
      u = 2 * this.uniform() - 1;
      v = 2 * this.uniform() - 1;
      s = u * u + v * v;
    } while (s >= 1 || s === 0);
    const scale = Math.sqrt((-2 * Math.log(s)) / s);
    this.#spare = v * scale;
    return u * scale;
  }

  /**
   * Uniform over the integers [0, n), without the bias of a bare remainder.
   * @param n - integer in [1, 2^32].
   * @throws RangeError for any other n.
   */
  integer(n: number): number {
    if (!Number.isInteger(n) || n < 1 || n > 0x1_0000_0000) {
      throw new RangeError(`The bound of a random integer must be an integer in [1, 2^32]. Got ${n}.`);
    }
    const accepted = 0x1_0000_0000 - (0x1_0000_0000 % n);
    let x: number;
    do x = this.bits();
    while (x >= accepted);
    return x % n;
  }
}
