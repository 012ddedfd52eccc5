/** One row of a side-by-side measurement: two contenders in turns, medians, their ratio and its bound. */
import { PeerUnavailable } from './peers.ts';

/** Milliseconds of one run. */
export interface Sample {
  wall: number;
  /** Processor time over all threads: what other work on the machine disturbs least. */
  cpu: number;
}

export interface Agreement {
  agree: boolean;
  /** What was compared, with its numbers. */
  said: string;
  /** What it means when `agree` is false: that the answers differ, unless something else was compared. */
  otherwise?: string;
}

/** Both contenders, prepared. `peer` throws `PeerUnavailable` where there is none to run. */
export interface Match {
  ours(): Promise<Sample>;
  peer(): Promise<Sample>;
  /** Whether both give the same answer, asked after the last run: a wrong answer has no speed. */
  compare?(): Promise<Agreement>;
  close(): Promise<void>;
}

export interface Work<Context> {
  name: string;
  about: string;
  peerName: string;
  /** Largest `ratio` that is well. */
  bound: number;
  /** Runs of each contender that count, unless told otherwise. */
  runs: number;
  open(context: Context): Promise<Match>;
}

/** A work that comes to figures other than times of runs, and knows itself when they are well. */
export interface Comparison<Context> extends Omit<Work<Context>, 'open'> {
  /** Of the figures, less being better. */
  unit: string;
  /**
   * @param runs - figures of each side.
   * @throws PeerUnavailable where there is none to compare with.
   */
  compare(context: Context, runs: number, say: (line: string) => void): Promise<Compared>;
}

export interface Compared {
  ours: readonly number[];
  peer: readonly number[];
  ok: boolean;
  /** What `ok` goes by, with its numbers. */
  said: string;
  /** Why it is not ok at a ratio within its bound, or ok beyond it. */
  reason?: string;
}

export type AnyWork<Context> = Work<Context> | Comparison<Context>;

export interface Suite<Context> {
  name: string;
  summary: string;
  works: readonly AnyWork<Context>[];
  /** @param say - tells what is being prepared. */
  open(say: (line: string) => void): Promise<Context>;
  close(context: Context): Promise<void>;
}

/** Works that are measured on the same things; a suite may hold several such groups (`suiteOf`). */
export interface Group<Context, W extends AnyWork<Context> = AnyWork<Context>> extends Pick<
  Suite<Context>,
  'open' | 'close'
> {
  works: readonly W[];
}

export interface BenchRow {
  suite: string;
  work: string;
  /** Median time of a run; null where it was not measured. */
  ours: number | null;
  peer: number | null;
  peerName: string;
  unit: string;
  /** ours ÷ peer: below 1, ours is faster. */
  ratio: number | null;
  /** The same of processor time over all threads. */
  cpuRatio: number | null;
  bound: number;
  /** null where there is no ratio to judge. */
  ok: boolean | null;
  runs: number;
  /** Fastest and slowest run. */
  range: { ours: [number, number]; peer: [number, number] } | null;
  agreement: string | null;
  /** Why a number is missing, or why `ok` is false at a ratio within its bound. */
  reason: string | null;
  /** The measurement itself broke down on our side. */
  failed: boolean;
}

/** @throws RangeError of no values. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('A median needs at least one value.');
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * One run of each to warm up, then `runs` of each, the two in turns and each first as often as the other, so that what
 * else the machine does meets both alike. Without a peer, ours is measured alone.
 * @param say - tells which run is next.
 */
export async function measure<Context>(
  suite: string,
  work: AnyWork<Context>,
  context: Context,
  { runs = work.runs, say = () => undefined }: { runs?: number; say?: (line: string) => void } = {},
): Promise<BenchRow> {
  if ('compare' in work) return compareFigures(suite, work, context, runs, say);
  let ours: Sample[] = [];
  let peer: Sample[] = [];
  let missing: string | undefined;
  let agreement: Agreement | undefined;
  /** Without a peer's answer there is no ratio, but there is a row. */
  const ofPeer = async (ask: () => Promise<unknown>) => {
    if (missing !== undefined) return;
    try {
      await ask();
    } catch (error) {
      if (!(error instanceof PeerUnavailable)) throw error;
      missing = error.message;
    }
  };
  try {
    const match = await work.open(context);
    const runOurs = async () => void ours.push(await match.ours());
    const runPeer = () => ofPeer(async () => peer.push(await match.peer()));
    try {
      say('warming up');
      await runOurs();
      await runPeer();
      [ours, peer] = [[], []];
      for (let run = 0; run < runs; run++) {
        say(`run ${run + 1} of ${runs}`);
        for (const side of run % 2 === 0 ? [runOurs, runPeer] : [runPeer, runOurs]) await side();
      }
      await ofPeer(async () => (agreement = await match.compare?.()));
    } finally {
      await match.close();
    }
  } catch (error) {
    return row(suite, work, { reason: sentence(error), failed: true, runs });
  }
  return judge(suite, work, { ours, peer, missing, agreement, runs });
}

async function compareFigures<Context>(
  suite: string,
  work: Comparison<Context>,
  context: Context,
  runs: number,
  say: (line: string) => void,
): Promise<BenchRow> {
  const { unit } = work;
  try {
    const { ours, peer, ok, said, reason } = await work.compare(context, runs, say);
    const [a, b] = [median(ours), median(peer)];
    return row(suite, work, {
      unit,
      ours: round(a),
      peer: round(b),
      // Both may have found what is best, or more than that.
      ratio: a === b ? 1 : b <= 0 ? null : round(a / b),
      ok,
      runs,
      range: { ours: extremesOf(ours), peer: extremesOf(peer) },
      agreement: said,
      reason: reason ?? null,
    });
  } catch (error) {
    return row(suite, work, { unit, reason: sentence(error), failed: !(error instanceof PeerUnavailable), runs });
  }
}

/** The row of these samples. Where `missing` says why there is no answer of the peer's, ours stands alone. */
export function judge(
  suite: string,
  work: Pick<Work<never>, 'name' | 'peerName' | 'bound'>,
  {
    ours,
    peer,
    missing,
    agreement,
    runs,
  }: { ours: Sample[]; peer: Sample[]; missing?: string; agreement?: Agreement; runs: number },
): BenchRow {
  const wall = (samples: Sample[]) => median(samples.map((sample) => sample.wall));
  const cpu = (samples: Sample[]) => median(samples.map((sample) => sample.cpu));
  if (missing !== undefined) return row(suite, work, { ours: round(wall(ours)), reason: missing, runs });
  const ratio = wall(ours) / wall(peer);
  const disagree = agreement !== undefined && !agreement.agree;
  return row(suite, work, {
    ours: round(wall(ours)),
    peer: round(wall(peer)),
    ratio: round(ratio),
    cpuRatio: cpu(peer) > 0 ? round(cpu(ours) / cpu(peer)) : null,
    ok: ratio <= work.bound && !disagree,
    runs,
    range: { ours: extremes(ours), peer: extremes(peer) },
    agreement: agreement?.said ?? null,
    reason: disagree ? (agreement.otherwise ?? 'The two do not give the same answer.') : null,
  });
}

function row(
  suite: string,
  { name, peerName, bound }: Pick<AnyWork<never>, 'name' | 'peerName' | 'bound'>,
  known: Partial<BenchRow> & Pick<BenchRow, 'runs'>,
): BenchRow {
  return {
    suite,
    work: name,
    ours: null,
    peer: null,
    peerName,
    unit: 'ms',
    ratio: null,
    cpuRatio: null,
    bound,
    ok: null,
    range: null,
    agreement: null,
    reason: null,
    failed: false,
    ...known,
  };
}

const extremes = (samples: Sample[]): [number, number] => extremesOf(samples.map(({ wall }) => wall));

const extremesOf = (values: readonly number[]): [number, number] => [
  round(Math.min(...values)),
  round(Math.max(...values)),
];

/** Four digits: more than any of these numbers is good for. */
const round = (value: number) => Number(value.toPrecision(4));

const sentence = (error: unknown) => (error instanceof Error ? error.message : String(error));
