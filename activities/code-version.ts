/** The code's share of a step's key: a digest over the sources of the rooms that a step runs. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export type Room = 'compute' | 'data' | 'models' | 'evaluation' | 'explanation' | 'tuning';

const root = fileURLToPath(new URL('../', import.meta.url));
const digests = new Map<string, string>();

/**
 * What every step runs besides its rooms: the tasks themselves, and what of `contracts/` changes a result. The rest of
 * `contracts/`, messages say, changes none.
 */
const shared = [
  ...list(
    'algorithms',
    'artifacts',
    'canonical',
    'cut-offs',
    'parameters',
    'preparation',
    'preparation-spec',
    'random',
  ),
  ...list('search', 'table-algorithms', 'table-evaluation', 'table-features', 'table-rules', 'table-splits'),
  ...readdirSync(join(root, 'activities/tasks'))
    .filter((name) => name.endsWith('.ts'))
    .sort()
    .map((name) => `activities/tasks/${name}`),
  'activities/recommender-session.ts',
  'activities/task-files.ts',
];

/** A change in a room makes the steps that run it new; a change elsewhere does not. */
export function codeVersion(rooms: readonly Room[]): string {
  const key = rooms.join(' ');
  let digest = digests.get(key);
  if (digest === undefined) {
    const hash = createHash('sha256');
    for (const room of [...rooms].sort()) for (const path of sources(join(root, room))) addFile(hash, path);
    for (const path of shared) addFile(hash, join(root, path));
    digest = hash.digest('hex');
    digests.set(key, digest);
  }
  return digest;
}

function addFile(hash: ReturnType<typeof createHash>, path: string): void {
  hash.update(`${relative(root, path)}\0`);
  hash.update(readFileSync(path));
  hash.update('\0');
}

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.(ts|js)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.includes(`${join(root, 'data', 'samples')}`))
    .sort();
}

function list(...names: string[]): string[] {
  return names.map((name) => `contracts/${name}.ts`);
}
