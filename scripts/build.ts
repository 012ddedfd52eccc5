/** `npm run build`: the kernels, the workflow bundle, the spec's JSON Schema and the command's link. Skips what is up to date. */
import { createHash } from 'node:crypto';
import { chmod, mkdir, readFile, readdir, symlink, writeFile, lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../', import.meta.url));
const buildDir = join(root, 'build');

/** Digest of the sources that the bundle is made of: workflows, contracts, and the SDK's version. */
async function bundleInputs(): Promise<string> {
  const hash = createHash('sha256');
  for (const folder of ['workflows', 'contracts']) {
    for (const name of (await readdir(join(root, folder))).filter((n) => n.endsWith('.ts')).sort()) {
      hash.update(`${folder}/${name}\0`);
      hash.update(await readFile(join(root, folder, name)));
    }
  }
  hash.update(await readFile(join(root, 'node_modules/@temporalio/worker/package.json')));
  return hash.digest('hex');
}

async function buildWorkflowBundle(): Promise<boolean> {
  const stamp = join(buildDir, 'workflow-bundle.inputs');
  const inputs = await bundleInputs();
  if ((await readFile(stamp, 'utf8').catch(() => '')) === inputs) return false;
  const { bundleWorkflowCode, DefaultLogger } = await import('@temporalio/worker');
  const { code } = await bundleWorkflowCode({
    workflowsPath: join(root, 'workflows/index.ts'),
    workflowInterceptorModules: [join(root, 'workflows/interceptors.ts')],
    logger: new DefaultLogger('ERROR'),
  });
  await writeFile(join(buildDir, 'workflow-bundle.js'), code);
  await writeFile(stamp, inputs);
  return true;
}

/** npm links the commands of dependencies, not a project's own; this makes `npx tradewind` and the path work alike. */
async function linkCommand(): Promise<void> {
  const link = join(root, 'node_modules/.bin/tradewind');
  await chmod(join(root, 'bin/tradewind.js'), 0o755);
  if (!(await lstat(link).catch(() => undefined))) await symlink('../../bin/tradewind.js', link);
}

await mkdir(join(buildDir, 'kernels'), { recursive: true });
const { buildKernels } = await import('../compute/kernels/build.ts');
const [kernels, bundled] = await Promise.all([
  buildKernels(join(buildDir, 'kernels')),
  buildWorkflowBundle(),
  linkCommand(),
]);
if (process.argv.includes('--verbose')) {
  console.log(`kernels: ${kernels.join(', ') || 'up to date'}; workflow bundle: ${bundled ? 'built' : 'up to date'}`);
}
