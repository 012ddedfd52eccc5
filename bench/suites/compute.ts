/** The compute engine: what its works are measured on and against stands at each group. */
import { suiteOf, worksOf } from '../groups.ts';
import { poolWorks } from './compute/pool.ts';
import { recommenders } from './compute/recommenders.ts';

export const suite = suiteOf(
  'compute',
  'Recommenders, two threads each, on the shipped sample; and how the pool keeps a worker free',
  [...worksOf(recommenders), ...worksOf(poolWorks())],
);
