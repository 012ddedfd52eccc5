/** The peer of studies: Optuna (PyPI) with the defaults of its samplers, asked by `peers/optuna_peer.py`. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { homeFolder } from '../../../scripts/stack/home.ts';
import { ensurePeers, environments } from '../../peers.ts';
import type { PeerCommand } from './lane.ts';
import { StudyMemory } from './study-memory.ts';

export const optunaSamplers = { tpe: 'TPESampler', gp: 'GPSampler' } as const;
export type OptunaSampler = keyof typeof optunaSamplers;

export const peerName = (sampler: OptunaSampler) => `Optuna 5.0.0 ${optunaSamplers[sampler]}`;

const script = fileURLToPath(new URL('../../peers/optuna_peer.py', import.meta.url));
const requirements = new URL(`../../${environments.optuna.requirements}`, import.meta.url);

/** @throws PeerUnavailable */
export async function optunaCommand(say: (line: string) => void): Promise<PeerCommand> {
  return [await ensurePeers(environments.optuna, { say }), script];
}

/** Beside what is installed, as its studies hold for these versions alone. */
export async function openMemory(): Promise<StudyMemory> {
  const versions = await Promise.all([readFile(requirements, 'utf8'), readFile(script, 'utf8')]);
  return new StudyMemory(join(homeFolder(), environments.optuna.folder, 'studies.ndjson'), JSON.stringify(versions));
}
