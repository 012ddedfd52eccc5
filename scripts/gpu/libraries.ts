/** The libraries for NVIDIA's GPUs in the user's cache: fetching and removing all of them. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { TradewindError } from '../../contracts/errors.ts';
import { gpuFolder, gpuManifestName, type GpuManifest } from '../../contracts/execution.ts';
import { isAlive, recordOf } from '../stack/processes.ts';
import type { ProcessRecord } from '../stack/state.ts';
import { bytesIn, fetchPackage, isWhole, type PackageProgress } from './fetch-package.ts';
import { folderName, gpuPackages, onnxruntimeVersion, spellSize, unpackedBytes, type GpuPackage } from './packages.ts';
import { findPython } from './python.ts';

interface Libraries {
  env?: NodeJS.ProcessEnv;
  /** Others in tests. */
  packages?: readonly GpuPackage[];
}

export interface Plan {
  folder: string;
  present: readonly GpuPackage[];
  missing: readonly GpuPackage[];
}

export function planInstall({ env = process.env, packages = gpuPackages }: Libraries = {}): Plan {
  const folder = gpuFolder(env);
  const present = packages.filter((wanted) => isWhole(folder, wanted));
  return { folder, present, missing: packages.filter((wanted) => !present.includes(wanted)) };
}

/** @throws TradewindError `COMPUTE_REFUSED` where onnxruntime has no CUDA provider */
export function requirePlatform(platform: string = process.platform, architecture: string = process.arch): void {
  if (platform === 'linux' && architecture === 'x64') return;
  throw new TradewindError('COMPUTE_REFUSED', {
    subject: 'CUDA',
    rule: 'be installed on Linux on x64',
    value: `${platform} on ${architecture}`,
    remedy: '"tradewind doctor" says what graphs can run on here.',
  });
}

const workshopPrefix = '.installing-';

interface Install extends Libraries {
  signal: AbortSignal;
  /** Called often while a package is under way, and once without progress when it is in its place. */
  report: (wanted: GpuPackage, progress?: PackageProgress) => void;
}

/**
 * Fetches what is missing, one package after another; each is in its place whole or not at all, and what is complete
 * stays when the rest is interrupted.
 * @returns the packages that were fetched
 * @throws TradewindError `COMPUTE_REFUSED` on another platform, `PREREQUISITE_MISSING` when something cannot be had
 * @throws the reason of the signal
 */
export async function installLibraries(options: Install): Promise<readonly GpuPackage[]> {
  const { env = process.env, packages = gpuPackages, signal, report } = options;
  requirePlatform();
  const { folder, missing } = planInstall(options);
  mkdirSync(folder, { recursive: true });
  removeDeserted(folder);
  if (missing.length > 0) {
    requireRoom(folder, missing);
    const python = await findPython(env, signal);
    for (const wanted of missing) {
      const workshop = mkdtempSync(join(folder, workshopPrefix));
      writeFileSync(join(workshop, 'owner.json'), JSON.stringify(recordOf(process.pid)));
      try {
        await fetchPackage(python, wanted, { home: folder, workshop, report: (progress) => report(wanted, progress) });
      } finally {
        rmSync(workshop, { recursive: true, force: true });
      }
      report(wanted);
    }
  }
  writeManifest(folder, { folders: packages.map(folderName) });
  return missing;
}

/** @returns the bytes that were freed */
export function removeLibraries(env: NodeJS.ProcessEnv = process.env): number {
  const folder = gpuFolder(env);
  const bytes = bytesIn(folder);
  // What says that they are there goes first, so that nobody starts to use them now.
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    if (name.endsWith('.json')) rmSync(join(folder, name));
  }
  rmSync(folder, { recursive: true, force: true });
  return bytes;
}

function requireRoom(folder: string, missing: readonly GpuPackage[]): void {
  // A wheel lies beside what is unpacked from it until it is done with.
  const needed =
    missing.reduce((sum, one) => sum + unpackedBytes(one), 0) + Math.max(...missing.map(({ bytes }) => bytes));
  const { bavail, bsize } = statfsSync(folder);
  if (bavail * bsize >= needed) return;
  throw new TradewindError('PREREQUISITE_MISSING', {
    subject: `The disk of ${folder}`,
    rule: `have ${spellSize(needed)} free`,
    value: spellSize(bavail * bsize),
    remedy: 'Make room, or set TRADEWIND_CACHE to a folder on another disk.',
  });
}

/** Of installations that were killed. */
function removeDeserted(folder: string): void {
  for (const name of readdirSync(folder).filter((entry) => entry.startsWith(workshopPrefix))) {
    const workshop = join(folder, name);
    let owner: ProcessRecord | undefined;
    try {
      owner = JSON.parse(readFileSync(join(workshop, 'owner.json'), 'utf8')) as ProcessRecord;
    } catch {
      // Killed before it was written, or about to write it.
    }
    const young = Date.now() - statSync(workshop).mtimeMs < 60_000;
    if (owner === undefined ? !young : !isAlive(owner)) rmSync(workshop, { recursive: true, force: true });
  }
}

/** A reader sees the old one or the new one, never a part. */
function writeManifest(folder: string, manifest: GpuManifest): void {
  const file = join(folder, gpuManifestName(onnxruntimeVersion));
  const partial = join(folder, `.${basename(file)}.${process.pid}.part`);
  writeFileSync(partial, `${JSON.stringify(manifest, null, 2)}\n`);
  renameSync(partial, file);
}
