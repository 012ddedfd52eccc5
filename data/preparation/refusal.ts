/** What a preparation complains of. */
import { TradewindError, type Complaint } from '../../contracts/errors.ts';
import type { Table } from '../table.ts';

/** It cannot be fitted. */
export function unfit(complaint: Complaint): TradewindError {
  return new TradewindError('PREPARATION_FAILED', complaint);
}

/** @param name - of a column, or of a feature made of it. */
export function nothingThere(name: string, rows: number): TradewindError {
  return unfit({
    subject: `"${name}"`,
    rule: 'have a value in the training rows',
    value: `none in ${rows}`,
    remedy: 'Leave the column out of the preparation.',
  });
}

export function missingColumn(name: string, table: Table): TradewindError {
  return new TradewindError('COLUMN_MISSING', {
    subject: 'The table',
    rule: `have the column "${name}", which its preparation reads`,
    value: Object.keys(table.columns).join(', ') || 'no columns',
    remedy: 'Add it, or fit the preparation without it.',
  });
}
