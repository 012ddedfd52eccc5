/** Random search (J. Bergstra and Y. Bengio, "Random search for hyper-parameter optimization", JMLR 13, 2012). */
import { Random } from '../../contracts/random.ts';
import { valueAt, type Sampler } from '../sampler.ts';

/**
 * Trial *i* draws from stream *i* of the seed, one number a dimension: it depends neither on other trials nor on
 * dimensions that come later.
 */
export const random: Sampler = ({ space, seed, index }) => {
  const generator = new Random(seed, index);
  return Object.fromEntries(
    Object.entries(space).map(([name, dimension]) => [name, valueAt(dimension, generator.uniform())]),
  );
};
