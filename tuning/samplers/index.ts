/** Every sampler by the name that a spec gives it. A new one is a file beside this, a name in the contract and a line here. */
import type { SamplerName } from '../../contracts/studies.ts';
import type { Sampler } from '../sampler.ts';
import { gp } from './gp.ts';
import { grid } from './grid.ts';
import { random } from './random.ts';
import { sobol } from './sobol.ts';
import { tpe } from './tpe.ts';

export type { SamplerName };

export const samplers: Readonly<Record<SamplerName, Sampler>> = { random, grid, sobol, tpe, gp };

export function samplerOf(name: SamplerName): Sampler {
  return samplers[name];
}
