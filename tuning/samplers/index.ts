/** Every sampler by the name that a spec gives it. A new one is a file beside this and a line here. */
import type { PipelineSpec } from '../../contracts/spec.ts';
import type { Sampler } from '../sampler.ts';
import { grid } from './grid.ts';
import { random } from './random.ts';

export type SamplerName = PipelineSpec['tuning']['sampler'];

export const samplers: Readonly<Record<SamplerName, Sampler>> = { random, grid };

export function samplerOf(name: SamplerName): Sampler {
  return samplers[name];
}
