/** Every step on columns, by its name. A new one is a row here, one in `contracts/preparation.ts` and a file. */
import type { ColumnStepName } from '../../contracts/preparation.ts';
import { bins } from './bins.ts';
import { clip } from './clip.ts';
import { dateParts } from './date-parts.ts';
import { impute } from './impute.ts';
import { log } from './log.ts';
import { oneHot } from './one-hot.ts';
import { ordinal } from './ordinal.ts';
import { scale } from './scale.ts';
import { target } from './target-encoding.ts';
import { tfIdf } from './tf-idf.ts';
import type { ColumnStep, NumberStep, StepState } from './transformer.ts';

export type Parameters = Readonly<Record<string, number | string>>;
export type AnyStep =
  | ColumnStep<Parameters, StepState, 'strings'>
  | ColumnStep<Parameters, StepState, 'times'>
  | NumberStep<Parameters, StepState>;

const steps: { readonly [N in ColumnStepName]: AnyStep } = {
  impute,
  clip,
  scale,
  log,
  bins,
  oneHot,
  ordinal,
  target,
  dateParts,
  tfIdf,
};

export function stepOf(name: ColumnStepName): AnyStep {
  return steps[name];
}
