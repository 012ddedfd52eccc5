/** Preparing data and tuning: what its works are measured on and against stands at each group. */
import { suiteOf, worksOf } from '../groups.ts';
import { preparation } from './tuning/preparation.ts';
import { regrets } from './tuning/regrets.ts';
import { suggestions } from './tuning/suggestions.ts';

export const suite = suiteOf('tuning', 'How far from the best samplers end, and what a suggestion costs', [
  ...worksOf(preparation),
  ...worksOf(regrets),
  ...worksOf(suggestions),
]);
