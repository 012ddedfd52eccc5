/** `npm run build`: the kernels, the workflow bundle and the command's link. Skips, and says nothing of, what is up to date. */
import { createHash } from 'node:crypto';
import { chmod, lstat, mkdir, readFile, readdir, rename, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../', import.meta.url));
const buildDir = join(root, 'build');

/** Digest of the sources that the bundle is made of: workflows, contracts, and the SDK's version. */
async function bundleInputs(): Promise<string> {
  const hash = createHash('sha256');
  for (const folder of ['workflows', 'contracts']) {
    const names = await readdir(join(root, folder), { recursive: true });
    for (const name of names.filter((n) => n.endsWith('.ts')).sort()) {
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
  // In one piece: another build, or a worker that starts, may read it at this moment.
  const partial = join(buildDir, `workflow-bundle.${process.pid}.part`);
  await writeFile(partial, code);
  await rename(partial, join(buildDir, 'workflow-bundle.js'));
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
const built = [
  ...(kernels.length > 0 ? [`the kernels ${kernels.map((path) => basename(path, '.wasm')).join(', ')}`] : []),
  ...(bundled ? ['the workflow bundle'] : []),
];
if (built.length > 0) console.log(`Built ${built.join(' and ')}.`);
