import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import { readStack, stackEnvironment } from '../../scripts/stack/connection.ts';
import { ArtifactStore } from '../../store/artifact-store.ts';

/** The environment of the shared stack's worker: addresses and credentials. */
export async function sharedEnvironment(): Promise<NodeJS.ProcessEnv> {
  const state = await readStack(inject('stackHome'));
  if (state === undefined) throw new Error('the shared stack is not up');
  return stackEnvironment(state);
}

/** A store on the shared S3 server with a digest cache of its own. */
export async function openStore(change: NodeJS.ProcessEnv = {}): Promise<ArtifactStore> {
  const home = await mkdtemp(join(tmpdir(), 'tradewind-store-'));
  return ArtifactStore.fromEnvironment({ ...(await sharedEnvironment()), TRADEWIND_HOME: home, ...change });
}
