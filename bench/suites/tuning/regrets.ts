/**
 * How far from the best known value each sampler ends: ours beside Optuna's TPESampler and GPSampler (PyPI) with their
 * defaults, and beside our own random search; one study a seed, on the same objectives from the same seeds.
 */
import { mannWhitney } from '../../mann-whitney.ts';
import { median, type Compared, type Comparison, type Group } from '../../measure.ts';
import { Lanes } from './lanes.ts';
import { openMemory, optunaCommand, peerName, type OptunaSampler } from './optuna.ts';
import { problemNames, type ProblemName } from './problems.ts';
import type { Contender } from './studies.ts';

/** The longer first: the other is the beginning of the same study. */
const budgets = [200, 50];
const seeds = 50;
const significance = 0.05;
const ratioBound = 1.25;

/** Ours is not worse: no test says that its regrets are larger, or its median is within the bound. */
export function notWorse(ours: readonly number[], peer: readonly number[]): Pick<Compared, 'ok' | 'said' | 'reason'> {
  const p = mannWhitney(ours, peer);
  const [a, b] = [median(ours), median(peer)];
  const within = a <= b || a <= ratioBound * b;
  const ok = p >= significance || within;
  const said = `that ours is worse: p = ${p.toPrecision(2)}; that theirs is: p = ${mannWhitney(peer, ours).toPrecision(2)}`;
  if (!ok) return { ok, said, reason: 'Ours is worse: beyond chance, and beyond the bound.' };
  return within
    ? { ok, said }
    : { ok, said, reason: `The medians differ by no more than chance may at ${ours.length} seeds.` };
}

/** Ours is better than chance would have it. */
export function better(ours: readonly number[], peer: readonly number[]): Pick<Compared, 'ok' | 'said' | 'reason'> {
  const p = mannWhitney(peer, ours);
  const ok = p < significance;
  const said = `that random search is worse: p = ${p.toPrecision(2)}`;
  return ok ? { ok, said } : { ok, said, reason: 'That ours is better may be chance.' };
}

interface Pairing {
  problem: ProblemName;
  trials: number;
  ours: Contender;
  theirs: Contender;
  judge: typeof notWorse;
}

async function compareStudies(
  lanes: Lanes,
  { problem, trials, ours, theirs, judge }: Pairing,
  runs: number,
  say: (line: string) => void,
): Promise<Compared> {
  let ended = 0;
  let remembered = 0;
  const finalOf = async (contender: Contender, seed: number): Promise<number> => {
    const study = await lanes.run({ contender, problem, seed, trials });
    if (study.remembered) remembered++;
    if (++ended % 10 === 0) say(`${ended} of ${2 * runs} studies`);
    // A sampler that has nothing left to try ends early.
    return study.regrets.at(-1)!;
  };
  const all = (contender: Contender) =>
    Promise.all(Array.from({ length: runs }, (_, seed) => finalOf(contender, seed)));
  // Theirs first: where there is no peer, ours need not be run.
  const b = await all(theirs);
  const a = await all(ours);
  const { ok, said, reason } = judge(a, b);
  const note = remembered > 0 ? `; ${remembered} of Optuna's ${runs} studies were remembered from an earlier run` : '';
  return { ours: a, peer: b, ok, said: said + note, ...(reason === undefined ? {} : { reason }) };
}

function works(): Comparison<Lanes>[] {
  return (['tpe', 'gp'] as const).flatMap((sampler: OptunaSampler) =>
    problemNames.flatMap((problem) =>
      budgets.flatMap((trials): Comparison<Lanes>[] => {
        const pairing = { problem, trials, ours: { side: 'ours', sampler } } as const;
        const shared = { unit: 'regret', runs: seeds } as const;
        const about = `regret of ${sampler} after ${trials} trials of ${problem}`;
        return [
          {
            ...shared,
            name: `${sampler}-${problem}-${trials}`,
            about,
            peerName: peerName(sampler),
            bound: ratioBound,
            compare: (lanes, runs, say) =>
              compareStudies(lanes, { ...pairing, theirs: { side: 'optuna', sampler }, judge: notWorse }, runs, say),
          },
          {
            ...shared,
            name: `${sampler}-${problem}-${trials}-random`,
            about: `${about}, beside random search`,
            peerName: 'our random sampler',
            bound: 1,
            compare: (lanes, runs, say) =>
              compareStudies(
                lanes,
                { ...pairing, theirs: { side: 'ours', sampler: 'random' }, judge: better },
                runs,
                say,
              ),
          },
        ];
      }),
    ),
  );
}

export const regrets: Group<Lanes, Comparison<Lanes>> = {
  works: works(),
  open: async (say) => new Lanes({ peer: () => optunaCommand(say), memory: await openMemory() }),
  close: (lanes) => lanes.close(),
};
