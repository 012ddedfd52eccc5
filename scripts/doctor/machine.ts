/** What the machine brings: programs, built files, room on the disk. */
import { accessSync, constants, existsSync, readdirSync, statfsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { cacheFolder, findGo, findProgram, programs, type Program } from '../stack/binaries.ts';
import { hasExternalS3, hasExternalTemporal } from '../stack/environment.ts';
import { projectRoot } from '../stack/home.ts';
import { nodeRuntime } from '../stack/node-service.ts';
import { fail, ok, skip, warn, type Check } from './check.ts';

export function checkNode(): Check {
  const name = 'Node.js';
  const { node } = process.versions;
  const runtime = nodeRuntime();
  if (!existsSync(runtime)) return fail(name, node, 'Run "npm ci": it installs the Node 24 that the project runs on.');
  return ok(name, `${node} (${runtime})`);
}

/** The two servers, and Go where one of them has to be built. */
export async function checkPrograms(env: NodeJS.ProcessEnv): Promise<Check[]> {
  const external: Record<keyof typeof programs, string | undefined> = {
    temporal: hasExternalTemporal(env) ? (env['TEMPORAL_ADDRESS'] ?? `profile ${env['TEMPORAL_PROFILE']}`) : undefined,
    versitygw: hasExternalS3(env) ? env['S3_ENDPOINT'] : undefined,
  };
  let toBuild = 0;
  const checks = (Object.keys(programs) as (keyof typeof programs)[]).map((key) => {
    const program: Program = programs[key];
    const named = external[key];
    if (named !== undefined) return ok(program.name, `not needed: the environment names ${named}`);
    const found = findProgram(program, env);
    if (found !== undefined) return ok(program.name, found.path);
    toBuild++;
    const remedy = `"tradewind up" builds ${program.version} with Go into ${cacheFolder(env)}, in about ${program.buildTime}.`;
    return warn(program.name, 'not on PATH, not built yet', remedy);
  });
  return [goCheck(await findGo(env), toBuild), ...checks];
}

function goCheck(go: Awaited<ReturnType<typeof findGo>>, toBuild: number): Check {
  const name = 'Go';
  if (toBuild === 0)
    return ok(name, go === undefined ? 'not installed, and not needed' : `${go.version}, not needed now`);
  if (go?.recent) return ok(name, go.version);
  return fail(name, go?.version ?? 'not installed', 'Install Go 1.25 or newer from https://go.dev/dl.');
}

export function checkBuild(): Check {
  const name = 'Built files';
  const kernels = join(projectRoot, 'build', 'kernels');
  const built = existsSync(kernels) ? readdirSync(kernels).filter((file) => file.endsWith('.wasm')).length : 0;
  const bundle = existsSync(join(projectRoot, 'build', 'workflow-bundle.js'));
  const missing = [...(built === 0 ? ['kernels'] : []), ...(bundle ? [] : ['the workflow bundle'])];
  if (missing.length > 0) return fail(name, `missing: ${missing.join(' and ')}`, 'Run "npm run build".');
  return ok(name, `${built} kernels and the workflow bundle`);
}

/** A stack with the sample's models and a few hundred runs takes well below this. */
const roomGibibytes = 2;

export function checkHome(home: string): Check {
  const name = 'Home';
  let folder = home;
  while (!existsSync(folder)) folder = dirname(folder);
  try {
    accessSync(folder, constants.W_OK);
  } catch {
    return fail(name, `${home} cannot be written`, 'Set TRADEWIND_HOME to a folder of yours.');
  }
  const { bavail, bsize } = statfsSync(folder);
  const gibibytes = (bavail * bsize) / 1024 ** 3;
  const free = `${gibibytes < 10 ? gibibytes.toFixed(1) : Math.round(gibibytes)} GiB free`;
  if (gibibytes < roomGibibytes)
    return warn(name, `${home}, ${free}`, 'Make room, or set TRADEWIND_HOME to another disk.');
  return ok(name, `${home}, ${free}`);
}

const browsers = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];

/** For the screenshot test alone. */
export function checkChromium(env: NodeJS.ProcessEnv): Check {
  const name = 'Chromium';
  for (const folder of (env['PATH'] ?? '').split(delimiter)) {
    for (const browser of browsers) {
      const path = join(folder, browser);
      if (folder !== '' && existsSync(path)) return ok(name, path);
    }
  }
  try {
    const { chromium } = createRequire(import.meta.url)('playwright-core') as {
      chromium: { executablePath(): string };
    };
    if (existsSync(chromium.executablePath())) return ok(name, chromium.executablePath());
  } catch {
    // Installed without the development dependencies.
  }
  return skip(name, "none found; only the Web UI's screenshot test would use it");
}
