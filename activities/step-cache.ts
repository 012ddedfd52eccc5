/**
 * The step cache (law 2): a stage's output key derives from its code, parameters, the digests of its inputs and what it
 * was computed on. The same stage on the same inputs is not computed again, provided its artifacts are still there.
 */
import { z } from 'zod';
import { blobRefSchema, type BlobRef } from '../contracts/artifacts.ts';
import { canonicalJson, sha256 } from '../contracts/canonical.ts';
import type { StageTiming } from '../contracts/lifecycle.ts';
import { objectKeys } from '../contracts/names.ts';
import type { ArtifactStore } from '../store/artifact-store.ts';

export interface StepKey {
  stage: string;
  /** Digest over the source of the rooms that the stage runs. */
  code: string;
  /** Parameters and input digests; anything canonical JSON can say. Names of files do not belong here. */
  inputs: unknown;
  /** Execution provider and instruction set, for steps whose last bits depend on it. */
  computedOn?: string;
}

export function stepDigest(key: StepKey): string {
  return sha256(canonicalJson(key));
}

/** Finds the step's result or computes and remembers it. Two who compute at once end with the result of the first. */
export async function cached<T extends object>(
  store: ArtifactStore,
  key: StepKey,
  compute: (digest: string) => Promise<T>,
): Promise<T & StageTiming> {
  const started = performance.now();
  const digest = stepDigest(key);
  const place = objectKeys.cache(key.stage, digest);
  const timing = (hit: boolean): StageTiming => ({
    cached: hit,
    milliseconds: Math.round(performance.now() - started),
  });
  const anything = z.record(z.string(), z.unknown());
  const found = await store.getJson(place, anything);
  if (found !== undefined && (await allThere(store, found.value))) {
    return { ...(found.value as T), ...timing(true) };
  }
  const value = await compute(digest);
  // A remembered result whose artifacts are gone is replaced; otherwise the first writer stays.
  const written = await store.putJson(
    place,
    value,
    found === undefined ? { ifNoneMatch: '*' } : { ifMatch: found.etag },
  );
  if (written === 'conflict') {
    const winner = await store.getJson(place, anything);
    if (winner !== undefined) return { ...(winner.value as T), ...timing(false) };
  }
  return { ...value, ...timing(false) };
}

async function allThere(store: ArtifactStore, value: unknown): Promise<boolean> {
  const there = await Promise.all(blobsIn(value).map((ref) => store.hasBlob(ref)));
  return there.every(Boolean);
}

/** Every blob reference anywhere in a result. */
export function blobsIn(value: unknown): BlobRef[] {
  const ref = blobRefSchema.safeParse(value);
  if (ref.success) return [ref.data];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(blobsIn);
}
