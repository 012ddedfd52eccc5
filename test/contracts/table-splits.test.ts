import { describe, expect, test } from 'vitest';
import { behaviourSchema, tableCleaningSchema, tableSplitSchema } from '../../contracts/table-splits.ts';

const issues = (result: {
  success: boolean;
  error?: { issues: readonly { path: PropertyKey[]; message: string }[] };
}) => result.error?.issues.map(({ path, message }) => `${path.join('.')} ${message}`) ?? [];

describe('a split', () => {
  test('has defaults of its kind', () => {
    expect(tableSplitSchema.parse({ by: 'random' })).toEqual({ by: 'random', test: 0.2, validation: 0.2 });
    expect(tableSplitSchema.parse({ by: 'stratified', folds: 5, validation: 0 })).toMatchObject({ bins: 10, folds: 5 });
    expect(tableSplitSchema.parse({ by: 'grouped', group: 'shop' })).toMatchObject({ stratify: false });
    expect(tableSplitSchema.parse({ by: 'time', validationFrom: '-60d', testFrom: '-30d' })).toMatchObject({
      time: 'time',
    });
    expect(tableSplitSchema.parse({ by: 'leaveLastOut' })).toEqual({ by: 'leaveLastOut', user: 'user', time: 'time' });
  });

  test('judges on some rows', () => {
    expect(tableSplitSchema.safeParse({ by: 'random', test: 0 }).success).toBe(false);
    expect(tableSplitSchema.safeParse({ by: 'random', test: 0.01 }).success).toBe(true);
  });

  test.for([
    [{ by: 'random', test: 0.5, validation: 0.5 }, 'test must leave at least a twentieth of the rows to train on'],
    [{ by: 'random', validation: 0 }, 'validation must be above 0 where there are no folds'],
    [{ by: 'time', testFrom: '2024-01-01' }, 'validationFrom must be given where there are no folds'],
    [{ by: 'time', validationFrom: '2024-02-01', testFrom: '2024-01-01' }, 'validationFrom must be before testFrom'],
    [{ by: 'time', folds: 3, testFrom: '-10d', testUntil: '-20d' }, 'testUntil must be after testFrom'],
    [{ by: 'time', folds: 3, testFrom: '2024-02-30' }, 'testFrom must be a date of the calendar'],
    [{ by: 'time', folds: 3, testFrom: 'tomorrow' }, /testFrom must be a date written YYYY-MM-DD, or days before/],
    [{ by: 'leaveLastOut', folds: 3 }, /Unrecognized key: "folds"/],
    [{ by: 'fate' }, /by Invalid/],
  ])('that cannot be says so: %o', ([spec, says]) => {
    const found = issues(tableSplitSchema.safeParse(spec));
    expect(found.length).toBeGreaterThan(0);
    expect(found[0]).toMatch(says as string | RegExp);
  });
});

test('cleaning by default drops what is worth nothing, and changes no class', () => {
  expect(tableCleaningSchema.parse(undefined)).toEqual({
    duplicates: 'drop',
    contradictions: 'keep',
    minRowsPerClass: 1,
    rareClasses: 'drop',
    otherClass: 'other',
  });
  expect(tableCleaningSchema.parse({ humans: {} }).humans).toEqual({
    user: 'user',
    time: 'time',
    maxRowsPerUserPerDay: 1000,
  });
});

describe('behaviour', () => {
  test('has defaults', () => {
    expect(behaviourSchema.parse({ from: '-200d' })).toEqual({
      from: '-200d',
      everyDays: 30,
      windows: [7, 30, 90],
      departments: 10,
      habits: true,
      target: { kind: 'returns', days: 30 },
    });
  });

  test.for([
    [{ from: '-200d', windows: [30, 7] }, 'windows must ascend'],
    [{ from: '-200d', windows: [7, 7] }, 'windows must ascend'],
    [{ from: '2024-02-01', until: '2024-01-01' }, 'until must not be before from'],
    [{}, /from /],
  ])('that cannot be says so: %o', ([spec, says]) => {
    expect(issues(behaviourSchema.safeParse(spec))[0]).toMatch(says as string | RegExp);
  });
});
