/** What a suggestion costs at 200 known trials, beside Optuna's samplers that were told the same. */
import { samplerOf } from '../../../tuning/samplers/index.ts';
import type { FinishedTrial } from '../../../tuning/sampler.ts';
import { median, type Compared, type Comparison, type Group, type Sample } from '../../measure.ts';
import { PeerProcess } from '../../peers.ts';
import { optunaCommand, peerName, type OptunaSampler } from './optuna.ts';
import { openProblem } from './problems.ts';

export interface SuggestionContext {
  /** @throws PeerUnavailable */
  peer: () => Promise<PeerProcess>;
  close: () => Promise<void>;
}

const known = 200;
const seed = 1;
const problem = 'hartmann-6';

/** Trials of the sampler itself: they crowd around the best place, which is harder on a regression than a scatter. */
async function historyOf(sampler: OptunaSampler) {
  const { space, regret } = await openProblem(problem);
  const history: FinishedTrial[] = [];
  for (let index = 0; index < known; index++) {
    const parameters = samplerOf(sampler)({ space, history, seed, index })!;
    history.push({ index, parameters, state: 'done', value: -regret(parameters) });
  }
  return { space, history };
}

async function compareCosts(
  sampler: OptunaSampler,
  limit: number,
  context: SuggestionContext,
  runs: number,
  say: (line: string) => void,
): Promise<Compared> {
  const { space, history } = await historyOf(sampler);
  const peer = await context.peer();
  await peer.call('start', { sampler, seed, space });
  await peer.call('remember', {
    trials: history.map(({ parameters, value }) => ({ parameters, value: -value! })),
  });
  const ours: number[] = [];
  const theirs: number[] = [];
  // One each to warm up, then in turns.
  for (let run = 0; run <= runs; run++) {
    if (run > 0 && run % 10 === 0) say(`run ${run} of ${runs}`);
    const start = performance.now();
    samplerOf(sampler)({ space, history, seed, index: known + run });
    const took = performance.now() - start;
    const { wall } = await peer.call<Sample>('time');
    if (run === 0) continue;
    ours.push(took);
    theirs.push(wall);
  }
  const middle = median(ours);
  const ok = middle < limit;
  const said = `at ${known} known trials of ${problem}, below ${limit} ms asked for`;
  return { ours, peer: theirs, ok, said, ...reasonOf(ok, middle, median(theirs), limit) };
}

function reasonOf(ok: boolean, ours: number, theirs: number, limit: number): { reason?: string } {
  if (!ok) return { reason: `A suggestion takes more than ${limit} ms.` };
  return ours <= theirs ? {} : { reason: `It takes more than theirs, and less than ${limit} ms.` };
}

const work = (sampler: OptunaSampler, limit: number): Comparison<SuggestionContext> => ({
  name: `${sampler}-suggestion`,
  about: `a suggestion of ${sampler} at ${known} known trials, within ${limit} ms`,
  peerName: peerName(sampler),
  bound: 1,
  runs: 20,
  unit: 'ms',
  compare: (context, runs, say) => compareCosts(sampler, limit, context, runs, say),
});

export const suggestions: Group<SuggestionContext, Comparison<SuggestionContext>> = {
  works: [work('tpe', 20), work('gp', 200)],
  async open(say) {
    let opened: Promise<PeerProcess> | undefined;
    const open = async () => {
      const [program, ...args] = await optunaCommand(say);
      return new PeerProcess(program, args);
    };
    return {
      peer: () => (opened ??= open()),
      close: async () => (await opened?.catch(() => undefined))?.close(),
    };
  },
  close: (context) => context.close(),
};
