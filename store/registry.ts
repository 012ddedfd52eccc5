/** The model registry: immutable version manifests and mutable aliases, kept right by conditional writes alone. */
import { z } from 'zod';
import {
  aliasSchema,
  artifactSchema,
  versionManifestSchema,
  withdrawnAliasSchema,
  type AliasRecord,
  type Artifact,
  type BlobRef,
  type VersionManifest,
} from '../contracts/artifacts.ts';
import { TradewindError } from '../contracts/errors.ts';
import { objectKeys, type Alias } from '../contracts/names.ts';
import { readFile } from 'node:fs/promises';
import type { ArtifactStore } from './artifact-store.ts';

const digestPointerSchema = z.strictObject({ version: z.int().min(1) });

export interface Registration {
  version: number;
  /** False when the artifact was a version already. */
  created: boolean;
}

export class ModelRegistry {
  readonly #store: ArtifactStore;

  constructor(store: ArtifactStore) {
    this.#store = store;
  }

  /** Names of all models with at least one version, ascending. */
  async models(): Promise<string[]> {
    const names = new Set<string>();
    for (const key of await this.#store.list('models/')) names.add(key.split('/')[1]);
    return [...names];
  }

  /** All versions, ascending. */
  async versions(model: string): Promise<VersionManifest[]> {
    const keys = await this.#store.list(objectKeys.versions(model));
    const numbers = keys.map((key) => Number(/(\d+)\.json$/.exec(key)?.[1])).filter((n) => Number.isInteger(n));
    return Promise.all(numbers.sort((a, b) => a - b).map((n) => this.version(model, n)));
  }

  /** @throws TradewindError `MODEL_NOT_FOUND` */
  async version(model: string, version: number): Promise<VersionManifest> {
    const found = await this.#store.getJson(objectKeys.version(model, version), versionManifestSchema);
    if (found === undefined) {
      throw new TradewindError('MODEL_NOT_FOUND', {
        subject: `Version ${version} of the model "${model}"`,
        rule: `be registered in ${this.#store.place}`,
        remedy: `See "tradewind versions ${model}".`,
      });
    }
    return found.value;
  }

  async artifact(ref: BlobRef): Promise<Artifact> {
    const path = await this.#store.fetch(ref);
    return artifactSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  }

  /**
   * Gives an artifact the next version number. One digest is one version: whoever comes second, in the same instant or
   * a year later, gets the first one's number.
   */
  async register(manifest: Omit<VersionManifest, 'version' | 'createdAt'>): Promise<Registration> {
    const { model, artifactDigest } = manifest;
    const pointerKey = objectKeys.byDigest(model, artifactDigest);
    const known = await this.#store.getJson(pointerKey, digestPointerSchema);
    if (known !== undefined) return { version: known.value.version, created: false };
    const registration = await this.#claimNumber(manifest);
    // An index only: what decides is the manifests, so a crash before this line costs the next caller a scan.
    await this.#store.putJson(pointerKey, { version: registration.version }, { ifNoneMatch: '*' });
    return registration;
  }

  /**
   * Every number up to the claimed one has been read, in the listing or after a conflict, so that no digest can get two
   * numbers and no number is left out.
   */
  async #claimNumber(manifest: Omit<VersionManifest, 'version' | 'createdAt'>): Promise<Registration> {
    const versions = await this.versions(manifest.model);
    const same = versions.find((v) => v.artifactDigest === manifest.artifactDigest);
    if (same !== undefined) return { version: same.version, created: false };
    for (let version = (versions.at(-1)?.version ?? 0) + 1; ; version++) {
      const value: VersionManifest = { ...manifest, version, createdAt: new Date().toISOString() };
      const put = await this.#store.putJson(
        objectKeys.version(manifest.model, version),
        versionManifestSchema.parse(value),
        { ifNoneMatch: '*' },
      );
      if (put !== 'conflict') return { version, created: true };
      const winner = await this.version(manifest.model, version);
      if (winner.artifactDigest === manifest.artifactDigest) return { version, created: false };
    }
  }

  /** `undefined` where there is none, or where it was taken away. */
  async alias(model: string, alias: Alias): Promise<{ record: AliasRecord; etag: string } | undefined> {
    const found = await this.#readAlias(model, alias);
    return found === undefined || 'withdrawn' in found.value ? undefined : { record: found.value, etag: found.etag };
  }

  async #readAlias(model: string, alias: Alias) {
    return this.#store.getJson(objectKeys.alias(model, alias), z.union([aliasSchema, withdrawnAliasSchema]));
  }

  /**
   * Points an alias at a version, provided that it still stands as the caller saw it.
   * @param seen - etag of the alias as it was read; `undefined` when there was none
   * @returns `'conflict'` when somebody else moved it in between
   */
  async setAlias(
    model: string,
    alias: Alias,
    record: Omit<AliasRecord, 'changedAt'>,
    seen: string | undefined,
  ): Promise<{ etag: string } | 'conflict'> {
    const value: AliasRecord = aliasSchema.parse({ ...record, changedAt: new Date().toISOString() });
    const key = objectKeys.alias(model, alias);
    if (seen !== undefined) return this.#store.putJson(key, value, { ifMatch: seen });
    const there = await this.#readAlias(model, alias);
    if (there === undefined) return this.#store.putJson(key, value, { ifNoneMatch: '*' });
    return 'withdrawn' in there.value ? this.#store.putJson(key, value, { ifMatch: there.etag }) : 'conflict';
  }

  /** Takes an alias away, provided that it still stands as the caller saw it. */
  async withdrawAlias(
    model: string,
    alias: Alias,
    note: { changedBy: string; reason: string; previousVersion: number },
    seen: string,
  ): Promise<'withdrawn' | 'conflict'> {
    const value = withdrawnAliasSchema.parse({ withdrawn: true, ...note, changedAt: new Date().toISOString() });
    const put = await this.#store.putJson(objectKeys.alias(model, alias), value, { ifMatch: seen });
    return put === 'conflict' ? 'conflict' : 'withdrawn';
  }
}
