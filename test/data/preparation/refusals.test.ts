import { describe, expect, it } from 'vitest';
import { TradewindError, type ErrorCode } from '../../../contracts/errors.ts';
import type { Preparation } from '../../../contracts/preparation.ts';
import { loadPreparation } from '../../../data/preparation/fitted.ts';
import type { Table } from '../../../data/table.ts';
import { fitted, numberColumn, stringColumn, tableOf, through, timeColumn } from './tables.ts';

const table = tableOf({
  holed: numberColumn([1, null, 3, Infinity]),
  empty: numberColumn([null, null, null, null]),
  full: numberColumn([1, 2, 3, 4]),
  value: stringColumn(['a', 'b', '', 'a']),
  nothing: stringColumn(['', '', '', '']),
  never: timeColumn([null, null, null, null]),
  time: timeColumn([1, 2, 3, 4]),
});

async function refusal(preparation: Preparation, given: Table = table): Promise<[ErrorCode, string]> {
  const error: unknown = await fitted(given, preparation).catch((thrown: unknown) => thrown);
  if (!(error instanceof TradewindError)) throw error;
  return [error.code, error.message];
}

describe('a preparation is refused in a sentence', () => {
  const cases: Record<string, [Preparation, ErrorCode, RegExp]> = {
    'where numbers are still missing after their steps': [
      through(['full', 'holed'], 'scale', 'log'),
      'PREPARATION_FAILED',
      /"holed" must have no missing number left.*Got 2 of 4 rows\. Add the step "impute"/,
    ],
    'where a column of numbers has none': [
      through(['empty'], 'impute'),
      'PREPARATION_FAILED',
      /"empty" must have a value/,
    ],
    'where a column of strings has none': [
      through(['nothing'], 'oneHot'),
      'PREPARATION_FAILED',
      /"nothing" must have a value.*none in 4/,
    ],
    'where a column of times has none': [
      through(['never'], 'dateParts'),
      'PREPARATION_FAILED',
      /"never" must have a value/,
    ],
    'where no term is frequent enough': [
      through(['value'], 'tfIdf'),
      'PREPARATION_FAILED',
      /"value" must have a word of two letters or more that is in 2 training rows/,
    ],
    'where strings do not become numbers': [
      through(['value'], 'scale'),
      'PREPARATION_FAILED',
      /first step of the column "value", a category, must be one that makes numbers of it: oneHot, ordinal, target, tfIdf/,
    ],
    'where there is no step for times': [
      through(['time']),
      'PREPARATION_FAILED',
      /must be one that makes.*: dateParts\. Got none/,
    ],
    'where numbers are taken for strings': [
      through(['full'], 'oneHot'),
      'PREPARATION_FAILED',
      /step "oneHot" of the column "full" must have a column of the kind category or text\. Got a number/,
    ],
    'where a step for strings comes second': [
      through(['value'], 'oneHot', 'ordinal'),
      'PREPARATION_FAILED',
      /Got what "oneHot" made of it/,
    ],
    'where a group mixes kinds': [
      through(['full', 'value'], 'scale'),
      'PREPARATION_FAILED',
      /"full" and "value" must be of one kind.*Got number and category/,
    ],
    'where a group has no columns': [through([], 'scale'), 'PREPARATION_FAILED', /must name at least one/],
    'where there are no groups': [{ columns: [], select: [] }, 'PREPARATION_FAILED', /must have a group of columns/],
    'where a column is not in the table': [
      through(['full', 'fuII'], 'scale'),
      'COLUMN_MISSING',
      /must have the column "fuII"/,
    ],
    'where a parameter is outside of its range': [
      through(['full'], ['bins', { bins: 1 }]),
      'PARAMETER_INVALID',
      /"bins" parameter of the step "bins" must be an integer in \[2, 256\]/,
    ],
    'where a target encoding has no target': [
      through(['value'], 'target'),
      'PREPARATION_FAILED',
      /target encoding of "value"/,
    ],
    'where a selection has no target': [
      { ...through(['full'], 'scale'), select: [{ step: 'l1', parameters: {} }] },
      'PREPARATION_FAILED',
      /selection "l1" must have a target/,
    ],
  };
  it.each(Object.entries(cases))('%s', async (_, [preparation, code, message]) => {
    const [got, said] = await refusal(preparation);
    expect(said).toMatch(message);
    expect(got).toBe(code);
  });

  it('where there are no training rows', async () => {
    const error: unknown = await fitted(table, through(['full'], 'scale'), { rows: new Int32Array() }).catch(
      (e: unknown) => e,
    );
    expect(error).toMatchObject({ code: 'PREPARATION_FAILED' });
  });
});

describe('a fitted preparation', () => {
  it('refuses tables without its columns, or with columns of another kind', async () => {
    const { fitted: made } = await fitted(table, through(['full'], 'scale'));
    await expect(made.transform(tableOf({ other: numberColumn([1]) }))).rejects.toMatchObject({
      code: 'COLUMN_MISSING',
    });
    await expect(made.transform(tableOf({ full: stringColumn(['1']) }))).rejects.toMatchObject({ code: 'COLUMN_TYPE' });
    expect(await made.transform(tableOf({ full: numberColumn([1], 'boolean') }))).toMatchObject({ rows: 1 });
  });

  it('is not loaded from what is none, or lacks an array', async () => {
    const { fitted: made } = await fitted(table, through(['value'], 'oneHot'));
    const state = made.state();
    const load = (arrays: typeof state.arrays, metadata = state.metadata) =>
      loadPreparation({ arrays, metadata }, { threads: 1 }).then(
        () => 'loaded',
        (error: TradewindError) => error.code,
      );
    expect(await load(state.arrays)).toBe('loaded');
    expect(await load(state.arrays, {})).toBe('ARTIFACT_CORRUPT');
    expect(await load(state.arrays, { ...state.metadata, preparation: '{' })).toBe('ARTIFACT_CORRUPT');
    for (const name of Object.keys(state.arrays)) {
      const { [name]: _, ...others } = state.arrays;
      expect(await load(others), name).toBe('ARTIFACT_CORRUPT');
    }
  });
});
