import { describe, expect, it } from 'vitest';
import {
  matching,
  preparationSectionSchema,
  preparationSpace,
  settlePreparation,
} from '../../contracts/preparation-spec.ts';

const section = preparationSectionSchema.parse({
  columns: [
    {
      name: 'numbers',
      columns: ['recency', 'frequency_*'],
      steps: [
        { impute: { strategy: 'mean' } },
        {
          oneOf: [
            { scale: { method: { search: ['standard', 'robust'] } } },
            { bins: { bins: { search: { min: 4, max: 64, log: true } }, method: 'uniform' } },
            'none',
          ],
        },
      ],
    },
    { columns: 'department', steps: ['oneHot'] },
  ],
  select: [{ mutualInformation: { keep: { search: { min: 5, max: 50 } } } }],
});
const names = ['department', 'frequency_30d', 'frequency_7d', 'recency', 'unused'];
const columns = { names, byDefault: [] };

describe('what a preparation leaves for tuning to find', () => {
  it('is a dimension for each choice of a step, and one for each searched parameter under it', () => {
    expect(preparationSpace(section)).toEqual({
      'numbers.2': { kind: 'choice', choices: ['scale', 'bins', 'none'] },
      'numbers.2.scale.method': {
        kind: 'choice',
        choices: ['standard', 'robust'],
        when: { dimension: 'numbers.2', in: ['scale'] },
      },
      'numbers.2.bins.bins': {
        kind: 'integer',
        min: 4,
        max: 64,
        log: true,
        when: { dimension: 'numbers.2', in: ['bins'] },
      },
      'select.1.mutualInformation.keep': { kind: 'integer', min: 5, max: 50, log: true },
    });
  });

  it('is nothing where nothing is searched', () => {
    expect(preparationSpace(preparationSectionSchema.parse({}))).toEqual({});
  });

  it('tells the same step apart that stands twice in a choice', () => {
    const twice = preparationSectionSchema.parse({
      columns: [
        { columns: 'x', steps: [{ oneOf: [{ scale: { method: 'robust' } }, { scale: { method: 'minMax' } }] }] },
      ],
    });
    expect(preparationSpace(twice)['columns1.1']).toEqual({ kind: 'choice', choices: ['scale', 'scale#2'] });
    expect(settlePreparation(twice, { 'columns1.1': 'scale#2' }, { names: ['x'], byDefault: [] }).columns).toEqual([
      { columns: ['x'], steps: [{ step: 'scale', parameters: { method: 'minMax' } }] },
    ]);
  });
});

describe('the preparation of one trial', () => {
  it('has what was drawn, what was written, and defaults for the rest', () => {
    const drawn = { 'numbers.2': 'bins', 'numbers.2.bins.bins': 12, 'select.1.mutualInformation.keep': 7 };
    expect(settlePreparation(section, drawn, columns)).toEqual({
      columns: [
        {
          columns: ['frequency_30d', 'frequency_7d', 'recency'],
          steps: [
            { step: 'impute', parameters: { strategy: 'mean', value: 0, indicator: 'no' } },
            { step: 'bins', parameters: { bins: 12, method: 'uniform', encode: 'oneHot' } },
          ],
        },
        { columns: ['department'], steps: [{ step: 'oneHot', parameters: { minRows: 1, maxValues: 100 } }] },
      ],
      select: [{ step: 'mutualInformation', parameters: { keep: 7, bins: 16 } }],
    });
  });

  it('leaves out a step that is none', () => {
    const drawn = { 'numbers.2': 'none', 'select.1.mutualInformation.keep': 7 };
    expect(settlePreparation(section, drawn, columns).columns[0].steps.map(({ step }) => step)).toEqual(['impute']);
  });

  it('refuses a value outside of its table', () => {
    const drawn = { 'numbers.2': 'bins', 'numbers.2.bins.bins': 1000, 'select.1.mutualInformation.keep': 7 };
    expect(() => settlePreparation(section, drawn, columns)).toThrow(
      /"bins" parameter of the step "bins" must be an integer in \[2, 256\]\. Got 1000/,
    );
  });

  it('takes the groups of the kinds where the section has none', () => {
    const byDefault = [
      { columns: ['recency'], steps: [{ step: 'scale' as const, parameters: { method: 'standard' } }] },
    ];
    expect(settlePreparation(preparationSectionSchema.parse({}), {}, { names, byDefault })).toEqual({
      columns: byDefault,
      select: [],
    });
  });
});

describe('patterns of columns', () => {
  it.each([
    ['recency', ['recency']],
    ['frequency_*', ['frequency_30d', 'frequency_7d']],
    ['*d', ['frequency_30d', 'frequency_7d', 'unused']],
    ['*', names],
    ['recenc.', []],
  ])('%s names %j', (pattern, expected) => {
    expect(matching(pattern, names)).toEqual(expected);
  });

  it('names a column once, in the order of the table', () => {
    expect(matching(['recency', 'department', '*e*'], names)).toEqual(names);
  });
});

describe('a section that cannot be', () => {
  it.each([
    [{ columns: [{ columns: 'x', steps: [{ scale: {}, bins: {} }] }] }, /must name one step/],
    [{ columns: [{ columns: 'x', steps: ['scal'] }] }, /Invalid/],
    [{ columns: [{ columns: 'x', steps: [] }] }, /Too small/],
    [{ columns: [{ columns: 'x', steps: [{ bins: { bins: 1 } }] }] }, /Invalid|Too small/],
    [{ columns: [{ columns: 'x', steps: [{ bins: { bins: { search: { min: 1, max: 5 } } } }] }] }, /own range|Invalid/],
  ])('%j is refused', (written, message) => {
    const { success, error } = preparationSectionSchema.safeParse(written);
    expect(success).toBe(false);
    expect(JSON.stringify(error?.issues)).toMatch(message);
  });
});
