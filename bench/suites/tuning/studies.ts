/** Studies of one problem by one contender, and how fast they come down. */
import type { ParameterValues } from '../../../contracts/parameters.ts';
import { samplerOf, type SamplerName } from '../../../tuning/samplers/index.ts';
import type { FinishedTrial } from '../../../tuning/sampler.ts';
import type { PeerProcess } from '../../peers.ts';
import type { Problem, ProblemName } from './problems.ts';

/** A sampler of ours, or one of Optuna's with its defaults. */
export type Contender = { side: 'ours'; sampler: SamplerName } | { side: 'optuna'; sampler: 'tpe' | 'gp' };

export interface Study {
  contender: Contender;
  problem: ProblemName;
  seed: number;
  trials: number;
}

/** The least regret after each trial. Both sides are given the very same objective: ours, in this process. */
export async function runStudy(
  { contender, seed, trials }: Study,
  problem: Problem,
  peer: () => Promise<PeerProcess>,
): Promise<number[]> {
  if (contender.side === 'ours') return runOurs(problem, contender.sampler, seed, trials);
  return runPeer(problem, await peer(), contender.sampler, seed, trials);
}

function runOurs({ space, regret }: Problem, sampler: SamplerName, seed: number, trials: number): number[] {
  const history: FinishedTrial[] = [];
  const regrets: number[] = [];
  for (let index = 0; index < trials; index++) {
    const parameters = samplerOf(sampler)({ space, history, seed, index });
    if (parameters === null) break;
    regrets.push(regret(parameters));
    history.push({ index, parameters, state: 'done', value: -regrets[index] });
  }
  return leastSoFar(regrets);
}

async function runPeer(
  { space, regret }: Problem,
  peer: PeerProcess,
  sampler: string,
  seed: number,
  trials: number,
): Promise<number[]> {
  await peer.call('start', { sampler, seed, space });
  const regrets: number[] = [];
  while (regrets.length < trials) {
    const value = regrets.at(-1);
    const parameters = await peer.call<ParameterValues>('step', value === undefined ? {} : { value });
    regrets.push(regret(parameters));
  }
  return leastSoFar(regrets);
}

function leastSoFar(regrets: readonly number[]): number[] {
  let least = Infinity;
  return regrets.map((regret) => (least = Math.min(least, regret)));
}
