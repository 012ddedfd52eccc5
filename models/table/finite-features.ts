/** Where features are no numbers, a fit ends before it begins. */
import { TradewindError } from '../../contracts/errors.ts';
import type { Features } from '../../data/features.ts';

/** Row and name of the column that an entry of the values stands in, to be read by people. */
export function placeOf(x: Features, at: number): string {
  const columns = x.names.length;
  const row = x.kind === 'dense' ? Math.floor(at / columns) : x.csr.indptr.findIndex((end) => end > at) - 1;
  const column = x.kind === 'dense' ? at % columns : x.csr.indices[at];
  return `"${x.names[column]}" in training row ${row}`;
}

/** @throws TradewindError `TRAINING_DIVERGED` where a feature is no finite number. */
export function requireFinite(algorithm: string, x: Features): void {
  const values = x.kind === 'dense' ? x.values : x.csr.values;
  let at = 0;
  while (at < values.length && Math.abs(values[at]) < Infinity) at++;
  if (at === values.length) return;
  throw new TradewindError('TRAINING_DIVERGED', {
    subject: `The features that ${algorithm} learns from`,
    rule: 'be finite numbers',
    value: `${values[at]} of ${placeOf(x, at)}`,
    remedy: 'Fill in what is missing with the step "impute", and clip what is too large.',
  });
}
