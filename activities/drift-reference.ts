/** What new data is compared with: the profile of what a registered version has learned from. */
import type { BlobRef } from '../contracts/artifacts.ts';
import type { ModelRegistry } from '../store/registry.ts';

export interface DriftReference {
  profile: BlobRef;
  version: number;
}

/** Of the champion, or of the latest version where none is champion; of one without a profile there is none. */
export async function driftReference(registry: ModelRegistry, model: string): Promise<DriftReference | undefined> {
  const champion = await registry.alias(model, 'champion');
  const version = champion?.record.version ?? (await registry.versions(model)).at(-1)?.version;
  if (version === undefined) return undefined;
  const { artifact } = await registry.version(model, version);
  const file = artifact.files.find(({ role }) => role === 'profile');
  return file && { profile: { digest: file.digest, bytes: file.bytes, name: file.name }, version };
}

/** What people are told of it where the spec asks for drift. */
export function driftNote(asked: boolean, reference: DriftReference | undefined): string[] {
  if (!asked) return [];
  return [
    reference === undefined
      ? 'There is no version yet to compare the data with: drift was not judged.'
      : `Drift was judged against what version ${reference.version} has learned from.`,
  ];
}
