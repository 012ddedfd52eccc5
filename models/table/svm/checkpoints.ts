/** Checkpoints of the fits of support vector machines: when they are offered, and of what. */
import { createHash } from 'node:crypto';
import { TradewindError } from '../../../contracts/errors.ts';
import type { ArrayFile } from '../../../compute/arrays/safetensors.ts';
import type { Features } from '../../../data/features.ts';
import type { Target } from '../../../data/table.ts';
import type { TableFitContext } from '../../table-estimator.ts';

/** What a killed fit may lose. */
const defaultCheckpointMilliseconds = 5_000;

/** Offers checkpoints, not more often than the context wants. */
export class CheckpointOffers {
  readonly #context: TableFitContext;
  #saved = performance.now();

  constructor(context: TableFitContext) {
    this.#context = context;
  }

  async offer(step: number, state: () => ArrayFile): Promise<void> {
    const { checkpointMilliseconds = defaultCheckpointMilliseconds } = this.#context;
    if (!this.#context.checkpoint || performance.now() - this.#saved < checkpointMilliseconds) return;
    await this.#context.checkpoint(state(), step);
    this.#saved = performance.now();
  }
}

/** What a checkpoint must be of; empty where nobody asks. */
export function fingerprintOf(x: Features, y: Target, parameters: object, context: TableFitContext): string {
  if (!context.checkpoint && !context.resume) return '';
  const { seed, weights } = context;
  const hash = createHash('sha256');
  const own = x.kind === 'dense' ? [x.values] : [x.csr.indptr, x.csr.indices, x.csr.values];
  for (const values of [...own, y.kind === 'classes' ? y.codes : y.values, ...(weights ? [weights] : [])]) {
    hash.update(`${values.length} `).update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  return hash.update(JSON.stringify([parameters, seed, x.kind, x.names.length, y.kind])).digest('hex');
}

/** @throws TradewindError `ARTIFACT_CORRUPT` where a checkpoint is not of this fit. */
export function requireCheckpoint({ metadata }: ArrayFile, format: string, fingerprint: string): void {
  if (metadata['format'] === format && metadata['fingerprint'] === fingerprint) return;
  throw foreignCheckpoint(format);
}

export function foreignCheckpoint(format: string): TradewindError {
  return new TradewindError('ARTIFACT_CORRUPT', {
    subject: `A checkpoint of format ${format}`,
    rule: 'come from the same data, parameters and seed as the fit that goes on from it',
    remedy: 'Delete the checkpoint and train again.',
  });
}
