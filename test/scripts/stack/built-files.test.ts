import { appendFileSync, cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { projectRoot } from '../../../scripts/stack/home.ts';
import { refreshBuild } from '../../../scripts/stack/built-files.ts';

// A copy of what the build reads, since other tests use the project's own at the same time.
const root = mkdtempSync(join(tmpdir(), 'tradewind-build-'));
beforeAll(() => {
  for (const name of ['bin', 'build', 'compute/kernels', 'contracts', 'package.json', 'scripts', 'workflows']) {
    cpSync(join(projectRoot, name), join(root, name), { recursive: true });
  }
  symlinkSync(join(projectRoot, 'node_modules'), join(root, 'node_modules'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

test('what changed since it was built is built again, once, and named', async () => {
  await refreshBuild(undefined, root);
  expect(await refreshBuild(undefined, root)).toBeUndefined();
  appendFileSync(join(root, 'workflows', 'index.ts'), '// pulled\n');
  expect(await refreshBuild(undefined, root)).toBe('Built the workflow bundle.');
  appendFileSync(join(root, 'compute', 'kernels', 'assembly', 'probe.ts'), '// pulled\n');
  expect(await refreshBuild(undefined, root)).toMatch(/^Built the kernels als, .*probe\.$/);
  expect(await refreshBuild(undefined, root)).toBeUndefined();
});

test('sources that cannot be built are one sentence with its remedy', async () => {
  appendFileSync(join(root, 'compute', 'kernels', 'assembly', 'probe.ts'), 'no kernel\n');
  const refreshed = refreshBuild(undefined, root);
  await expect(refreshed).rejects.toMatchObject({ code: 'PREREQUISITE_MISSING' });
  await expect(refreshed).rejects.toThrow('Got "Error: The kernel probe.ts does not compile.". Run "npm ci"');
});
