/** Every selection by its name. A new one is a row here, one in `contracts/preparation.ts` and a file. */
import type { SelectionStepName, SelectionStepParameters } from '../../../contracts/preparation.ts';
import type { SelectionStep } from '../transformer.ts';
import { correlation } from './correlation.ts';
import { l1 } from './l1.ts';
import { mutualInformation } from './mutual-information.ts';
import { treeImportance } from './tree-importance.ts';
import { variance } from './variance.ts';

const selections: { readonly [S in SelectionStepName]: SelectionStep<SelectionStepParameters<S>> } = {
  variance,
  correlation,
  mutualInformation,
  l1,
  treeImportance,
};

/** The caller has completed and checked the parameters. */
export function selectionOf(name: SelectionStepName): SelectionStep<Readonly<Record<string, number | string>>> {
  return selections[name] as SelectionStep<Readonly<Record<string, number | string>>>;
}
