/** Model stages of classifiers and regressors: trial, fold, train, evaluate, package. */
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Context } from '@temporalio/activity';
import { tableArtifactSchema, type BlobRef, type TableArtifact } from '../contracts/artifacts.ts';
import { canonicalJson } from '../contracts/canonical.ts';
import type { StageTiming } from '../contracts/lifecycle.ts';
import type { CrossValidation, FoldMetrics, TableEvaluationSummary } from '../contracts/table-evaluation.ts';
import type {
  TableCandidate,
  TableEvaluateRequest,
  TableEvaluateResult,
  TableFoldRequest,
  TableFoldResult,
  TablePackageRequest,
  TablePackageResult,
  TableTrainRequest,
  TableTrainResult,
  TableTrialRequest,
  TableTrialResult,
  TableWork,
} from '../contracts/table-lifecycle.ts';
import { poolFolds } from '../evaluation/cross-validation.ts';
import { beatOf } from './beat.ts';
import { codeVersion } from './code-version.ts';
import type { Dependencies } from './dependencies.ts';
import { installedVersion } from './installed-version.ts';
import { dropCheckpoint, lastCheckpoint, runTask } from './run-task.ts';
import { cached, stepDigest, type StepKey } from './step-cache.ts';
import { taskFiles } from './task-files.ts';
import type { TableExportOutput } from './tasks/table-export.ts';
import type { FitInput, FoldOutput, StatesInput, TableInput, TrialOutput } from './tasks/table-models.ts';

const fitRooms = ['compute', 'data', 'models'] as const;
const judgeRooms = ['compute', 'data', 'models', 'evaluation'] as const;

/**
 * Of every training: its last bits depend on the number of threads (ADR 6), and the same spec is to give the same model
 * on every machine. Trials and folds run side by side instead.
 */
const trainingThreads = 1;

export function tableModelActivities(deps: Dependencies) {
  const { store, computedOn, execution, cores } = deps;

  /** What a request says of the work, its files aside. */
  function settingsOf({ columns, target, task, classes, metric, seed, contradictions }: TableWork) {
    return { columns, target, task, classes, metric, seed, ...(contradictions && { contradictions }) };
  }

  async function fetched(work: TableWork): Promise<TableInput> {
    const [table, split] = await Promise.all([store.fetch(work.table), store.fetch(work.split)]);
    return { table, split, ...settingsOf(work) };
  }

  /** What identifies the work: digests in place of the files. */
  function identityOf(work: TableWork) {
    return { table: work.table.digest, split: work.split.digest, ...settingsOf(work) };
  }

  /** Fits in a compute process, from the last checkpoint that an earlier try of the same step left. */
  async function fitted<O, R extends object>(
    key: StepKey,
    request: TableWork & TableCandidate,
    run: { name: string; label: string; more?: object; resumable?: boolean },
    take: (output: O, workDir: string) => Promise<R>,
  ): Promise<R & StageTiming> {
    const resumable = run.resumable ?? true;
    const result = await cached(store, key, async (digest) => {
      const resume = resumable ? await lastCheckpoint(deps, digest) : undefined;
      if (resume !== undefined) beatOf(Context.current()).resumed = true;
      try {
        const { algorithm, parameters, preparation } = request;
        const input = {
          ...(await fetched(request)),
          algorithm,
          parameters,
          preparation,
          execution,
          resume,
          ...run.more,
        };
        return await runTask<FitInput, O, R>(
          deps,
          {
            file: 'table-models.ts',
            name: run.name,
            input,
            threads: trainingThreads,
            label: run.label,
            ...(resumable && { checkpointKey: digest }),
          },
          take,
        );
      } finally {
        if (resume !== undefined) await rm(dirname(resume), { recursive: true, force: true });
      }
    });
    if (resumable && !result.cached) await dropCheckpoint(deps, stepDigest(key));
    return result;
  }

  const candidateOf = ({ algorithm, parameters, preparation }: TableCandidate): TableCandidate => ({
    algorithm,
    parameters,
    preparation,
  });

  return {
    async tableTrial(request: TableTrialRequest): Promise<TableTrialResult> {
      const { judgedOn, pruning } = request;
      const key = {
        stage: 'table-trial',
        code: codeVersion([...judgeRooms, 'tuning']),
        inputs: { ...identityOf(request), ...candidateOf(request), judgedOn, pruning },
        computedOn,
      };
      // A pruned trial is short, and what it told at its rungs is in no checkpoint; folds are short, too.
      const resumable = pruning === undefined && judgedOn === 'validation';
      return fitted<TrialOutput, TrialOutput>(
        key,
        request,
        { name: 'tableTrial', label: `${request.algorithm} trial`, more: { judgedOn, pruning }, resumable },
        async (output) => output,
      );
    },

    async tableFold(request: TableFoldRequest): Promise<TableFoldResult> {
      const { fold } = request;
      const key = {
        stage: 'table-fold',
        code: codeVersion(judgeRooms),
        inputs: { ...identityOf(request), ...candidateOf(request), fold },
        computedOn,
      };
      return fitted<FoldOutput, Omit<TableFoldResult, keyof StageTiming>>(
        key,
        request,
        { name: 'tableFold', label: `${request.algorithm} fold ${fold + 1}`, more: { fold } },
        async (output, workDir) => ({
          ...output,
          fold,
          predictions: await store.putFile(join(workDir, taskFiles.predictions), taskFiles.predictions),
        }),
      );
    },

    async tableTrain(request: TableTrainRequest): Promise<TableTrainResult> {
      const key = {
        stage: 'table-train',
        code: codeVersion(fitRooms),
        inputs: { ...identityOf(request), ...candidateOf(request) },
        computedOn,
      };
      return fitted<{ features: number; contradictions?: number }, Omit<TableTrainResult, keyof StageTiming>>(
        key,
        request,
        { name: 'tableTrain', label: `${request.algorithm} training` },
        async (output, workDir) => ({
          preparation: await store.putFile(join(workDir, taskFiles.preparation), taskFiles.preparation),
          model: await store.putFile(join(workDir, taskFiles.state), `${request.algorithm}.safetensors`),
          ...output,
        }),
      );
    },

    async tableEvaluate(request: TableEvaluateRequest): Promise<TableEvaluateResult> {
      const { algorithm, preparation, model, slices } = request;
      const key = {
        stage: 'table-evaluate',
        code: codeVersion(judgeRooms),
        inputs: { ...identityOf(request), algorithm, preparation: preparation.digest, model: model.digest, slices },
        computedOn,
      };
      return cached(store, key, async () => {
        const states = await statePaths({ algorithm, preparation, model });
        return runTask<object, TableEvaluationSummary, Omit<TableEvaluateResult, keyof StageTiming>>(
          deps,
          {
            file: 'table-models.ts',
            name: 'tableEvaluate',
            input: { ...(await fetched(request)), ...states, slices },
            threads: 1,
            label: `${algorithm} evaluation`,
          },
          async ({ objective }, workDir) => ({
            value: objective.value,
            ...(objective.interval && { interval: objective.interval }),
            summary: await store.putFile(join(workDir, taskFiles.evaluation), taskFiles.evaluation),
            details: await store.putFile(join(workDir, taskFiles.details), taskFiles.details),
            predictions: await store.putFile(join(workDir, taskFiles.predictions), taskFiles.predictions),
          }),
        );
      });
    },

    async poolFolds({ folds }: { folds: FoldMetrics[] }): Promise<CrossValidation> {
      return poolFolds(folds);
    },

    async packageTable(request: TablePackageRequest): Promise<TablePackageResult> {
      const { model, algorithm, parameters, preparation, fitted: states, profile, trainedUntil } = request;
      const { specDigest, dataDigest, seed, task, target, classes } = request;
      const onnxruntime = await installedVersion('onnxruntime-node');
      const identity = {
        ...identityOf(request),
        ...candidateOf(request),
        model,
        states: { preparation: states.preparation.digest, model: states.model.digest },
        profile: profile.digest,
        trainedUntil,
        onnxruntime,
        specDigest,
        dataDigest,
      };
      const code = codeVersion(fitRooms);
      return cached(store, { stage: 'table-package', code, inputs: identity, computedOn }, async () => {
        const lineage: TableArtifact['lineage'] = {
          specDigest,
          codeVersion: code,
          dataDigest,
          trainedUntil,
          computedOn,
          runtime: { onnxruntime, node: process.versions.node.split('.')[0] },
        };
        const metadata = {
          'tradewind.model': model,
          'tradewind.algorithm': algorithm,
          'tradewind.parameters': canonicalJson(parameters),
          'tradewind.preparation': canonicalJson(preparation),
          'tradewind.seed': String(seed),
          'tradewind.spec': specDigest,
          'tradewind.data': dataDigest,
          'tradewind.trained-until': trainedUntil,
          'tradewind.code': code,
        };
        const paths = await statePaths({ algorithm, ...states });
        return runTask<object, TableExportOutput, Omit<TablePackageResult, keyof StageTiming>>(
          deps,
          {
            file: 'table-export.ts',
            name: 'tableExport',
            input: { ...(await fetched(request)), ...paths, metadata },
            threads: cores,
            label: `${algorithm} export`,
          },
          async (output, workDir) => {
            const graph = await store.putFile(join(workDir, taskFiles.graph), taskFiles.graph);
            const artifact = tableArtifactSchema.parse({
              format: 'tradewind-artifact/1',
              model,
              task,
              algorithm,
              parameters,
              seed,
              files: [
                { ...graph, role: 'graph' },
                { ...states.preparation, role: 'preparation' },
                { ...states.model, role: 'state' },
                { ...profile, role: 'profile' },
              ],
              signature: output.signature,
              lineage,
              target,
              classes,
              columns: output.inputs,
              features: output.features,
              preparation,
            });
            const bytes = canonicalJson(artifact);
            return { artifact: await store.putBytes(bytes, 'artifact.json'), graph, verified: output.verified };
          },
        );
      });
    },
  };

  async function statePaths(states: {
    algorithm: StatesInput['algorithm'];
    preparation: BlobRef;
    model: BlobRef;
  }): Promise<{ algorithm: StatesInput['algorithm']; preparation: string; model: string }> {
    const [preparation, model] = await Promise.all([store.fetch(states.preparation), store.fetch(states.model)]);
    return { algorithm: states.algorithm, preparation, model };
  }
}
