/** What a study searches, from what a spec's candidate says and what the algorithm's table adds. */
import { algorithms } from '../contracts/algorithms.ts';
import type { Parameter, ParameterTable, SearchDimension, SearchSpace } from '../contracts/parameters.ts';
import type { PipelineSpec } from '../contracts/spec.ts';

type Candidate = PipelineSpec['candidates'][number];
type Range = string[] | { min: number; max: number; log?: boolean };

/**
 * The search space of a candidate, empty where it searches nothing. Dimensions are in the order of the algorithm's
 * table and not of the file, so that reordering lines of a spec changes no trial.
 */
export function spaceOf({ algorithm, search = {} }: Candidate): SearchSpace {
  const table: ParameterTable = algorithms[algorithm].parameters;
  const space: SearchSpace = {};
  for (const [name, parameter] of Object.entries(table)) {
    const range = search[name];
    if (range === undefined) continue;
    space[name] = dimension(parameter, range);
  }
  return space;
}

function dimension(parameter: Parameter, range: Range): SearchDimension {
  if (Array.isArray(range)) return { kind: 'choice', choices: [...new Set(range)] };
  if (parameter.kind === 'choice') throw new TypeError('The search of a choice must be a list.');
  // A table's logarithmic default is dropped where the range starts at 0, which has no logarithm.
  const log = range.log ?? (parameter.log === true && range.min > 0);
  return { kind: parameter.kind, min: range.min, max: range.max, log };
}
