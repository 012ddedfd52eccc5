/** The project's own sources, as the tests of the documents read them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../', import.meta.url));

const product = (
  'activities bin compute contracts data deployment evaluation explanation models ' +
  'scripts serving store tuning workers workflows'
).split(' ');
const folders = { product, all: [...product, 'bench', 'test'] };

/** TypeScript, JavaScript and Python by path from the root; `all` adds tests, benchmarks and the runner's settings. */
export function sourcesOf(what: keyof typeof folders): Map<string, string> {
  const files = new Map<string, string>();
  const add = (path: string) => files.set(relative(root, path), readFileSync(path, 'utf8'));
  for (const folder of folders[what]) {
    for (const entry of entriesOf(join(root, folder))) {
      if (entry.isFile() && /\.(ts|js|py)$/.test(entry.name)) add(join(entry.parentPath, entry.name));
    }
  }
  if (what === 'all') add(join(root, 'vitest.config.ts'));
  return files;
}

/** Git keeps no empty folders, so a room may not be there yet. */
function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true, recursive: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** The project's Markdown files, by path from the root. */
export function documents(): Map<string, string> {
  const paths = readdirSync(root).filter((name) => name.endsWith('.md'));
  for (const folder of ['docs', 'pipelines', 'data', 'compute']) {
    for (const entry of entriesOf(join(root, folder))) {
      if (entry.isFile() && entry.name.endsWith('.md')) paths.push(relative(root, join(entry.parentPath, entry.name)));
    }
  }
  return new Map(paths.toSorted().map((path) => [path, readFileSync(join(root, path), 'utf8')]));
}
