/** Which parameters of a trial its search space looked for, and whether they lie within it. */
import type { ParameterValue, ParameterValues, SearchDimension, SearchSpace } from '../contracts/parameters.ts';
import { assemble } from './sampler.ts';

/** A trial's parameters as a sampler draws them: those that were searched, no fixed ones, no defaults. */
export function searchedOf(space: SearchSpace, parameters: Readonly<ParameterValues>): ParameterValues {
  return assemble(space, (name) => parameters[name]);
}

/** Dimensions whose condition holds for these parameters, in the space's order. */
export function activeDimensions(space: SearchSpace, parameters: Readonly<ParameterValues>): string[] {
  return Object.keys(searchedOf(space, parameters));
}

/** What a value of a dimension must be, as a phrase that follows "must"; undefined where it is. */
export function misfit(dimension: SearchDimension, value: ParameterValue | undefined): string | undefined {
  if (dimension.kind === 'choice') {
    const listed = dimension.choices.map((choice) => JSON.stringify(choice)).join(', ');
    return value !== undefined && dimension.choices.includes(value) ? undefined : `be one of ${listed}`;
  }
  const { kind, min, max } = dimension;
  const whole = kind === 'number' || Number.isInteger(value);
  if (typeof value === 'number' && value >= min && value <= max && whole) return undefined;
  return `be ${kind === 'integer' ? 'an integer' : 'a number'} in [${min}, ${max}]`;
}

/** Whether a trial of these parameters could have been drawn from the space. */
export function fits(space: SearchSpace, parameters: Readonly<ParameterValues>): boolean {
  return activeDimensions(space, parameters).every((name) => misfit(space[name], parameters[name]) === undefined);
}
