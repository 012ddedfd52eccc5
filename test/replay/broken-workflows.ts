/** `deployModel` as somebody might break it: it promotes before it proves. Recorded histories must not replay on it. */
import type { DeploymentInput } from '../../contracts/lifecycle.ts';
import { markStage, markSubject } from '../../workflows/attributes.ts';
import { computeOnCpu, doQuickly } from '../../workflows/options.ts';

export async function deployModel(input: DeploymentInput): Promise<void> {
  const { model, version, artifactDigest } = input;
  markSubject({ model, dataset: input.dataset, version });
  markStage('deploy');
  await doQuickly('pointChampion', 'promote', {
    model,
    version,
    artifactDigest,
    expectedChampion: input.expectedChampion,
    changedBy: 'test',
    reason: input.reason,
  });
  await computeOnCpu('proveArtifact', 'prove', { model, version, artifactDigest });
}
