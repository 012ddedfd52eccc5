/** The compute engine: what its works are measured on and against stands at each group. */
import { suiteOf, worksOf } from '../groups.ts';
import { networks } from './compute/networks.ts';
import { poolWorks } from './compute/pool.ts';
import { recommenders } from './compute/recommenders.ts';

export const suite = suiteOf(
  'compute',
  'Recommenders on the shipped sample and networks on digits, two threads each; and how the pool keeps a worker free',
  [...worksOf(recommenders), ...worksOf(networks), ...worksOf(poolWorks())],
);
