/**
 * Which catalogue items may be recommended, as the graph's `bool [1, items]` input. One buffer of ones and one of zeros
 * serve all requests: a request changes only the places that it names and puts them back, so that it costs no pass over
 * the catalogue.
 */
export class CandidateMask {
  readonly #ones: Uint8Array;
  readonly #zeros: Uint8Array;

  constructor(items: number) {
    this.#ones = new Uint8Array(items).fill(1);
    this.#zeros = new Uint8Array(items);
  }

  /**
   * Calls `use` with a mask that is valid until its promise settles; one call at a time.
   * @param candidates - catalogue indices that are allowed; all of them when left out
   * @param forbidden - catalogue indices that are not, candidates or not
   */
  async with<T>(
    candidates: readonly number[] | undefined,
    forbidden: readonly ArrayLike<number>[],
    use: (mask: Uint8Array, allowed: number) => Promise<T>,
  ): Promise<T> {
    const mask = candidates === undefined ? this.#ones : this.#zeros;
    const changed: ArrayLike<number>[] = candidates === undefined ? [...forbidden] : [candidates, ...forbidden];
    let allowed = candidates === undefined ? mask.length : put(mask, candidates, 1);
    for (const indices of forbidden) allowed -= put(mask, indices, 0);
    try {
      return await use(mask, allowed);
    } finally {
      for (const indices of changed) put(mask, indices, candidates === undefined ? 1 : 0);
    }
  }
}

/** @returns how many places got another value */
function put(mask: Uint8Array, indices: ArrayLike<number>, value: 0 | 1): number {
  let changes = 0;
  for (let i = 0; i < indices.length; i++) {
    if (mask[indices[i]] !== value) changes++;
    mask[indices[i]] = value;
  }
  return changes;
}
