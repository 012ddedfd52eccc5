/** One package: downloaded, checked, unpacked, and then in its place in one piece. */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TradewindError } from '../../contracts/errors.ts';
import { folderName, type GpuPackage } from './packages.ts';
import { runPython, type Python, type PythonRun } from './python.ts';

/**
 * Wheels for a Python of our choice, whichever runs pip: what is in them does not depend on it. pip matches the versions
 * of glibc exactly, so the ones that the packages name are listed.
 */
const platform =
  '--only-binary=:all: --python-version 3.12 --implementation cp --abi cp312 --abi none ' +
  ['2_28', '2_27', '2_17', '2_12', '2014', '2010']
    .map((version) => `--platform manylinux${version.includes('_') ? `_${version}` : version}_x86_64`)
    .join(' ');

/** Arguments: the wheel, a folder, file names. Checks the CRC of each as it goes. */
const unpack = `
import os, shutil, sys, zipfile
wheel, folder, names = sys.argv[1], sys.argv[2], sys.argv[3:]
with zipfile.ZipFile(wheel) as archive:
    members = {os.path.basename(member.filename): member for member in archive.infolist()}
    for name in names:
        with archive.open(members[name]) as source, open(os.path.join(folder, name), 'xb') as target:
            shutil.copyfileobj(source, target, 1 << 20)
`;

export function isWhole(home: string, wanted: GpuPackage): boolean {
  const at = (name: string) => join(home, folderName(wanted), name);
  return (
    Object.entries(wanted.files).every(
      ([name, bytes]) => statSync(at(name), { throwIfNoEntry: false })?.size === bytes,
    ) && Object.keys(wanted.links ?? {}).every((name) => existsSync(at(name)))
  );
}

export interface PackageProgress {
  step: 'downloading' | 'unpacking';
  /** Of the step. */
  done: number;
  total: number;
}

const pollMilliseconds = 200;

/**
 * @param workshop - an empty folder beside the place, which the caller removes
 * @throws TradewindError `PREREQUISITE_MISSING` when pip cannot get it, or when it is not what was pinned
 * @throws the reason of Python's signal
 */
export async function fetchPackage(
  python: Python,
  wanted: GpuPackage,
  { home, workshop, report }: { home: string; workshop: string; report: (progress: PackageProgress) => void },
): Promise<void> {
  const [downloads, temporary, folder] = ['wheel', 'pip', 'files'].map((name) => join(workshop, name));
  for (const path of [downloads, temporary, folder]) mkdirSync(path);
  const requirements = join(workshop, 'requirements.txt');
  writeFileSync(requirements, `${wanted.name}==${wanted.version} --hash=sha256:${wanted.sha256}\n`);

  // No cache: pip's own would keep more than a gigabyte that is never read again.
  const pip = `-m pip download --require-hashes --no-deps --no-cache-dir --progress-bar off ${platform}`.split(' ');
  const downloading = watched([downloads, temporary], (done) =>
    report({ step: 'downloading', done: Math.min(done, wanted.bytes), total: wanted.bytes }),
  );
  const withTemporary = { ...python, env: { ...python.env, TMPDIR: temporary } };
  const run = await downloading(() =>
    runPython(withTemporary, [...pip, '--dest', downloads, '--requirement', requirements], workshop),
  );
  const wheel = readdirSync(downloads).find((name) => name.endsWith('.whl'));
  if (run.code !== 0 || wheel === undefined) throw failure(wanted, 'be downloaded by pip', run);

  const names = Object.keys(wanted.files);
  const total = Object.values(wanted.files).reduce((sum, bytes) => sum + bytes, 0);
  const unpacking = watched([folder], (done) => report({ step: 'unpacking', done, total }));
  const unpacked = await unpacking(() => runPython(python, ['-c', unpack, join(downloads, wheel), folder, ...names]));
  if (unpacked.code !== 0) throw failure(wanted, 'be unpacked', unpacked);
  for (const [name, target] of Object.entries(wanted.links ?? {})) symlinkSync(target, join(folder, name));

  const place = join(home, folderName(wanted));
  // What is there is damaged, or somebody else's who was quicker.
  rmSync(place, { recursive: true, force: true });
  renameSync(folder, place);
}

function failure({ name, version }: GpuPackage, rule: string, { code, lines }: PythonRun): TradewindError {
  const said = lines.findLast((line) => /^ERROR|Error\b/.test(line)) ?? lines.at(-1) ?? `exit code ${code}`;
  const digest = lines.some((line) => /DO NOT MATCH THE HASHES/.test(line));
  return new TradewindError('PREREQUISITE_MISSING', {
    subject: `The package ${name} ${version}`,
    rule: digest ? 'have the digest that is pinned' : rule,
    value: digest
      ? 'another one'
      : `"${said
          .replace(/^ERROR: /, '')
          .trim()
          .slice(0, 300)}"`,
    remedy: digest
      ? 'Let pip ask PyPI itself, not a mirror that changes packages.'
      : 'Run it again: what is complete is kept. pip asks the index of its own settings.',
  });
}

/** Tells how many bytes the folders hold while something runs. */
function watched(folders: readonly string[], tell: (bytes: number) => void) {
  return async <T>(work: () => Promise<T>): Promise<T> => {
    const timer = setInterval(() => tell(folders.reduce((sum, folder) => sum + bytesIn(folder), 0)), pollMilliseconds);
    try {
      return await work();
    } finally {
      clearInterval(timer);
    }
  };
}

/** Files come and go meanwhile. Links count nothing. */
export function bytesIn(folder: string): number {
  try {
    return readdirSync(folder, { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile())
      .reduce(
        (sum, entry) => sum + (statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0),
        0,
      );
  } catch {
    return 0;
  }
}
