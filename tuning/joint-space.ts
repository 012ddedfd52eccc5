/**
 * One space over several candidates: which candidate is a dimension like others, and what each searches is searched
 * only where it is the one. A candidate's dimensions have its name before theirs, as in `als.factors`.
 */
import type { ParameterValues, SearchDimension, SearchSpace } from '../contracts/parameters.ts';

export interface NamedSpace {
  /** Of the candidate; no two have the same. */
  readonly name: string;
  readonly space: SearchSpace;
}

/** The dimension that says which candidate it is. */
export const candidateDimension = 'candidate';

/** Names by algorithm: `als`, and `als#2` for the second with the same one. */
export function candidateNames(candidates: readonly { readonly algorithm: string }[]): string[] {
  const seen = new Map<string, number>();
  return candidates.map(({ algorithm }) => {
    const times = (seen.get(algorithm) ?? 0) + 1;
    seen.set(algorithm, times);
    return times === 1 ? algorithm : `${algorithm}#${times}`;
  });
}

export function jointSpace(candidates: readonly NamedSpace[]): SearchSpace {
  const joint: SearchSpace = {
    [candidateDimension]: { kind: 'choice', choices: candidates.map(({ name }) => name) },
  };
  for (const { name, space } of candidates) {
    const chosen = { dimension: candidateDimension, in: [name] };
    for (const [dimension, { when, ...range }] of Object.entries(space)) {
      // A condition within the candidate implies the candidate: its dimension is searched only there.
      const condition = when === undefined ? chosen : { dimension: `${name}.${when.dimension}`, in: when.in };
      joint[`${name}.${dimension}`] = { ...range, when: condition } as SearchDimension;
    }
  }
  return joint;
}

/** A candidate's searched parameters as a point of the joint space. */
export function toJoint(
  candidates: readonly NamedSpace[],
  place: number,
  searched: Readonly<ParameterValues>,
): ParameterValues {
  const { name } = candidates[place];
  const own = Object.entries(searched).map(([dimension, value]) => [`${name}.${dimension}`, value] as const);
  return { [candidateDimension]: name, ...Object.fromEntries(own) };
}

/** The way back: which candidate a point is of, and its parameters without the candidate's name. */
export function fromJoint(
  candidates: readonly NamedSpace[],
  point: Readonly<ParameterValues>,
): { place: number; searched: ParameterValues } {
  const place = candidates.findIndex(({ name }) => name === point[candidateDimension]);
  if (place < 0)
    throw new RangeError(`A point of the joint space must name a candidate. Got ${JSON.stringify(point)}.`);
  const prefix = `${candidates[place].name}.`;
  const own = Object.entries(point).filter(([dimension]) => dimension.startsWith(prefix));
  return {
    place,
    searched: Object.fromEntries(own.map(([dimension, value]) => [dimension.slice(prefix.length), value])),
  };
}
