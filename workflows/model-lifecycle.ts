/** `modelLifecycle`: from a pipeline spec to a registered, and where it is better a served, version. */
import {
  ApplicationFailure,
  executeChild,
  ParentClosePolicy,
  setHandler,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import { algorithms, type AlgorithmName } from '../contracts/algorithms.ts';
import { withBaselines } from '../contracts/baselines.ts';
import type {
  CandidateResult,
  LifecycleInput,
  LifecycleResult,
  Outcome,
  PerformanceReport,
  ReleaseInput,
  ReleaseResult,
  StudyResult,
} from '../contracts/lifecycle.ts';
import { resolveCutOffs } from '../contracts/cut-offs.ts';
import { stages, workflowIds } from '../contracts/names.ts';
import type { PipelineSpec } from '../contracts/spec.ts';
import type { TableLifecycleResult } from '../contracts/table-lifecycle.ts';
import type { TableSpec } from '../contracts/table-spec.ts';
import { markSubject, markVersion } from './attributes.ts';
import { Board, count } from './board.ts';
import { DataGate } from './data-decision.ts';
import { progressQuery, trialsSignal } from './messages.ts';
import { computeOn, computeOnCpu, doQuickly } from './options.ts';
import { droppedNote, size } from './notes.ts';
import { releaseModel } from './release-model.ts';
import { runStudy, stageNote } from './study/stage.ts';
import { tableLifecycle } from './table-lifecycle.ts';

export async function modelLifecycle(
  input: LifecycleInput<PipelineSpec | TableSpec>,
): Promise<LifecycleResult | TableLifecycleResult> {
  const { spec } = input;
  return spec.task === 'recommend' ? recommenderLifecycle({ ...input, spec }) : tableLifecycle({ ...input, spec });
}

async function recommenderLifecycle(input: LifecycleInput): Promise<LifecycleResult> {
  const { spec, specDigest, links } = input;
  const { model, seed, objective } = spec;
  const started = Date.now();
  const { workflowId, runId } = workflowInfo();
  const metric = `${objective.metric}@${objective.k}`;
  const dataset = spec.data.name;
  markSubject({ model, dataset });
  const gate = new DataGate();
  const board = new Board({ model, dataset, seed }, metric, stages, links);
  setHandler(progressQuery, () => board.progress);
  setHandler(trialsSignal, (trials) => board.trials(trials));

  const ingested = await board.during(
    'ingest',
    () => computeOnCpu('ingest', `read ${dataset}`, { data: spec.data }),
    (r) =>
      `${count(r.rows)} rows${r.itemRows > 0 ? `, ${count(r.itemRows)} items described` : ''}` +
      (r.emptyFiles > 0 ? `; ${r.emptyFiles} empty files` : ''),
  );
  const validated = await board.during(
    'validate',
    () =>
      computeOnCpu('validate', 'check the rules of the spec', {
        interactions: ingested.interactions,
        rules: spec.validation,
        model,
      }),
    (r) =>
      `${count(r.users)} users, ${count(r.items)} items, ${r.firstDay} – ${r.lastDay}` +
      (r.broken?.length ? `; ${r.broken.length} rules broken` : ''),
  );
  board.warnings(validated.warnings);
  const { onBrokenRules } = spec;
  const passed = await gate.check(board, { dataset, data: ingested.interactions, onBrokenRules }, validated);
  const lastDay = requireTimes(dataset, passed.lastDay);
  const cleaned = await board.during(
    'clean',
    () =>
      computeOnCpu('clean', 'drop what is no purchase', {
        interactions: passed.data,
        items: ingested.items,
        preparation: spec.preparation,
      }),
    (r) => `${count(r.rows)} rows kept${droppedNote(r.dropped)}`,
  );
  const split = resolveCutOffs(spec.split, lastDay);
  if (!(split.validationFrom < split.testFrom)) {
    throw ApplicationFailure.nonRetryable(
      `split.validationFrom must be before split.testFrom. Got ${split.validationFrom} and ${split.testFrom} in data ` +
        `that ends on ${lastDay}. Write both as dates or both as days before the end.`,
      'SPEC_INVALID',
    );
  }
  const parts = await board.during(
    'split',
    () =>
      computeOnCpu('split', `train before ${split.testFrom}, judge after`, {
        interactions: cleaned.interactions,
        preparation: spec.preparation,
        split,
      }),
    (r) =>
      `${count(r.final.interactions)} user-item pairs before ${split.testFrom}, ${count(r.final.judgedUsers)} users judged`,
  );

  const { study } = await board.during(
    'tune',
    () => {
      const { warmStart: _, ...tuning } = spec.tuning;
      const candidates = withBaselines(spec.candidates, objective.lane);
      return runStudy(
        spec.tuning,
        { lane: objective.lane, metric },
        {
          model,
          dataset,
          seed,
          subject: { kind: 'recommender', part: parts.tuning, objective, candidates },
          tuning,
          compute: spec.compute,
        },
      );
    },
    (r) => `${studyNote(r.study, metric)}${stageNote(r)}`,
  );

  const results: CandidateResult[] = study.best.map((trial) => ({
    algorithm: trial.algorithm as AlgorithmName,
    parameters: trial.parameters,
    validation: trial.value,
  }));
  let fellBack = false;
  const trained = await board.during(
    'train',
    () =>
      Promise.all(
        results.map((candidate) =>
          computeOn(
            spec.compute,
            'train',
            `train ${algorithms[candidate.algorithm].title} on everything before ${split.testFrom}`,
            { algorithm: candidate.algorithm, parameters: candidate.parameters, seed, part: parts.final },
            () => (fellBack = true),
          ),
        ),
      ),
    (r) => `${r.length} candidates${fellBack ? `; no GPU worker within ${spec.compute.gpuWaitSeconds} s: on CPU` : ''}`,
  );
  const judged = await board.during(
    'evaluate',
    () =>
      Promise.all(
        trained.map(({ state }, i) =>
          computeOnCpu('evaluate', `judge ${algorithms[results[i].algorithm].title} in both lanes`, {
            algorithm: results[i].algorithm,
            state,
            part: parts.final,
            objective,
          }),
        ),
      ),
    (r) => `${count(r[0].evaluation[objective.lane].users)} users in ${objective.lane}`,
  );
  for (const [i, candidate] of results.entries()) {
    candidate.state = trained[i].state;
    const { evaluation, details } = judged[i];
    candidate.evaluation = evaluation;
    if (details) candidate.details = details;
  }
  // By the validation period alone: the test period only reports (law 5).
  const best = results.reduce((a, b) => ((b.validation ?? -1) > (a.validation ?? -1) ? b : a));
  best.chosen = true;
  const { slices } = judged[results.indexOf(best)];
  if (slices) best.slices = slices;
  board.candidates(results);
  const value = best.evaluation![objective.lane].metrics[metric];
  const popularity = results.find((c) => c.algorithm === 'popularity')?.evaluation?.[objective.lane].metrics[metric];

  const comparison = await board.during(
    'compare',
    () =>
      computeOnCpu('judgeChampion', 'judge the champion on the same rows', {
        model,
        part: parts.final,
        objective,
        value,
        minimumGain: spec.gates.minimumGain,
        testFrom: split.testFrom,
      }),
    (r) => r.reason,
  );
  const [packaged, explained] = await board.during(
    'package',
    () =>
      Promise.all([
        computeOnCpu('packageModel', 'one ONNX graph, checked against the model', {
          model,
          algorithm: best.algorithm,
          parameters: best.parameters,
          seed,
          state: best.state!,
          part: parts.final,
          items: ingested.items,
          ...(passed.profile && { profile: passed.profile }),
          trainedUntil: split.testFrom,
          specDigest,
          dataDigest: ingested.dataDigest,
        }),
        computeOnCpu('explainModel', 'what speaks for a few recommendations', {
          algorithm: best.algorithm,
          state: best.state!,
          part: parts.final,
          seed,
        }),
      ]),
    ([r]) => `${size(r.graph.bytes)} ONNX, equal on ${count(r.verified.users)} users`,
  );
  const registered = await board.during(
    'register',
    () =>
      doQuickly('register', `artifact ${packaged.artifact.digest.slice(0, 12)}`, {
        model,
        artifact: packaged.artifact,
        evaluation: best.evaluation!,
        objective: { lane: objective.lane, metric },
        parent: comparison.champion?.version ?? null,
      }),
    (r) => `version ${r.version}${r.created ? '' : ' (this artifact was registered before)'}`,
  );
  const { version } = registered;
  markVersion(version);

  const { outcome, performance } = await release();
  board.outcome(outcome);
  const result: LifecycleResult = {
    model,
    metric,
    version,
    created: registered.created,
    artifactDigest: packaged.artifact.digest,
    outcome,
    candidates: results,
    champion: comparison.champion && { version: comparison.champion.version, value: comparison.champion.value },
    performance,
    warnings: validated.warnings,
    table: '',
    report: '',
    milliseconds: Date.now() - started,
  };
  const written = await doQuickly('writeReport', 'the run, for people and for scripts', {
    workflowId,
    markdown: board.markdown(),
    report: {
      ...result,
      runId,
      specDigest,
      dataDigest: ingested.dataDigest,
      objective,
      study,
      profile: cleaned.profile,
      validation: validated.report,
      ...(validated.quarantine && { quarantine: validated.quarantine }),
      examples: explained.examples,
      stages: board.progress.stages,
    },
  });
  return { ...result, ...written };

  /** Why this version may not be served, if so. */
  function refusal(): string | undefined {
    const { minimum, beatPopularity } = spec.gates;
    if (minimum !== undefined && value < minimum) {
      return `${metric} ${value.toFixed(4)} is below the gate of ${minimum} in the spec`;
    }
    if (beatPopularity && best.algorithm !== 'popularity' && popularity !== undefined && value <= popularity) {
      return `${metric} ${value.toFixed(4)} does not beat popularity, ${popularity.toFixed(4)}`;
    }
    return comparison.better ? undefined : comparison.reason;
  }

  async function release(): Promise<{ outcome: Outcome; performance?: PerformanceReport }> {
    const left = (reason: string) => {
      for (const stage of ['deploy', 'test', 'serve'] as const) board.skip(stage, reason);
    };
    if (comparison.champion?.artifactDigest === packaged.artifact.digest) {
      const reason = `version ${comparison.champion.version} is this very artifact and is served already`;
      left('the champion is this very artifact');
      return { outcome: { kind: 'unchanged', version, reason } };
    }
    const refused = refusal();
    if (refused !== undefined) {
      left('not released');
      return { outcome: { kind: 'registered', version, reason: refused } };
    }
    if (spec.deployment.target === 'none') {
      left('the spec names no target');
      return { outcome: { kind: 'registered', version, reason: 'the spec says "deployment.target: none"' } };
    }
    const releaseInput: ReleaseInput = {
      model,
      version,
      artifactDigest: packaged.artifact.digest,
      reason: comparison.reason,
      approval: spec.release.approval,
      deployment: spec.deployment,
      expectedChampion: comparison.champion?.version ?? null,
      links,
      dataset,
    };
    const options = {
      workflowId: workflowIds.release(workflowId),
      args: [releaseInput] as [ReleaseInput],
      staticSummary: `${model} v${version}: approval and deployment`,
      // Law 9: a lifecycle ends, a release may wait.
      parentClosePolicy: ParentClosePolicy.ABANDON,
    };
    if (spec.release.approval === 'manual') {
      await startChild(releaseModel, options);
      left('waits for approval');
      return {
        outcome: {
          kind: 'awaiting-approval',
          version,
          reason: `${comparison.reason}; "tradewind approve ${workflowId}" releases it`,
          releaseWorkflowId: options.workflowId,
        },
      };
    }
    const released = await board.during(
      'deploy',
      () => executeChild(releaseModel, options),
      (r) => deployedNote(r),
    );
    const deployment = released.deployment;
    const measured = deployment?.performance;
    if (deployment?.state !== 'deployed') {
      board.skip('test', deployment?.state ?? 'not deployed');
      board.skip('serve', 'the earlier champion is served');
      return {
        outcome: { kind: 'registered', version, reason: deployment?.reason ?? 'the release was rejected' },
        performance: measured,
      };
    }
    if (measured) board.record('test', performanceNote(measured), measured.seconds * 1000);
    board.record('serve', `version ${version} answers at ${links?.api ?? 'the API'}`);
    return { outcome: { kind: 'deployed', version, reason: comparison.reason }, performance: measured };
  }
}

/** Whoever lets data pass that breaks rules may let pass what cannot be split by time. */
function requireTimes(dataset: string, lastDay: string | undefined): string {
  if (lastDay) return lastDay;
  throw ApplicationFailure.nonRetryable(
    `The data ${dataset} must hold a row with a time, which it is split by. Got none. ` +
      'Is data.interactions.columns.time the right column?',
    'VALIDATION_FAILED',
  );
}

function studyNote(r: StudyResult, metric: string): string {
  const best = r.best.reduce((a, b) => ((b.value ?? -1) > (a.value ?? -1) ? b : a));
  return `${r.trials} trials${r.failed > 0 ? `, ${r.failed} failed` : ''}; best ${metric} ${best.value?.toFixed(4)} by ${best.algorithm}${r.fellBack ? '; no GPU worker: on CPU' : ''}`;
}

function deployedNote({ deployment, decision, by }: ReleaseResult): string {
  if (decision === 'rejected') return `rejected by ${by}`;
  if (deployment?.state === 'deployed')
    return `version ${deployment.version} replaces ${deployment.previousVersion ?? 'nothing'}`;
  return `${deployment?.state}: ${deployment?.reason}`;
}

function performanceNote(p: PerformanceReport): string {
  return `${p.requests} requests, ${p.errors} errors, p50 ${p.p50Milliseconds.toFixed(1)} ms, p99 ${p.p99Milliseconds.toFixed(1)} ms`;
}
