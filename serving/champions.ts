/**
 * Follows the `champion` alias of every model: loads a new champion beside the old one, swaps them in one step, drains
 * the old. A champion that cannot be loaded leaves the old one serving.
 */
import { setTimeout } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Artifact } from '../contracts/artifacts.ts';
import { TradewindError } from '../contracts/errors.ts';
import type { ArtifactStore } from '../store/artifact-store.ts';
import type { ModelRegistry } from '../store/registry.ts';
import { InferenceThreads } from './inference-threads.ts';
import type { ModelFiles } from './inference-messages.ts';
import type { Metrics } from './metrics.ts';
import { Refusal } from './refusals.ts';

export interface ServedVersion {
  readonly model: string;
  readonly version: number;
  readonly artifactDigest: string;
  readonly loadedAt: string;
  readonly threads: InferenceThreads;
}

interface Champion {
  version: number;
  artifactDigest: string;
  etag: string;
}

interface LoadFailure {
  champion: Champion;
  message: string;
  attempts: number;
  retryAt: number;
}

interface Entry {
  readonly model: string;
  champion: Champion;
  served?: ServedVersion;
  failure?: LoadFailure;
  loading?: Promise<void>;
}

export interface ModelStatus {
  model: string;
  /** What is served, and null while nothing is. */
  version: number | null;
  artifactDigest: string | null;
  loadedAt: string | null;
  /** Of the champion; while it is not `ready`, an older version may be serving. */
  state: 'ready' | 'loading' | 'failed';
  champion: { version: number; artifactDigest: string };
  items: number | null;
  users: number | null;
  /** A user with a history, for examples that people paste. */
  exampleUser: string | null;
  /** Why the champion could not be loaded. */
  error?: string;
}

export interface ChampionsOptions {
  registry: ModelRegistry;
  store: ArtifactStore;
  metrics: Metrics;
  logger: Logger;
  /** Inference threads per model. */
  threads: number;
  pollMilliseconds: number;
}

/** New models are looked for less often than known ones' aliases: a listing pages through all versions. */
const pollsPerListing = 10;
const longestRetryMilliseconds = 60_000;

export class Champions {
  readonly #options: ChampionsOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #draining = new Set<Promise<void>>();
  readonly #stop = new AbortController();
  /** Looks at the registry follow one another, so that an older answer never overwrites a newer one. */
  #latestLook: Promise<unknown> = Promise.resolve();
  #polling: Promise<void> = Promise.resolve();
  #seen = false;
  #reachable = true;

  constructor(options: ChampionsOptions) {
    this.#options = options;
  }

  /** Starts to follow the registry. A registry that cannot be reached is asked again at every poll. */
  start(): void {
    this.#polling = this.#poll();
  }

  /**
   * Looks at the registry at once and waits for every load that follows from it.
   * @throws TradewindError `STORE_…` when the registry cannot be read
   */
  async refresh(): Promise<ModelStatus[]> {
    await this.#look(true, true);
    await this.#loads();
    return this.status();
  }

  /** True when the registry has been read and each of its champions, or an older version of it, is served. */
  get ready(): boolean {
    return this.#seen && [...this.#entries.values()].every((entry) => isServing(entry));
  }

  status(): ModelStatus[] {
    return [...this.#entries.values()].map((entry) => {
      const { model, champion, served } = entry;
      const failure = failureOf(entry);
      return {
        model,
        version: served?.version ?? null,
        artifactDigest: served?.artifactDigest ?? null,
        loadedAt: served?.loadedAt ?? null,
        state: isCurrent(entry) ? 'ready' : failure === undefined ? 'loading' : 'failed',
        champion: { version: champion.version, artifactDigest: champion.artifactDigest },
        items: served?.threads.facts.items ?? null,
        users: served?.threads.facts.users ?? null,
        exampleUser: served?.threads.facts.exampleUser ?? null,
        ...(failure && { error: failure.message }),
      };
    });
  }

  /**
   * The version to ask. Ask its threads in the same turn of the event loop: it may be drained in the next.
   * @param model - may be left out while exactly one model is there
   * @throws Refusal 404 for a model or version that is not there, 422 when the model must be named, 503 while it loads
   */
  serving(model?: string, version?: string): ServedVersion {
    const entry = this.#entry(model);
    if (
      version !== undefined &&
      version !== String(entry.served?.version) &&
      version !== String(entry.champion.version)
    ) {
      throw new Refusal(404, 'MODEL_NOT_FOUND', {
        subject: `The version of the model "${entry.model}"`,
        rule: `be the champion, ${entry.champion.version}: only it is served`,
        value: version,
        remedy: 'Leave the version out, or ask GET /v1/models.',
      });
    }
    const { served } = entry;
    const failure = failureOf(entry);
    if (served === undefined || !isServing(entry) || (version !== undefined && version !== String(served.version))) {
      throw new Refusal(503, 'SERVER_UNAVAILABLE', {
        subject: `Version ${entry.champion.version} of the model "${entry.model}"`,
        rule: 'be loaded before it can answer',
        value: failure === undefined ? 'a load that has not ended' : `a load that failed: ${failure.message}`,
        remedy: 'Try again in a second; GET /v1/models tells how far it is.',
      });
    }
    return served;
  }

  /**
   * Whether a model can answer; a version, whether it is the one that does.
   * @throws Refusal 404 for a model that is not there
   */
  isReady(model: string, version?: string): boolean {
    const entry = this.#entry(model);
    return isServing(entry) && (version === undefined || version === String(entry.served?.version));
  }

  /** Stops following and drains every version. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#polling;
    await this.#latestLook.catch(() => undefined);
    await this.#loads();
    for (const { served } of this.#entries.values()) if (served !== undefined) this.#drain(served);
    await Promise.all(this.#draining);
  }

  async #loads(): Promise<void> {
    await Promise.all([...this.#entries.values()].flatMap(({ loading }) => loading ?? []));
  }

  #entry(model: string | undefined): Entry {
    if (model !== undefined) {
      const entry = this.#entries.get(model);
      if (entry !== undefined) return entry;
      if (!this.#seen) throw notRead();
      throw new Refusal(404, 'MODEL_NOT_FOUND', {
        subject: `The model "${model}"`,
        rule: 'have a champion in the registry',
        remedy: 'Ask GET /v1/models for what is served, or deploy it with "tradewind run <spec>".',
      });
    }
    const [entry, ...more] = this.#entries.values();
    if (entry === undefined) {
      if (!this.#seen) throw notRead();
      throw new Refusal(503, 'SERVER_UNAVAILABLE', {
        subject: 'The inference server',
        rule: 'have a model to serve',
        value: 'none with a champion in the registry',
        remedy: 'Deploy one with "tradewind run <spec>".',
      });
    }
    if (more.length > 0) {
      throw new Refusal(422, 'REQUEST_INVALID', {
        subject: '"model"',
        rule: 'be named while several models are served',
        value: `${more.length + 1} models: ${[...this.#entries.keys()].join(', ')}`,
        remedy: 'Add it to the request.',
      });
    }
    return entry;
  }

  async #poll(): Promise<void> {
    const { metrics, logger, pollMilliseconds } = this.#options;
    for (let round = 0; !this.#stop.signal.aborted; round++) {
      try {
        await this.#look(round % pollsPerListing === 0 || !this.#seen, false);
        if (!this.#reachable) logger.info('the registry can be read again');
        this.#reachable = true;
      } catch (error) {
        metrics.pollFailures.inc();
        // Once per outage: what is served goes on being served.
        if (this.#reachable) logger.warn({ err: error }, 'the registry cannot be read; serving goes on as it was');
        this.#reachable = false;
      }
      await setTimeout(pollMilliseconds, undefined, { signal: this.#stop.signal }).catch(() => undefined);
    }
  }

  #look(list: boolean, retryFailed: boolean): Promise<void> {
    const look = this.#latestLook.then(
      () => this.#lookNow(list, retryFailed),
      () => this.#lookNow(list, retryFailed),
    );
    this.#latestLook = look;
    return look;
  }

  async #lookNow(list: boolean, retryFailed: boolean): Promise<void> {
    const listed = list ? await this.#options.registry.models() : [];
    const models = [...new Set([...listed, ...this.#entries.keys()])];
    // One model's unreadable alias must not keep the others from being followed.
    const looks = await Promise.allSettled(models.map((model) => this.#lookAt(model, retryFailed)));
    const failed = looks.find((look) => look.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    this.#seen = true;
  }

  async #lookAt(model: string, retryFailed: boolean): Promise<void> {
    const alias = await this.#options.registry.alias(model, 'champion');
    if (this.#stop.signal.aborted) return;
    if (alias === undefined) return this.#withdraw(model);
    const { version, artifactDigest } = alias.record;
    const champion = { version, artifactDigest, etag: alias.etag };
    const entry: Entry = this.#entries.get(model) ?? { model, champion };
    this.#entries.set(model, entry);
    entry.champion = champion;
    if (retryFailed && entry.failure !== undefined) entry.failure.retryAt = 0;
    if (entry.loading === undefined && isDue(entry)) {
      entry.loading = this.#bringUp(entry).finally(() => (entry.loading = undefined));
    }
  }

  /** Loads the champion, and its successor if the alias has moved meanwhile. Never rejects. */
  async #bringUp(entry: Entry): Promise<void> {
    const { metrics, logger } = this.#options;
    const { model } = entry;
    while (isDue(entry) && !this.#stop.signal.aborted) {
      const { champion } = entry;
      const start = performance.now();
      try {
        this.#swap(entry, await this.#load(model, champion));
        const seconds = (performance.now() - start) / 1000;
        metrics.loads.inc({ model, outcome: 'done' });
        metrics.loadTime.observe({ model }, seconds);
        logger.info({ model, version: champion.version, seconds }, 'serving a new champion');
      } catch (error) {
        const attempts = entry.failure?.champion.etag === champion.etag ? entry.failure.attempts + 1 : 1;
        const delay = Math.min(longestRetryMilliseconds, 1_000 * 2 ** (attempts - 1));
        entry.failure = {
          champion,
          message: (error as Error).message,
          attempts,
          retryAt: Date.now() + delay,
        };
        metrics.loads.inc({ model, outcome: 'failed' });
        metrics.loadFailing.set({ model }, 1);
        logger.error({ model, version: champion.version, attempts, err: error }, 'a champion could not be loaded');
      }
    }
  }

  async #load(model: string, champion: Champion): Promise<ServedVersion> {
    const { registry, store, threads } = this.#options;
    const manifest = await registry.version(model, champion.version);
    if (manifest.artifactDigest !== champion.artifactDigest) {
      throw new TradewindError('ARTIFACT_CORRUPT', {
        subject: `The champion of "${model}"`,
        rule: `name the artifact of version ${champion.version}, ${manifest.artifactDigest.slice(0, 12)}`,
        value: champion.artifactDigest.slice(0, 12),
        remedy: 'Deploy the version again.',
      });
    }
    const files = await fetchFiles(store, manifest.artifact);
    return {
      model,
      version: champion.version,
      artifactDigest: champion.artifactDigest,
      loadedAt: new Date().toISOString(),
      threads: await InferenceThreads.open(files, threads),
    };
  }

  #swap(entry: Entry, next: ServedVersion): void {
    const previous = entry.served;
    entry.served = next;
    entry.failure = undefined;
    this.#options.metrics.servedVersion.set({ model: entry.model }, next.version);
    this.#options.metrics.loadFailing.set({ model: entry.model }, 0);
    if (previous !== undefined) this.#drain(previous);
  }

  #withdraw(model: string): void {
    const entry = this.#entries.get(model);
    if (entry === undefined || entry.loading !== undefined) return;
    this.#entries.delete(model);
    this.#options.metrics.servedVersion.remove({ model });
    this.#options.metrics.loadFailing.remove({ model });
    if (entry.served !== undefined) this.#drain(entry.served);
    this.#options.logger.info({ model }, 'the champion alias is gone; no longer served');
  }

  #drain(version: ServedVersion): void {
    const drained = version.threads.close().finally(() => this.#draining.delete(drained));
    this.#draining.add(drained);
  }
}

function isServing(entry: Entry): boolean {
  return entry.served !== undefined && entry.served.threads.open;
}

/** The champion is what is served, with all its threads. */
function isCurrent({ champion, served }: Entry): boolean {
  return (
    served?.artifactDigest === champion.artifactDigest && served.version === champion.version && !served.threads.broken
  );
}

/** Why the champion, as the alias names it now, could not be loaded. */
function failureOf({ champion, failure }: Entry): LoadFailure | undefined {
  return failure?.champion.etag === champion.etag ? failure : undefined;
}

function isDue(entry: Entry): boolean {
  return !isCurrent(entry) && (failureOf(entry)?.retryAt ?? 0) <= Date.now();
}

async function fetchFiles(store: ArtifactStore, artifact: Artifact): Promise<ModelFiles> {
  const fetchRole = (role: 'graph' | 'catalogue' | 'histories') => {
    const file = artifact.files.find((f) => f.role === role);
    if (file !== undefined) return store.fetch({ digest: file.digest, bytes: file.bytes, name: file.name });
    throw new TradewindError('ARTIFACT_CORRUPT', {
      subject: `The artifact of "${artifact.model}"`,
      rule: `hold a file with the role "${role}"`,
      value: artifact.files.map((f) => f.role).join(', '),
      remedy: 'Run the pipeline again to package the model anew.',
    });
  };
  const [graph, catalogue, histories] = await Promise.all([
    fetchRole('graph'),
    fetchRole('catalogue'),
    fetchRole('histories'),
  ]);
  return { graph, catalogue, histories };
}

function notRead(): Refusal {
  return new Refusal(503, 'SERVER_UNAVAILABLE', {
    subject: 'The inference server',
    rule: 'read the model registry before it can answer',
    remedy: 'Try again in a second; if it lasts, check that the server of S3_ENDPOINT is up.',
  });
}
