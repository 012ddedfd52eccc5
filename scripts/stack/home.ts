/** The folder that holds a local stack: where it is, what lies where in it, and its deletion. */
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TradewindError } from '../../contracts/errors.ts';

/** Root of the project's own files, without a trailing slash. */
export const projectRoot = resolve(fileURLToPath(new URL('../../', import.meta.url)));

/** `TRADEWIND_HOME`, else `.tradewind` in the project (in the current folder when installed as a dependency). */
export function homeFolder(env: NodeJS.ProcessEnv = process.env): string {
  if (env['TRADEWIND_HOME']) return resolve(env['TRADEWIND_HOME']);
  const dependency = projectRoot.split(sep).includes('node_modules');
  return join(dependency ? process.cwd() : projectRoot, '.tradewind');
}

interface HomePaths {
  home: string;
  /** Says that the folder was made by Tradewind; nothing is deleted from a folder without it. */
  marker: string;
  state: string;
  run: string;
  lock: string;
  logs: string;
  temporal: string;
  temporalDatabase: string;
  /** Client settings of the local Temporal, in place of the ones in the user's own configuration folder. */
  temporalProfile: string;
  s3: string;
  s3Versions: string;
  /**
   * There only on file systems without extended attributes: VersityGW's metadata, else kept in those. It refuses a name
   * that begins like the one of its objects' folder.
   */
  s3Metadata: string;
  s3Credentials: string;
  apiKey: string;
  tls: string;
  apiCertificateAuthority: string;
}

export function homePaths(home: string): HomePaths {
  const at = (...parts: string[]) => join(home, ...parts);
  return {
    home,
    marker: at('tradewind-home'),
    state: at('stack.json'),
    run: at('run'),
    lock: at('run', 'supervisor.lock'),
    logs: at('logs'),
    temporal: at('temporal'),
    temporalDatabase: at('temporal', 'temporal.sqlite'),
    temporalProfile: at('temporal', 'client.toml'),
    s3: at('s3'),
    s3Versions: at('s3-versions'),
    s3Metadata: at('metadata-s3'),
    s3Credentials: at('s3-credentials.json'),
    apiKey: at('api-key'),
    tls: at('tls'),
    apiCertificateAuthority: at('tls', 'ca.pem'),
  };
}

export const logFile = (home: string, service: string): string => join(homePaths(home).logs, `${service}.log`);
export const pidFile = (home: string, service: string): string => join(homePaths(home).run, `${service}.pid`);

/**
 * Everything that Tradewind keeps in its home. `down --purge` deletes these and nothing else; `cache` is the blobs'
 * and the compute processes' (`store/`, `compute/pool`).
 */
const entries = new Set([
  'stack.json',
  'run',
  'logs',
  'temporal',
  's3',
  's3-versions',
  'metadata-s3',
  's3-credentials.json',
  'api-key',
  'tls',
  'cache',
  'tmp',
]);
const markerText = `This folder holds the state of a local Tradewind stack: workflow histories, models, keys and logs.
"tradewind down --purge" deletes it.
`;

/**
 * Makes the home, private to its owner, or takes up the one that is there.
 * @throws TradewindError `STACK_FAILED` when the folder holds things that are not Tradewind's
 */
export function openHome(home: string): HomePaths {
  const paths = homePaths(home);
  mkdirSync(home, { recursive: true, mode: 0o700 });
  if (!existsSync(paths.marker)) {
    const strange = strangeEntries(home);
    if (strange.length > 0) {
      throw new TradewindError('STACK_FAILED', {
        subject: 'TRADEWIND_HOME',
        rule: 'name an empty folder or one that Tradewind made',
        value: `${home}, which holds ${strange.slice(0, 3).join(', ')}${strange.length > 3 ? ' and more' : ''}`,
        remedy: 'Set TRADEWIND_HOME to another folder.',
      });
    }
    chmodSync(home, 0o700);
    writeFileSync(paths.marker, markerText);
  }
  for (const folder of [paths.run, paths.logs, paths.temporal, paths.s3, paths.s3Versions, paths.tls]) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }
  return paths;
}

/**
 * Deletes the state of a stack that is down.
 * @returns what was left because it is not Tradewind's
 * @throws TradewindError `STACK_FAILED` when the folder does not carry Tradewind's marker
 */
export function purgeHome(home: string): string[] {
  const { marker } = homePaths(home);
  if (!existsSync(home)) return [];
  if (!existsSync(marker)) {
    throw new TradewindError('STACK_FAILED', {
      subject: `The folder ${home}`,
      rule: 'carry the file tradewind-home before anything in it is deleted',
      remedy: 'Check TRADEWIND_HOME; delete the folder by hand if it is the right one.',
    });
  }
  for (const entry of entries) rmSync(join(home, entry), { recursive: true, force: true });
  const left = readdirSync(home).filter((name) => join(home, name) !== marker);
  // With other things in it the folder stays a home, so that the next "up" takes it as before.
  if (left.length === 0) rmSync(home, { recursive: true });
  return left;
}

function strangeEntries(home: string): string[] {
  return readdirSync(home).filter((name) => !entries.has(name) && name !== '.DS_Store');
}
