/** `deployModel`: a saga. Prove the artifact, make it champion, see it served, test it; otherwise undo. */
import {
  ActivityFailure,
  CancellationScope,
  isCancellation,
  setCurrentDetails,
  workflowInfo,
} from '@temporalio/workflow';
import type { DeploymentInput, DeploymentResult, PerformanceReport } from '../contracts/lifecycle.ts';
import { markStage, markSubject } from './attributes.ts';
import { computeOnCpu, doQuickly } from './options.ts';

export async function deployModel(input: DeploymentInput): Promise<DeploymentResult> {
  const { model, version, artifactDigest, deployment } = input;
  const { workflowId } = workflowInfo();
  markSubject({ model, dataset: input.dataset, version });
  markStage('deploy');
  const done: string[] = [];
  const show = (line: string) => {
    done.push(`- ${line}`);
    setCurrentDetails([`**${model} v${version}**`, '', ...done].join('\n'));
  };

  // A process that may die loads it first; the inference server never meets a graph that was not proven (law 3).
  const proof = await computeOnCpu('proveArtifact', `load ${model} v${version} apart and ask it`, {
    model,
    version,
    artifactDigest,
  });
  show(`proven in a process of its own: ${proof.users} users asked`);

  let previousVersion = input.expectedChampion;
  let performance: PerformanceReport | undefined;
  try {
    // Not to be cut off half-way: whether the alias has moved must be known before anything is undone.
    const pointed = await CancellationScope.nonCancellable(() =>
      doQuickly('pointChampion', `champion of ${model} becomes v${version}`, {
        model,
        version,
        artifactDigest,
        expectedChampion: input.expectedChampion,
        changedBy: workflowId,
        reason: input.reason,
      }),
    );
    if (pointed.state === 'superseded') return superseded(pointed.champion, pointed.previousVersion);
    previousVersion = pointed.previousVersion;
    show(previousVersion === null ? 'champion' : `champion in place of v${previousVersion}`);
    const served = await doQuickly('awaitServed', `wait until v${version} answers`, { model, version });
    show(`served at ${served.url}`);
    markStage('test');
    const report = await doQuickly(
      'testPerformance',
      `${deployment.performanceTest.requests} requests over ${deployment.performanceTest.connections} connections`,
      { model, version, artifactDigest, gates: deployment.performanceTest, seed: version },
    );
    show(
      `tested: ${report.requests} requests, ${report.errors} errors, ` +
        `p50 ${report.p50Milliseconds.toFixed(1)} ms, p99 ${report.p99Milliseconds.toFixed(1)} ms`,
    );
    performance = report;
    // Two deployments of one artifact may meet, and the other one may have undone what both of them tested.
    const { champion } = await doQuickly('confirmChampion', 'is it champion still?', { model });
    if (champion !== version) return superseded(champion ?? 0, previousVersion);
  } catch (error) {
    // Also when somebody cancels: a champion that was never tested must not stay.
    if (isCancellation(error)) {
      await CancellationScope.nonCancellable(() => undo('the deployment was cancelled'));
      throw error;
    }
    const reason = error instanceof ActivityFailure && error.cause ? error.cause.message : String(error);
    const undone = await undo(reason);
    return { model, version, previousVersion, performance, state: 'compensated', reason: undone };
  }
  markStage('serve');
  return { model, version, previousVersion, performance, state: 'deployed' };

  function superseded(champion: number, previous: number | null): DeploymentResult {
    const now = champion === 0 ? 'the champion was withdrawn' : `version ${champion} became champion`;
    const reason = `${now} since this version was compared; run the pipeline again to compare with it`;
    show(reason);
    return { model, version, previousVersion: previous, performance, state: 'superseded', reason };
  }

  /** @returns the reason, with what could not be seen of the undoing */
  async function undo(reason: string): Promise<string> {
    show(`undone: ${reason}`);
    await doQuickly('restoreChampion', `undo: ${model} v${version}`, {
      model,
      version,
      previousVersion,
      changedBy: workflowId,
      reason,
    });
    if (previousVersion === null) return reason;
    try {
      await doQuickly('awaitServed', 'the earlier champion answers', { model, version: previousVersion });
      return reason;
    } catch {
      // The alias is right again; the server follows it by itself once it can.
      return `${reason} (version ${previousVersion} is champion again, but was not seen to answer yet)`;
    }
  }
}
