/** Every step of a fitted preparation with its parameter table, as `algorithms.ts` has for models. */
import type { ColumnKind } from './tables.ts';
import type { ParameterTable, ValuesOf } from './parameters.ts';

const impute = {
  strategy: {
    kind: 'choice',
    choices: ['mean', 'median', 'mostFrequent', 'constant'],
    default: 'median',
    doc: 'What takes the place of a missing number, found on the training rows.',
  },
  value: { kind: 'number', min: -1e12, max: 1e12, default: 0, doc: 'The number of the strategy "constant".' },
  indicator: {
    kind: 'choice',
    choices: ['yes', 'no'],
    default: 'no',
    doc: 'Whether to add a feature that is 1 where the number was missing.',
  },
} as const satisfies ParameterTable;

const clip = {
  method: {
    kind: 'choice',
    choices: ['iqr', 'zScore', 'quantile'],
    default: 'iqr',
    doc: 'Limits: quartiles and a multiple of their distance (Tukey, 1977); mean and a multiple of the deviation; or two quantiles.',
  },
  factor: { kind: 'number', min: 0.1, max: 100, default: 3, doc: 'The multiple, of "iqr" and "zScore".' },
  tail: { kind: 'number', min: 0, max: 0.49, default: 0.01, doc: 'Share of rows cut off at each end, of "quantile".' },
} as const satisfies ParameterTable;

const scale = {
  method: {
    kind: 'choice',
    choices: ['standard', 'minMax', 'robust'],
    default: 'standard',
    doc: 'To mean 0 and deviation 1; to [0, 1]; or to median 0 and distance of the quartiles 1.',
  },
} as const satisfies ParameterTable;

const log = {} as const satisfies ParameterTable;

const bins = {
  bins: { kind: 'integer', min: 2, max: 256, default: 8, doc: 'Number of bins.' },
  method: {
    kind: 'choice',
    choices: ['quantile', 'uniform'],
    default: 'quantile',
    doc: 'Bins of as many rows, or as wide.',
  },
  encode: { kind: 'choice', choices: ['oneHot', 'ordinal'], default: 'oneHot', doc: 'A feature a bin, or its number.' },
} as const satisfies ParameterTable;

const oneHot = {
  minRows: { kind: 'integer', min: 1, max: 1_000_000, default: 1, doc: 'Rarer values share the feature "other".' },
  maxValues: {
    kind: 'integer',
    min: 1,
    max: 10_000,
    default: 100,
    doc: 'Values with a feature; the most frequent ones.',
  },
} as const satisfies ParameterTable;

const ordinal = {
  order: {
    kind: 'choice',
    choices: ['alphabetical', 'frequency'],
    default: 'frequency',
    doc: "What a value's number follows; unknown and missing values have −1.",
  },
} as const satisfies ParameterTable;

const target = {
  smoothing: {
    kind: 'number',
    min: 0,
    max: 1e6,
    default: 10,
    doc: "Rows' worth of the overall mean in each value's mean (Micci-Barreca, 2001).",
  },
  folds: { kind: 'integer', min: 2, max: 20, default: 5, doc: 'A training row is encoded by the folds it is not in.' },
} as const satisfies ParameterTable;

const dateParts = {
  parts: {
    kind: 'choice',
    choices: ['calendar', 'clock', 'all'],
    default: 'calendar',
    doc: 'calendar: year, month, day, day of the week, day of the year; clock: hour, minute; in UTC.',
  },
  cyclic: {
    kind: 'choice',
    choices: ['yes', 'no'],
    default: 'yes',
    doc: 'Sine and cosine of what repeats, so that December is next to January; else plain numbers.',
  },
} as const satisfies ParameterTable;

const tfIdf = {
  ngrams: { kind: 'integer', min: 1, max: 3, default: 1, doc: 'Longest sequence of words that is a term.' },
  minRows: { kind: 'integer', min: 1, max: 1_000_000, default: 2, doc: 'Terms in fewer texts are left out.' },
  maxTerms: { kind: 'integer', min: 1, max: 100_000, default: 5000, doc: 'Terms kept; the most frequent ones.' },
  sublinear: { kind: 'choice', choices: ['yes', 'no'], default: 'no', doc: '1 + ln(count) in place of a count.' },
  norm: { kind: 'choice', choices: ['l2', 'l1', 'none'], default: 'l2', doc: 'Length that each text is divided by.' },
} as const satisfies ParameterTable;

/** Steps on columns. Those from strings or times give numbers, which the number steps after them take. */
export const columnSteps = {
  impute: { title: 'Missing values', of: ['number', 'boolean'], parameters: impute },
  clip: { title: 'Outliers', of: ['number', 'boolean'], parameters: clip },
  scale: { title: 'Scaling', of: ['number', 'boolean'], parameters: scale },
  /** sign(x) · ln(1 + |x|) */
  log: { title: 'Logarithm', of: ['number', 'boolean'], parameters: log },
  bins: { title: 'Bins', of: ['number', 'boolean'], parameters: bins },
  oneHot: { title: 'One-hot', of: ['category', 'text'], parameters: oneHot },
  ordinal: { title: 'Ordinal', of: ['category', 'text'], parameters: ordinal },
  target: { title: 'Target encoding', of: ['category', 'text'], parameters: target },
  dateParts: { title: 'Date parts', of: ['time'], parameters: dateParts },
  tfIdf: { title: 'TF-IDF', of: ['category', 'text'], parameters: tfIdf },
} as const satisfies Record<string, { title: string; of: readonly ColumnKind[]; parameters: ParameterTable }>;

export type ColumnStepName = keyof typeof columnSteps;
export type ColumnStepParameters<S extends ColumnStepName> = ValuesOf<(typeof columnSteps)[S]['parameters']>;
export const columnStepNames = Object.keys(columnSteps) as ColumnStepName[];

const keep = {
  kind: 'integer',
  min: 1,
  max: 1_000_000,
  default: 100,
  log: true,
  doc: 'Features kept, the best ones; among equals the earlier.',
} as const;

/** Steps on all features together, which keep some of them. */
export const selectionSteps = {
  variance: {
    title: 'Variance',
    parameters: {
      threshold: { kind: 'number', min: 0, max: 1e12, default: 0, doc: 'Features whose variance is not above it go.' },
    },
  },
  correlation: {
    title: 'Correlation',
    parameters: {
      threshold: {
        kind: 'number',
        min: 0,
        max: 1,
        default: 0.95,
        doc: 'Of two features whose absolute correlation (Pearson) is above it, the later goes.',
      },
    },
  },
  mutualInformation: {
    title: 'Mutual information',
    parameters: {
      keep,
      bins: {
        kind: 'integer',
        min: 2,
        max: 256,
        default: 16,
        doc: 'Bins of as many rows that numbers are counted in.',
      },
    },
  },
  l1: {
    title: 'L1',
    parameters: {
      keep,
      strength: {
        kind: 'number',
        min: 1e-6,
        max: 1,
        default: 0.01,
        log: true,
        doc: 'Weight of the penalty, as a share of the least that makes all coefficients 0.',
      },
    },
  },
  treeImportance: {
    title: 'Tree importance',
    parameters: {
      keep,
      trees: { kind: 'integer', min: 1, max: 1000, default: 50, doc: 'Trees on drawn rows and features.' },
      maxDepth: { kind: 'integer', min: 1, max: 32, default: 6, doc: 'Depth of each.' },
    },
  },
} as const satisfies Record<string, { title: string; parameters: ParameterTable }>;

export type SelectionStepName = keyof typeof selectionSteps;
export type SelectionStepParameters<S extends SelectionStepName> = ValuesOf<(typeof selectionSteps)[S]['parameters']>;
export const selectionStepNames = Object.keys(selectionSteps) as SelectionStepName[];

/** A preparation with every parameter settled: what a trial fits. */
export interface Preparation {
  columns: readonly PreparedColumns[];
  select: readonly { step: SelectionStepName; parameters: Record<string, number | string> }[];
}
export interface PreparedColumns {
  /** Names of columns, all of one kind; each is taken through the steps on its own. */
  columns: readonly string[];
  steps: readonly { step: ColumnStepName; parameters: Record<string, number | string> }[];
}
