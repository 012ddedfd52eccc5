/** How the rows of a task are divided for kernel threads: by their number alone, never by the number of threads. */

export interface RowChunks {
  count: number;
  /** First row of a chunk and the row behind its last. */
  range(chunk: number): [number, number];
}

/**
 * @param least - rows of a chunk that are worth the handing out.
 * @param most - chunks at most.
 */
export function rowChunks(rows: number, least: number, most = 1024): RowChunks {
  const size = Math.max(least, Math.ceil(rows / most));
  return {
    count: Math.ceil(rows / size),
    range: (chunk) => [chunk * size, Math.min(rows, (chunk + 1) * size)],
  };
}
