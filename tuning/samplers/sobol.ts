/** Sobol search: places that fill the space evenly, in whatever number they come. */
import { assemble, valueAt, type Sampler } from '../sampler.ts';
import { SobolSequence } from './sobol-sequence.ts';

/**
 * Trial *i* is point *i* of a Sobol sequence that the seed scrambles. Each dimension of the space has its own of the
 * sequence, also where its condition does not hold: those that are searched stay evenly filled.
 */
export const sobol: Sampler = ({ space, seed, index }) => {
  const names = Object.keys(space);
  const point = new SobolSequence(names.length, seed).point(index);
  return assemble(space, (name, dimension) => valueAt(dimension, point[names.indexOf(name)]));
};
