/** Random search (J. Bergstra and Y. Bengio, "Random search for hyper-parameter optimization", JMLR 13, 2012). */
import { Random } from '../../contracts/random.ts';
import { assemble, valueAt, type Sampler } from '../sampler.ts';

/**
 * Trial *i* draws from stream *i* of the seed, one number a dimension, also for one that is not searched then: it
 * depends neither on other trials nor on dimensions that come later.
 */
export const random: Sampler = ({ space, seed, index }) => {
  const generator = new Random(seed, index);
  const places = new Map(Object.keys(space).map((name) => [name, generator.uniform()]));
  return assemble(space, (name, dimension) => valueAt(dimension, places.get(name)!));
};
