/**
 * Five million orders (CSV, about half a gigabyte, with the dirt of real exports) to a table that is typed, held against
 * rules, cleaned of duplicates and split, beside polars doing the same; two threads each, each run in a process of its own, so
 * that its peak of memory is that of one run.
 *
 * Both read the CSV into typed Parquet (texts among the numbers become missing and are counted; times are written in
 * three ways), find the rows that break three rules, describe each column (missing and distinct values, mean, deviation,
 * 201 quantiles and the counts between them; or the most frequent values) and the rows per day, write rows that break
 * a rule to one file and the others to another, drop rows equal to an earlier one, and draw the parts of a split. Ours
 * also looks whether the file is UTF-8 without NUL bytes, and whether rows of two parts are equal.
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { canonicalJson } from '../../../contracts/canonical.ts';
import type { Agreement, Group, Match, Work } from '../../measure.ts';
import { PeerProcess, ensurePeers, environments } from '../../peers.ts';
import { writeOrders } from './preparation/orders.ts';
import { rules, seed, shares, type PreparationRun } from './preparation/work.ts';

export interface PreparationContext {
  csv: string;
  /** For what a run leaves behind. */
  folder: string;
  /** Starts a peer that knows nothing of earlier runs. @throws PeerUnavailable */
  startPeer: () => Promise<PeerProcess>;
  close: () => Promise<void>;
}

const threads = 2;
const orders = 5_000_000;
/** Of memory, for the process that does it. */
const budget = 4 * 2 ** 30;
const script = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** @param rows - orders, besides those that are there twice. */
export async function openContext(
  rows: number,
  startPeer: PreparationContext['startPeer'],
): Promise<PreparationContext> {
  const folder = await mkdtemp(join(tmpdir(), 'tradewind-bench-'));
  const csv = join(folder, 'orders.csv');
  await writeOrders(csv, rows);
  return { csv, folder, startPeer, close: () => rm(folder, { recursive: true, force: true }) };
}

export async function prepareMatch(context: PreparationContext): Promise<Match> {
  const last: { ours?: PreparationRun; peer?: PreparationRun } = {};
  const inFolder = async (run: (folder: string) => Promise<PreparationRun>) => {
    const folder = join(context.folder, 'run');
    await mkdir(folder);
    try {
      return await run(folder);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  };
  return {
    ours: () => inFolder(async (folder) => (last.ours = await runOurs(context.csv, folder))),
    peer: () =>
      inFolder(async (folder) => {
        const peer = await context.startPeer();
        try {
          return (last.peer = await peer.call<PreparationRun>('prepare', {
            csv: context.csv,
            folder,
            rules: rules.columns,
            shares,
            seed,
          }));
        } finally {
          await peer.close();
        }
      }),
    compare: async () => compareRuns(last.ours!, last.peer!),
    close: async () => undefined,
  };
}

export async function runOurs(csv: string, folder: string): Promise<PreparationRun> {
  const args = [script('./preparation/prepare.ts'), csv, folder, String(threads)];
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 1 << 24 });
  return JSON.parse(stdout) as PreparationRun;
}

/** Both count the same everywhere, and ours stays within its memory. */
export function compareRuns(ours: PreparationRun, peer: PreparationRun): Agreement {
  const same = canonicalJson(ours.counts) === canonicalJson(peer.counts);
  const fits = ours.peak <= budget;
  const gib = (bytes: number) => `${(bytes / 2 ** 30).toFixed(2)} GiB`;
  const { rows, quarantined, duplicates } = ours.counts;
  const counted = `${rows} rows, ${quarantined} put aside, ${duplicates} duplicates`;
  const stages = Object.entries(ours.stages ?? {}).map(([name, ms]) => `${name} ${(ms / 1000).toFixed(1)} s`);
  return {
    agree: same && fits,
    said:
      `memory at most ${gib(ours.peak)}, polars ${gib(peer.peak)}; ${counted}` +
      (same ? ', the same counts on both sides' : `; polars: ${canonicalJson(peer.counts)}`) +
      (stages.length > 0 ? `; ${stages.join(', ')}` : ''),
    ...(fits ? {} : { otherwise: `Ours needs more than ${gib(budget)}.` }),
  };
}

const works: Work<PreparationContext>[] = [
  {
    name: 'prepare-5m',
    about: 'five million dirty rows of CSV through reading, validation, cleaning and split, within 4 GiB',
    peerName: 'polars 2.1.0',
    bound: 3,
    runs: 3,
    open: prepareMatch,
  },
];

export const preparation: Group<PreparationContext> = {
  works,
  async open(say) {
    say('Writing five million orders');
    return openContext(orders, async () => {
      const python = await ensurePeers(environments.polars, { say });
      const env = { ...process.env, POLARS_MAX_THREADS: String(threads) };
      return new PeerProcess(python, [script('../../peers/polars_peer.py')], env);
    });
  },
  close: (context) => context.close(),
};
