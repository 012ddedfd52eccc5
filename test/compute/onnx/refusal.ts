import { expect } from 'vitest';
import { TradewindError } from '../../../contracts/errors.ts';

/** The coded error that `act` throws; fails the test when it throws none. */
export function errorOf(act: () => unknown): TradewindError {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(TradewindError);
    return error as TradewindError;
  }
  throw new Error('nothing was thrown');
}
