/** Which algorithms can learn from features that are missing, or no numbers. */
import { TradewindError } from '../contracts/errors.ts';
import { tableAlgorithmNames, tableAlgorithmOf, type TableAlgorithmName } from '../contracts/table-algorithms.ts';
import type { SpecialKind } from '../contracts/table-algorithms.ts';
import type { Features } from '../data/features.ts';

const remedies: Record<SpecialKind, string> = {
  missing: 'Give the step "impute" a strategy that fills them in, or train',
  categories: 'Encode them otherwise, as by the step "oneHot", or train',
};

/** @throws TradewindError `PREPARATION_FAILED` where the algorithm cannot learn from what the preparation left. */
export function requireTaken(algorithm: TableAlgorithmName, { names, special }: Features): void {
  if (special === undefined) return;
  const found: Record<SpecialKind, number> = {
    missing: special.missing.findIndex((flag) => flag === 1),
    categories: special.categories.findIndex((count) => count > 0),
  };
  for (const kind of ['missing', 'categories'] as const) {
    if (found[kind] < 0 || tableAlgorithmOf(algorithm).takes?.includes(kind)) continue;
    const able = tableAlgorithmNames.filter((name) => tableAlgorithmOf(name).takes?.includes(kind));
    throw new TradewindError('PREPARATION_FAILED', {
      subject: `The features that ${algorithm} learns from`,
      rule: kind === 'missing' ? 'have no missing numbers' : 'have no codes of categories',
      value: `"${names[found[kind]]}"`,
      remedy: `${remedies[kind]} ${able.join(', ')}.`,
    });
  }
}
