/** The rankings that stand in every recommender's table: a model that does not beat them is worth nothing. */
import type { AlgorithmName } from './algorithms.ts';
import type { Lane } from './artifacts.ts';

/** Popularity; where repeat purchases count, what each user has bought most often, too. */
export function baselinesOf(lane: Lane): AlgorithmName[] {
  return lane === 'repeat' ? ['popularity', 'personal-frequency'] : ['popularity'];
}

/** The baselines of the lane that are no candidates yet, then the candidates. */
export function withBaselines<C extends { algorithm: AlgorithmName }>(candidates: readonly C[], lane: Lane): C[] {
  const missing = baselinesOf(lane).filter((name) => !candidates.some(({ algorithm }) => algorithm === name));
  return [...missing.map((algorithm) => ({ algorithm }) as C), ...candidates];
}
