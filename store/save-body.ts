/** From a server's answer to a file, so that a broken connection and a full disk are told apart. */
import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';

/**
 * @param explain - of what the server or the connection does in the middle of the body; what the file system refuses
 * is thrown as it is
 * @throws the reason of `signal`
 */
export async function saveBody(
  body: AsyncIterable<Uint8Array>,
  path: string,
  explain: (error: unknown) => Error,
  signal?: AbortSignal,
): Promise<void> {
  const pieces = async function* () {
    try {
      yield* body;
    } catch (error) {
      throw explain(error);
    }
  };
  try {
    await pipeline(pieces, createWriteStream(path), signal === undefined ? {} : { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}
