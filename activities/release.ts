/** Registering, pointing the champion alias, and what is asked of the inference server. */
import { readFile } from 'node:fs/promises';
import { Context } from '@temporalio/activity';
import { TradewindError } from '../contracts/errors.ts';
import type {
  AwaitServedRequest,
  AwaitServedResult,
  ConfirmChampionRequest,
  PerformanceReport,
  PerformanceTestRequest,
  PointChampionRequest,
  PointChampionResult,
  RegisterRequest,
  RegisterResult,
  RestoreChampionRequest,
  WriteReportRequest,
} from '../contracts/lifecycle.ts';
import type { BlobRef } from '../contracts/artifacts.ts';
import { objectKeys } from '../contracts/names.ts';
import { tableEvaluationSummarySchema, type TableEvaluationSummary } from '../contracts/table-evaluation.ts';
import { Random } from '../contracts/random.ts';
import { testPerformance } from '../deployment/performance-test.ts';
import { openServer } from '../deployment/inference-server.ts';
import { readInteractions } from '../data/interactions.ts';
import type { Dependencies } from './dependencies.ts';
import { fileOf } from './models.ts';

export function releaseActivities(deps: Dependencies) {
  const { store, registry } = deps;

  async function server() {
    if (deps.server === undefined) {
      throw new TradewindError('DEPLOYMENT_FAILED', {
        subject: 'The deployment target "local"',
        rule: 'have an inference server',
        remedy: 'Start one with "tradewind up" or set TRADEWIND_API_URL for the worker.',
      });
    }
    const { url, apiKeyFile, caFile } = deps.server;
    const [apiKey, ca] = await Promise.all([readFile(apiKeyFile, 'utf8'), readFile(caFile, 'utf8')]).catch(
      (error: unknown) => {
        throw new TradewindError(
          'SERVER_UNAVAILABLE',
          {
            subject: 'The inference server',
            rule: 'have written its key and certificate',
            value: String(error),
            remedy: 'It writes them when it starts; see "tradewind status".',
          },
          { cause: error },
        );
      },
    );
    return { url, apiKey: apiKey.trim(), ca };
  }

  async function summaryOf(ref: BlobRef): Promise<TableEvaluationSummary> {
    return tableEvaluationSummarySchema.parse(JSON.parse(await readFile(await store.fetch(ref), 'utf8')));
  }

  return {
    async register(request: RegisterRequest): Promise<RegisterResult> {
      const started = performance.now();
      const { workflowExecution } = Context.current().info;
      const artifact = await registry.artifact(request.artifact);
      const registration = await registry.register({
        model: request.model,
        artifactDigest: request.artifact.digest,
        artifact,
        evaluation: 'digest' in request.evaluation ? await summaryOf(request.evaluation) : request.evaluation,
        objective: request.objective,
        parent: request.parent,
        createdBy: { workflowId: workflowExecution?.workflowId ?? '', runId: workflowExecution?.runId ?? '' },
      });
      return { ...registration, cached: !registration.created, milliseconds: Math.round(performance.now() - started) };
    },

    /** Moves the alias when the expected champion still stands there. A retry after a lost answer finds it moved. */
    async pointChampion(request: PointChampionRequest): Promise<PointChampionResult> {
      const { model, version, artifactDigest, expectedChampion, changedBy, reason } = request;
      for (;;) {
        const seen = await registry.alias(model, 'champion');
        const champion = seen?.record.version ?? null;
        if (champion === version) {
          return { state: 'already', previousVersion: seen!.record.previousVersion, champion: version };
        }
        if (champion !== expectedChampion) {
          return { state: 'superseded', previousVersion: champion, champion: champion ?? 0 };
        }
        const moved = await registry.setAlias(
          model,
          'champion',
          { version, artifactDigest, changedBy, reason, previousVersion: champion },
          seen?.etag,
        );
        if (moved !== 'conflict') return { state: 'moved', previousVersion: champion, champion: version };
      }
    },

    /** Undoes `pointChampion`, unless somebody has moved the alias on since. */
    async restoreChampion(request: RestoreChampionRequest): Promise<void> {
      const { model, version, previousVersion, changedBy, reason } = request;
      const seen = await registry.alias(model, 'champion');
      // Another deployment of the same version may have moved it here: that one's champion is not this one's to take.
      if (seen === undefined || seen.record.version !== version || seen.record.changedBy !== changedBy) return;
      if (previousVersion === null) {
        await registry.withdrawAlias(model, 'champion', { changedBy, reason, previousVersion: version }, seen.etag);
        return;
      }
      const { artifactDigest } = await registry.version(model, previousVersion);
      await registry.setAlias(
        model,
        'champion',
        { version: previousVersion, artifactDigest, changedBy, reason: `undone: ${reason}`, previousVersion: version },
        seen.etag,
      );
    },

    /** Whether the alias still stands at a version: two deployments of one artifact may meet. */
    async confirmChampion({ model }: ConfirmChampionRequest): Promise<{ champion: number | null }> {
      const seen = await registry.alias(model, 'champion');
      return { champion: seen?.record.version ?? null };
    },

    async awaitServed({ model, version }: AwaitServedRequest): Promise<AwaitServedResult> {
      const started = performance.now();
      const access = await server();
      await using client = openServer(access);
      await client.awaitVersion(model, version, Context.current().cancellationSignal);
      return { url: access.url, milliseconds: Math.round(performance.now() - started) };
    },

    async testPerformance(request: PerformanceTestRequest): Promise<PerformanceReport> {
      const { model, version, gates, seed } = request;
      const { artifact } = await registry.version(model, version);
      const { users } = await readInteractions(await store.fetch(fileOf(artifact, 'histories')));
      const random = new Random(seed, 7);
      const report = await testPerformance({
        ...(await server()),
        model,
        version,
        users: Array.from({ length: Math.min(gates.requests, 1000) }, () => users[random.integer(users.length)]),
        requests: gates.requests,
        connections: gates.connections,
        signal: Context.current().cancellationSignal,
      });
      const errorRate = report.errors / report.requests;
      if (errorRate > gates.maxErrorRate || report.p99Milliseconds > gates.maxP99Milliseconds) {
        const latency = report.p99Milliseconds > gates.maxP99Milliseconds;
        throw new TradewindError('PERFORMANCE_TEST_FAILED', {
          subject: `${model} v${version} under ${gates.connections} connections`,
          rule: latency
            ? `have a p99 of at most ${gates.maxP99Milliseconds} ms`
            : `fail at most ${gates.maxErrorRate * 100} % of requests`,
          value: latency ? `${report.p99Milliseconds.toFixed(1)} ms` : `${report.errors} of ${report.requests}`,
          remedy:
            'The earlier champion is served again. Raise the gate in "deployment.performanceTest" or give the server more cores.',
        });
      }
      return report;
    },

    /** The run in two files: tables that people read, and everything for scripts. */
    async writeReport({
      workflowId,
      report,
      markdown,
    }: WriteReportRequest): Promise<{ table: string; report: string }> {
      const [table, everything] = ['table.md', 'report.json'].map((name) => objectKeys.runFile(workflowId, name));
      await Promise.all([store.putText(table, `${markdown}\n`, 'text/markdown'), store.putJson(everything, report)]);
      const uri = (key: string) => `s3://${store.settings.bucket}/${key}`;
      return { table: uri(table), report: uri(everything) };
    },
  };
}
