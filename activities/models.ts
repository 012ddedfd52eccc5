/** Model stages: trial, train, evaluate, the champion's judgement, package. */
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Context } from '@temporalio/activity';
import { artifactSchema, type Artifact } from '../contracts/artifacts.ts';
import { canonicalJson, sha256 } from '../contracts/canonical.ts';
import type {
  CompareRequest,
  CompareResult,
  EvaluateRequest,
  EvaluateResult,
  ExplainRequest,
  ExplainResult,
  PackageRequest,
  PackageResult,
  ProveRequest,
  ProveResult,
  SplitPart,
  StageTiming,
  TrainRequest,
  TrainResult,
  TrialRequest,
  TrialResult,
} from '../contracts/lifecycle.ts';
import { TradewindError } from '../contracts/errors.ts';
import { beatOf } from './beat.ts';
import { codeVersion } from './code-version.ts';
import type { Dependencies } from './dependencies.ts';
import { installedVersion } from './installed-version.ts';
import { dropCheckpoint, lastCheckpoint, runTask } from './run-task.ts';
import { cached, stepDigest, type StepKey } from './step-cache.ts';
import { taskFiles } from './task-files.ts';
import type { ExportInput, ExportOutput, ProveInput } from './tasks/graphs.ts';
import type { EvaluateOutput, ExplainInput, FitInput, JudgeInput, Judgement } from './tasks/models.ts';

const fitRooms = ['compute', 'data', 'models'] as const;
const judgeRooms = ['compute', 'data', 'models', 'evaluation'] as const;

export function modelActivities(deps: Dependencies) {
  const { store, registry, computedOn, execution, cores } = deps;

  async function filesOf(part: SplitPart): Promise<{ train: string; heldOut: string }> {
    const [train, heldOut] = await Promise.all([store.fetch(part.train), store.fetch(part.heldOut)]);
    return { train, heldOut };
  }

  /** As `cached`, with the last checkpoint that an earlier try of the same step left. */
  async function cachedWithCheckpoint<T extends object>(
    key: StepKey,
    compute: (digest: string, resume: string | undefined) => Promise<T>,
  ): Promise<T & StageTiming> {
    const result = await cached(store, key, async (digest) => {
      const resume = await lastCheckpoint(deps, digest);
      if (resume !== undefined) beatOf(Context.current()).resumed = true;
      try {
        return await compute(digest, resume);
      } finally {
        if (resume !== undefined) await rm(dirname(resume), { recursive: true, force: true });
      }
    });
    // Only now: until the result is remembered, the checkpoint is all that a crash would leave.
    if (!result.cached) await dropCheckpoint(deps, stepDigest(key));
    return result;
  }

  return {
    async trial(request: TrialRequest): Promise<TrialResult> {
      const { algorithm, parameters, seed, part, objective, threads } = request;
      const key = {
        stage: 'trial',
        code: codeVersion(judgeRooms),
        inputs: { algorithm, parameters, seed, train: part.train.digest, heldOut: part.heldOut.digest, objective },
        computedOn,
      };
      return cachedWithCheckpoint(key, async (digest, resume) => {
        const files = await filesOf(part);
        return runTask<FitInput & JudgeInput, Judgement, Judgement>(
          deps,
          {
            file: 'models.ts',
            name: 'trial',
            input: { algorithm, parameters, seed, execution, objective, ...files, resume },
            threads,
            label: `${algorithm} trial`,
            checkpointKey: digest,
          },
          async (output) => output,
        );
      });
    },

    async train(request: TrainRequest): Promise<TrainResult> {
      const { algorithm, parameters, seed, part } = request;
      const key = {
        stage: 'train',
        code: codeVersion(fitRooms),
        inputs: { algorithm, parameters, seed, train: part.train.digest },
        computedOn,
      };
      return cachedWithCheckpoint(key, async (digest, resume) => {
        const train = await store.fetch(part.train);
        return runTask<FitInput, object, { state: TrainResult['state'] }>(
          deps,
          {
            file: 'models.ts',
            name: 'train',
            input: { algorithm, parameters, seed, execution, train, resume },
            threads: cores,
            label: `${algorithm} training`,
            checkpointKey: digest,
          },
          async (_, workDir) => ({
            state: await store.putFile(join(workDir, taskFiles.state), `${algorithm}.safetensors`),
          }),
        );
      });
    },

    async evaluate(request: EvaluateRequest): Promise<EvaluateResult> {
      const { algorithm, state, part, objective } = request;
      const key = {
        stage: 'evaluate',
        code: codeVersion(judgeRooms),
        inputs: { algorithm, state: state.digest, train: part.train.digest, heldOut: part.heldOut.digest, objective },
        computedOn,
      };
      return cached(store, key, async () => {
        const [files, statePath] = await Promise.all([filesOf(part), store.fetch(state)]);
        return runTask<
          JudgeInput & { algorithm: string; state: string },
          EvaluateOutput,
          Omit<EvaluateResult, keyof StageTiming>
        >(
          deps,
          {
            file: 'models.ts',
            name: 'evaluate',
            input: { algorithm, state: statePath, ...files, objective, seed: 0 },
            threads: 1,
            label: `${algorithm} evaluation`,
          },
          async (output, workDir) => ({
            ...output,
            details: await store.putFile(join(workDir, taskFiles.details), taskFiles.details),
          }),
        );
      });
    },

    /** Judges the champion's own graph on the challenger's rows; the verdict is by the objective alone. */
    async judgeChampion(request: CompareRequest): Promise<CompareResult> {
      const started = performance.now();
      const { model, part, objective, value, minimumGain, testFrom } = request;
      const metric = `${objective.metric}@${objective.k}`;
      const alias = await registry.alias(model, 'champion');
      if (alias === undefined) {
        return {
          champion: null,
          better: true,
          reason: `first version of ${model}: ${metric} ${value.toFixed(4)}`,
          cached: false,
          milliseconds: Math.round(performance.now() - started),
        };
      }
      const { version, artifactDigest } = alias.record;
      const { artifact } = await registry.version(model, version);
      const { trainedUntil } = artifact.lineage;
      if (trainedUntil > testFrom) {
        // Law 5 the other way round: the champion learned from rows that it would be judged on here.
        return {
          champion: { version, value: null, artifactDigest },
          better: false,
          reason:
            `champion v${version} was trained on everything before ${trainedUntil} and knows rows of this test, which ` +
            `begins on ${testFrom}; set split.testFrom to ${trainedUntil} or later to compare`,
          cached: false,
          milliseconds: Math.round(performance.now() - started),
        };
      }
      const graph = fileOf(artifact, 'graph');
      const histories = fileOf(artifact, 'histories');
      const key = {
        stage: 'compare',
        code: codeVersion(['compute', 'data', 'evaluation']),
        inputs: { graph: graph.digest, train: part.train.digest, heldOut: part.heldOut.digest, objective },
        computedOn,
      };
      const judged = await cached(store, key, async () => {
        const [files, graphPath, historiesPath] = await Promise.all([
          filesOf(part),
          store.fetch(graph),
          store.fetch(histories),
        ]);
        return runTask<JudgeInput & { graph: string; histories: string }, Judgement, Judgement>(
          deps,
          {
            file: 'graphs.ts',
            name: 'judgeGraph',
            input: { ...files, graph: graphPath, histories: historiesPath, objective, seed: 0 },
            threads: cores,
            label: `champion ${model} v${version}`,
          },
          async (output) => output,
        );
      });
      const gain = value - judged.value;
      const better = gain > minimumGain;
      const needed = minimumGain > 0 ? ` by more than ${minimumGain}` : '';
      return {
        champion: { version, value: judged.value, artifactDigest },
        better,
        reason:
          `${metric} ${value.toFixed(4)} ` +
          (better ? 'beats' : 'does not beat') +
          ` champion v${version}, ${judged.value.toFixed(4)} on the same rows${needed}`,
        cached: judged.cached,
        milliseconds: Math.round(performance.now() - started),
      };
    },

    async packageModel(request: PackageRequest): Promise<PackageResult> {
      const { model, algorithm, parameters, seed, state, part, items, profile } = request;
      const { trainedUntil, specDigest, dataDigest } = request;
      const onnxruntime = await installedVersion('onnxruntime-node');
      const key = {
        stage: 'package',
        code: codeVersion(fitRooms),
        inputs: {
          model,
          algorithm,
          parameters,
          seed,
          state: state.digest,
          train: part.train.digest,
          heldOut: part.heldOut.digest,
          items: items?.digest,
          profile: profile?.digest,
          trainedUntil,
          onnxruntime,
          specDigest,
          dataDigest,
        },
        computedOn,
      };
      return cached(store, key, async () => {
        const [files, statePath, itemsPath] = await Promise.all([
          filesOf(part),
          store.fetch(state),
          items === undefined ? undefined : store.fetch(items),
        ]);
        const lineage: Artifact['lineage'] = {
          specDigest,
          codeVersion: codeVersion(fitRooms),
          dataDigest,
          trainedUntil,
          computedOn,
          runtime: { onnxruntime, node: process.versions.node.split('.')[0] },
        };
        const metadata = {
          'tradewind.model': model,
          'tradewind.algorithm': algorithm,
          'tradewind.parameters': canonicalJson(parameters),
          'tradewind.seed': String(seed),
          'tradewind.spec': specDigest,
          'tradewind.data': dataDigest,
          'tradewind.trained-until': trainedUntil,
          'tradewind.code': lineage.codeVersion,
        };
        return runTask<ExportInput, ExportOutput, Omit<PackageResult, 'cached' | 'milliseconds'>>(
          deps,
          {
            file: 'graphs.ts',
            name: 'exportModel',
            input: { algorithm, state: statePath, ...files, items: itemsPath, metadata, seed },
            threads: cores,
            label: `${algorithm} export`,
          },
          async (output, workDir) => {
            const [graph, catalogue] = await Promise.all([
              store.putFile(join(workDir, taskFiles.graph), taskFiles.graph),
              store.putFile(join(workDir, taskFiles.catalogue), taskFiles.catalogue),
            ]);
            const artifact = artifactSchema.parse({
              format: 'tradewind-artifact/1',
              model,
              task: 'recommend',
              algorithm,
              parameters,
              seed,
              files: [
                { ...graph, role: 'graph' },
                { ...catalogue, role: 'catalogue' },
                { ...part.train, name: 'histories.safetensors', role: 'histories' },
                { ...state, role: 'state' },
                ...(profile ? [{ ...profile, role: 'profile' as const }] : []),
              ],
              signature: output.signature,
              catalogue: { items: output.items, users: output.users },
              lineage,
            } satisfies Artifact);
            return {
              artifact: await store.putBytes(canonicalJson(artifact), 'artifact.json'),
              graph,
              verified: output.verified,
            };
          },
        );
      });
    },

    async explainModel({ algorithm, state, part, seed }: ExplainRequest): Promise<ExplainResult> {
      const key = {
        stage: 'explain',
        code: codeVersion([...judgeRooms, 'explanation']),
        inputs: { algorithm, state: state.digest, train: part.train.digest, seed },
        computedOn,
      };
      return cached(store, key, async () => {
        const [train, statePath] = await Promise.all([store.fetch(part.train), store.fetch(state)]);
        return runTask<ExplainInput, object, { examples: ExplainResult['examples'] }>(
          deps,
          {
            file: 'models.ts',
            name: 'explain',
            input: { algorithm, state: statePath, train, seed },
            threads: 1,
            label: `${algorithm} explanation`,
          },
          async (_, workDir) => ({
            examples: await store.putFile(join(workDir, taskFiles.examples), taskFiles.examples),
          }),
        );
      });
    },

    /** Loads and asks a registered version in a compute process of its own. */
    async proveArtifact({ model, version, artifactDigest }: ProveRequest): Promise<ProveResult> {
      const started = performance.now();
      const manifest = await registry.version(model, version);
      const { artifact } = manifest;
      if (manifest.artifactDigest !== artifactDigest || sha256(canonicalJson(artifact)) !== artifactDigest) {
        throw corrupt(model, version, artifactDigest);
      }
      const [graph, catalogue, histories] = await Promise.all(
        (['graph', 'catalogue', 'histories'] as const).map((role) => store.fetch(fileOf(artifact, role))),
      );
      return runTask<ProveInput, { users: number }, ProveResult>(
        deps,
        {
          file: 'graphs.ts',
          name: 'prove',
          input: { graph, catalogue, histories },
          threads: 1,
          label: `${model} v${version} proof`,
        },
        async ({ users }) => ({ users, milliseconds: Math.round(performance.now() - started) }),
      );
    },
  };
}

export function fileOf(artifact: Artifact, role: Artifact['files'][number]['role']) {
  const { digest, bytes, name } = artifact.files.find((file) => file.role === role)!;
  return { digest, bytes, name };
}

function corrupt(model: string, version: number, digest: string): TradewindError {
  return new TradewindError('ARTIFACT_CORRUPT', {
    subject: `The manifest of ${model} v${version}`,
    rule: `describe the artifact ${digest}`,
    remedy: 'Somebody changed the manifest in the bucket; restore its earlier version.',
  });
}
