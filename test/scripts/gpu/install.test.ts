import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, readlink, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { gpuManifestName } from '../../../contracts/execution.ts';
import { installLibraries, planInstall, removeLibraries, requirePlatform } from '../../../scripts/gpu/libraries.ts';
import { onnxruntimeVersion, type GpuPackage } from '../../../scripts/gpu/packages.ts';
import { isAlive, recordOf } from '../../../scripts/stack/processes.ts';

const python = process.env['TRADEWIND_PYTHON'] || 'python3';
const supported = process.platform === 'linux' && process.arch === 'x64';
const reason = supported ? whyNoPip() : 'CUDA is for Linux on x64';
if (reason !== undefined) console.warn(`skipped: libraries were not installed from wheels: ${reason}`);

function whyNoPip(): string | undefined {
  try {
    execFileSync(python, ['-m', 'pip', '--version'], { stdio: 'pipe' });
    return undefined;
  } catch (error) {
    return (error as Error).message.split('\n')[0];
  }
}

/** Arguments: wheel, name, version, then pairs of path and content. */
const makeWheel = `
import sys, zipfile
wheel, name, version, *rest = sys.argv[1:]
info = f"{name}-{version}.dist-info"
with zipfile.ZipFile(wheel, "w") as archive:
    archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n")
    archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: false\\nTag: py3-none-manylinux_2_27_x86_64\\n")
    archive.writestr(f"{info}/RECORD", "")
    for path, content in zip(rest[::2], rest[1::2]):
        archive.writestr(path, content)
`;

let root: string;
let env: NodeJS.ProcessEnv;
let packages: GpuPackage[];
const folder = () => join(env['TRADEWIND_CACHE']!, 'gpu');
const never = new AbortController().signal;
const install = (options: Partial<Parameters<typeof installLibraries>[0]> = {}) =>
  installLibraries({ env, packages, signal: never, report: () => {}, ...options });

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tradewind-install-'));
});
afterAll(() => rm(root, { recursive: true }));
beforeEach(async () => {
  const cache = await mkdtemp(join(root, 'cache-'));
  // pip asks the index of its own settings: here a folder.
  env = { ...process.env, TRADEWIND_CACHE: cache, PIP_NO_INDEX: '1', PIP_FIND_LINKS: join(root, 'wheels') };
});

describe.runIf(reason === undefined)('the libraries for NVIDIA’s GPUs', () => {
  beforeAll(async () => {
    const wheels = join(root, 'wheels');
    await mkdir(wheels);
    packages = await Promise.all(
      ['alpha', 'beta'].map(async (name) => {
        const wheel = join(wheels, `${name}-1.0-py3-none-manylinux_2_27_x86_64.whl`);
        const library = `library ${name}`;
        const members = [`nvidia/${name}/lib/lib${name}.so.1`, library, `nvidia/${name}/include/much.h`, 'not wanted'];
        execFileSync(python, ['-c', makeWheel, wheel, name, '1.0', ...members]);
        const bytes = await readFile(wheel);
        return {
          name,
          version: '1.0',
          sha256: createHash('sha256').update(bytes).digest('hex'),
          bytes: bytes.length,
          files: { [`lib${name}.so.1`]: library.length },
          links: { [`lib${name}.so`]: `lib${name}.so.1` },
        };
      }),
    );
  });

  it('are unpacked into a folder each, without what is not needed, and listed once all are there', async () => {
    expect(await install()).toEqual(packages);
    expect((await readdir(folder())).toSorted()).toEqual([
      'alpha-1.0',
      'beta-1.0',
      gpuManifestName(onnxruntimeVersion),
    ]);
    expect((await readdir(join(folder(), 'alpha-1.0'))).toSorted()).toEqual(['libalpha.so', 'libalpha.so.1']);
    expect(await readFile(join(folder(), 'alpha-1.0', 'libalpha.so'), 'utf8')).toBe('library alpha');
    expect(await readlink(join(folder(), 'beta-1.0', 'libbeta.so'))).toBe('libbeta.so.1');
    const manifest = JSON.parse(await readFile(join(folder(), gpuManifestName(onnxruntimeVersion)), 'utf8')) as object;
    expect(manifest).toEqual({ folders: ['alpha-1.0', 'beta-1.0'] });
  });

  it('are not fetched again, but for those that are damaged', async () => {
    await install();
    // With nothing to fetch, no Python is asked for.
    expect(await install({ env: { ...env, TRADEWIND_PYTHON: '/nowhere' } })).toEqual([]);
    await truncate(join(folder(), 'beta-1.0', 'libbeta.so.1'), 3);
    expect(planInstall({ env, packages }).missing).toEqual([packages[1]]);
    expect(await install()).toEqual([packages[1]]);
    expect(await readFile(join(folder(), 'beta-1.0', 'libbeta.so.1'), 'utf8')).toBe('library beta');
  });

  it('with another digest are refused, and nothing of them stays', async () => {
    const wrong = [packages[0], { ...packages[1], sha256: '0'.repeat(64) }];
    const refused = install({ packages: wrong });
    await expect(refused).rejects.toMatchObject({ code: 'PREREQUISITE_MISSING' });
    await expect(refused).rejects.toThrow('The package beta 1.0 must have the digest that is pinned. Got another one.');
    expect(await readdir(folder())).toEqual(['alpha-1.0']);
  });

  it('that pip cannot find are named with what pip said', async () => {
    const gone = [{ ...packages[0], name: 'tradewind-no-such-package' }];
    const refused = install({ packages: gone });
    await expect(refused).rejects.toThrow('The package tradewind-no-such-package 1.0 must be downloaded by pip. Got "');
    await expect(refused).rejects.toThrow('No matching distribution found');
    expect(await readdir(folder())).toEqual([]);
  });

  it('can be removed, whatever versions there are', async () => {
    await install();
    await mkdir(join(folder(), 'alpha-0.9'));
    expect(removeLibraries(env)).toBeGreaterThan(20);
    await expect(readdir(folder())).rejects.toMatchObject({ code: 'ENOENT' });
    expect(removeLibraries(env)).toBe(0);
  });
});

describe.runIf(supported)('an installation', () => {
  const some: GpuPackage = { name: 'some', version: '1', sha256: '0', bytes: 1, files: { 'libsome.so': 1 } };

  it('that is interrupted ends what it started and leaves nothing half-done', async () => {
    const started = join(root, 'started');
    const slow = join(root, 'slow-python');
    await writeFile(slow, `#!/bin/sh\ncase "$*" in *version) exit 0;; esac\necho $$ > ${started}\nexec sleep 60\n`);
    await chmod(slow, 0o755);
    const interruption = new AbortController();
    const stopped = install({
      env: { ...env, TRADEWIND_PYTHON: slow },
      packages: [some],
      signal: interruption.signal,
    });
    stopped.catch(() => {});
    let pid = '';
    while (pid === '') {
      await sleep(20);
      pid = await readFile(started, 'utf8').then(
        (text) => text.trim(),
        () => '',
      );
    }
    const process = recordOf(Number(pid));
    expect(isAlive(process)).toBe(true);
    interruption.abort(new Error('Ctrl-C'));
    await expect(stopped).rejects.toThrow('Ctrl-C');
    expect(isAlive(process)).toBe(false);
    expect(await readdir(folder())).toEqual([]);
  });

  it('removes what a killed one left, and leaves alone what another one is at', async () => {
    const [mine, dead, young, old] = ['mine', 'dead', 'young', 'old'].map((name) =>
      join(folder(), `.installing-${name}`),
    );
    for (const path of [mine, dead, young, old]) await mkdir(path, { recursive: true });
    await writeFile(join(mine, 'owner.json'), JSON.stringify(recordOf(process.pid)));
    await writeFile(join(dead, 'owner.json'), JSON.stringify({ pid: process.pid, identity: 'of another time' }));
    await utimes(old, 0, 0);
    await install({ packages: [] });
    expect((await readdir(folder())).filter((name) => name.startsWith('.')).toSorted()).toEqual([
      '.installing-mine',
      '.installing-young',
    ]);
  });

  it('says what is missing: Python, pip or room', async () => {
    const without = install({ env: { ...env, TRADEWIND_PYTHON: '/nowhere/python' }, packages: [some] });
    await expect(without).rejects.toMatchObject({ code: 'PREREQUISITE_MISSING' });
    await expect(without).rejects.toThrow('Python 3 with pip must be installed to download the libraries. Got "spawn');
    const large = install({ packages: [{ ...some, bytes: 1e18 }] });
    await expect(large).rejects.toThrow(/^The disk of .* must have 1000000000\.0 GB free\. Got /);
  });
});

describe('a platform without CUDA', () => {
  it('is told so', () => {
    expect(() => requirePlatform('darwin', 'arm64')).toThrow(
      'CUDA must be installed on Linux on x64. Got darwin on arm64.',
    );
    expect(() => requirePlatform('linux', 'arm64')).toThrow(expect.objectContaining({ code: 'COMPUTE_REFUSED' }));
    expect(() => requirePlatform('linux', 'x64')).not.toThrow();
  });
});
