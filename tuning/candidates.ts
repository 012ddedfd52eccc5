/** A spec's candidates as a study sees them, and the trials that people ask for. */
import { parametersOf } from '../contracts/algorithm-titles.ts';
import { TradewindError } from '../contracts/errors.ts';
import { nearest } from '../contracts/nearest.ts';
import { completeParameters } from '../contracts/parameters.ts';
import { preparationSpace } from '../contracts/preparation-spec.ts';
import type { EnqueueOrder, SearchedCandidate, SettledTrial, StudySubject } from '../contracts/study.ts';
import { spaceOf } from './space.ts';
import { activeDimensions, misfit } from './space-values.ts';

/**
 * What a study searches, candidate by candidate: of a table's, the preparation and the algorithm together.
 * @throws TradewindError `PARAMETER_INVALID` for a fixed parameter outside its table
 */
export function searchedCandidates(subject: StudySubject): SearchedCandidate[] {
  const around = subject.kind === 'table' ? preparationSpace(subject.preparation) : {};
  return subject.candidates.map((candidate) => {
    const { algorithm, parameters = {} } = candidate;
    return {
      algorithm,
      parameters: completeParameters(algorithm, parametersOf(algorithm), parameters),
      space: { ...around, ...spaceOf(candidate) },
    };
  });
}

/**
 * The trial that somebody asks for.
 * @throws TradewindError `PARAMETER_INVALID` for a candidate that is not there or searches nothing, a parameter that it
 * does not search, and a value outside its space
 */
export function settleTrial(candidates: readonly SearchedCandidate[], order: EnqueueOrder): SettledTrial {
  const place = placeOf(candidates, order.candidate);
  const { algorithm, parameters, space } = candidates[place];
  const names = Object.keys(space);
  if (names.length === 0) {
    throw new TradewindError('PARAMETER_INVALID', {
      subject: `The candidate ${algorithm}`,
      rule: 'search something',
      value: 'none',
      remedy: 'It is tried once as it is; trials are asked for of candidates that search.',
    });
  }
  for (const name of Object.keys(order.parameters)) {
    if (Object.hasOwn(space, name)) continue;
    const near = nearest(name, names);
    throw new TradewindError('PARAMETER_INVALID', {
      subject: `The parameter "${name}" of ${algorithm}`,
      rule: `be one that the study searches: ${names.join(', ')}`,
      remedy: near === undefined ? 'Leave it out; what is fixed stays as it is.' : `Did you mean "${near}"?`,
    });
  }
  const settled = { ...parameters, ...order.parameters };
  const active = activeDimensions(space, settled);
  for (const name of active) {
    const rule = misfit(space[name], settled[name]);
    if (rule === undefined) continue;
    const given = Object.hasOwn(order.parameters, name);
    throw new TradewindError('PARAMETER_INVALID', {
      subject: `The parameter "${name}" of ${algorithm}`,
      rule: `${rule}, the range that the study searches`,
      value:
        settled[name] === undefined ? 'nothing' : `${JSON.stringify(settled[name])}${given ? '' : ', its default'}`,
      remedy: given ? 'Give a value within it.' : 'Give one; the default is taken only where it is within the range.',
    });
  }
  for (const name of Object.keys(order.parameters)) {
    if (active.includes(name)) continue;
    const { dimension, in: values } = space[name].when!;
    throw new TradewindError('PARAMETER_INVALID', {
      subject: `The parameter "${name}" of ${algorithm}`,
      rule: `be given only where "${dimension}" is ${values.map((value) => JSON.stringify(value)).join(' or ')}`,
      value: JSON.stringify(settled[dimension]),
      remedy: 'Leave it out, or change the other.',
    });
  }
  return { candidate: place, algorithm, parameters: settled };
}

function placeOf(candidates: readonly SearchedCandidate[], asked: number | string): number {
  if (typeof asked === 'number' && candidates[asked] !== undefined) return asked;
  const places = candidates.flatMap(({ algorithm }, place) => (algorithm === asked ? [place] : []));
  if (places.length === 1) return places[0];
  const listed = candidates.map(({ algorithm }, place) => `${place} (${algorithm})`).join(', ');
  throw new TradewindError('PARAMETER_INVALID', {
    subject: 'The candidate of a trial',
    rule: 'be one of the study, by its number or by an algorithm that only one has',
    value: JSON.stringify(asked),
    remedy: `There are ${listed}.`,
  });
}
