/**
 * Sobol's sequence (I. M. Sobol, USSR Comput. Math. Math. Phys. 7, 1967) in the order of Gray codes (I. A. Antonov and
 * V. M. Saleev, 1979), scrambled by nested uniform scrambling (A. B. Owen, "Randomly permuted (t, m, s)-nets and
 * (t, s)-sequences", 1995).
 */
import { Random } from '../../contracts/random.ts';
import { directionTable } from './sobol-directions.ts';

const bits = 32;
/** Places are multiples of 2^-32. */
const unit = 2 ** -bits;

export class SobolSequence {
  readonly #dimensions: number;
  readonly #seed: number | undefined;
  readonly #keys: Uint32Array;

  /**
   * @param dimensions - as many as needed. From the 257th on there is no table: places there are drawn at random,
   * evenly filled in no way.
   * @param seed - of the scrambling, which keeps the balance: of any 2^m points from a multiple of 2^m on, each of the
   * 2^m equal parts of a dimension has one. Without it, points are those of the table, the first of them all zeros.
   */
  constructor(dimensions: number, seed?: number) {
    this.#dimensions = dimensions;
    this.#seed = seed;
    const random = new Random(seed ?? 0);
    this.#keys = Uint32Array.from({ length: dimensions }, () => random.bits());
  }

  /**
   * @param index - in [0, 2^32).
   * @returns `[dimensions]`, each in [0, 1).
   */
  point(index: number): Float64Array {
    const gray = (index ^ (index >>> 1)) >>> 0;
    const point = new Float64Array(this.#dimensions);
    for (let d = 0; d < this.#dimensions; d++) {
      const directions = directionsOf(d);
      if (directions === undefined) {
        point[d] = new Random(this.#seed ?? 0, index * this.#dimensions + d).uniform();
        continue;
      }
      let x = 0;
      // x ← ⊕ v_k over the bits k that are set in the Gray code
      for (let k = 0, rest = gray; rest !== 0; k++, rest >>>= 1) if (rest & 1) x ^= directions[k];
      point[d] = (this.#seed === undefined ? x >>> 0 : scramble(x, this.#keys[d])) * unit;
    }
    return point;
  }
}

/** Each bit is flipped, or not, by a hash of the bits above it. */
function scramble(x: number, key: number): number {
  let flips = 0;
  for (let place = 0; place < bits; place++) {
    const above = place === 0 ? 0 : x >>> (bits - place);
    flips = (flips << 1) | (hash(above, Math.imul(place + 1, 0x9e3779b9) ^ key) & 1);
  }
  return (x ^ flips) >>> 0;
}

/** The finalizer of MurmurHash3 (A. Appleby, public domain), once for each of the two words. */
function hash(word: number, key: number): number {
  return avalanche(avalanche(word ^ key) + key);
}
function avalanche(word: number): number {
  let h = word | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

const rows = directionTable.trim().split('\n');
const known = new Map<number, Uint32Array>();

/** v₁ … v₃₂ of a dimension, from 0, as 32-bit fractions; undefined beyond the table. */
function directionsOf(dimension: number): Uint32Array | undefined {
  if (dimension > rows.length) return undefined;
  let directions = known.get(dimension);
  if (directions === undefined) {
    directions = dimension === 0 ? vanDerCorput() : fromRow(rows[dimension - 1]);
    known.set(dimension, directions);
  }
  return directions;
}

function vanDerCorput(): Uint32Array {
  return Uint32Array.from({ length: bits }, (_, k) => 2 ** (bits - 1 - k));
}

function fromRow(row: string): Uint32Array {
  const [a, ...m] = row.split(' ').map(Number);
  const degree = m.length;
  const v = new Uint32Array(bits);
  for (let k = 0; k < bits; k++) {
    if (k < degree) {
      // v_k = m_k / 2^k
      v[k] = m[k] * 2 ** (bits - 1 - k);
      continue;
    }
    // v_k = v_{k−s} / 2^s ⊕ v_{k−s} ⊕ a₁ v_{k−1} ⊕ … ⊕ a_{s−1} v_{k−s+1}
    let x = v[k - degree] ^ (v[k - degree] >>> degree);
    for (let j = 1; j < degree; j++) if ((a >>> (degree - 1 - j)) & 1) x ^= v[k - j];
    v[k] = x;
  }
  return v;
}
