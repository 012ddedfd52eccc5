/** What a split of a table is like, for people and reports; and the checks that it is one. */
import { TradewindError } from '../contracts/errors.ts';
import type { SplitKind, TableSplitSpec } from '../contracts/table-splits.ts';
import type { Labels } from './folds.ts';
import type { Codes } from './row-values.ts';
import { foldOf, partCodes, rowsWhere, type PartName, type TableSplit } from './split-file.ts';

/** What a split looks at, by row number of the table. */
export interface RowValues {
  /** Of a target of classes; `names` ascending by UTF-16 code units. */
  classes?: Labels & { names: readonly string[] };
  /** Of a number as target. */
  numbers?: Float64Array;
  /** Groups, or users; −1 is none. */
  groups?: Codes;
  /** Seconds since 1970; NaN is none. */
  times?: Float64Array;
}

export interface PartSummary {
  rows: number;
  /** Rows of each of the summary's `classes`. */
  classes?: number[];
  /** Mean of a number as target; null of no row. */
  mean?: number | null;
  /** Distinct groups or users. */
  groups?: number;
  /** ISO 8601, UTC; null of no row. */
  first?: string | null;
  last?: string | null;
}

export interface SplitSummary {
  by: SplitKind;
  seed: number;
  /** Of the table. */
  rows: number;
  /** Of the target, ascending by UTF-16 code units; none of a number. */
  classes: string[];
  parts: Record<PartName, PartSummary>;
  /** What the final training learns from: training, validation, and the gap between them. */
  learning: PartSummary;
  folds: { train: PartSummary; held: PartSummary }[];
  /** Rows in no part: of the gap before the validation part (the final training learns from them), of the gap before the
   * test part, and without a time or user or after the end. */
  leftOut: { beforeValidation: number; beforeTest: number; outside: number };
  /** Judged rows whose features equal those of a row learned from. */
  duplicates: { validation: number; test: number; folds: number };
  comparisonOnly?: true;
  note?: string;
  warnings: string[];
}

const comparisonNote =
  "Leave-last-out is for comparison with published figures only: a user's training rows may be later than what another " +
  'user is judged on, so that the model has seen the future.';

/** @param equal - of `equalRows` */
export function summarize(
  spec: TableSplitSpec,
  { seed }: { seed: number },
  split: TableSplit,
  values: RowValues,
  equal: Int32Array | undefined,
): SplitSummary {
  const { parts, learning, arrays } = split;
  const part = (rows: Int32Array) => partSummary(rows, values);
  const duplicates = {
    validation: equalTo(parts.train, parts.validation, equal),
    test: equalTo(learning, parts.test, equal),
    folds: 0,
  };
  const folds: SplitSummary['folds'] = [];
  for (let f = 0; f < split.folds; f++) {
    const { train, held } = foldOf(split, f);
    folds.push({ train: part(train), held: part(held) });
    duplicates.folds += equalTo(train, held, equal);
  }
  const inPart = (code: number) => rowsWhere(split.rows, (row) => arrays.part[row] === code).length;
  const { beforeValidation, beforeTest, outside } = partCodes;
  const summary: SplitSummary = {
    by: spec.by,
    seed,
    rows: split.rows,
    classes: [...(values.classes?.names ?? [])],
    parts: { train: part(parts.train), validation: part(parts.validation), test: part(parts.test) },
    learning: part(learning),
    folds,
    leftOut: {
      beforeValidation: inPart(beforeValidation),
      beforeTest: inPart(beforeTest),
      outside: inPart(outside),
    },
    duplicates,
    ...(spec.by === 'leaveLastOut' ? { comparisonOnly: true, note: comparisonNote } : {}),
    warnings: [],
  };
  summary.warnings = warningsOf(spec, summary, values);
  return summary;
}

function warningsOf(spec: TableSplitSpec, summary: SplitSummary, values: RowValues): string[] {
  const warnings: string[] = [];
  const { duplicates, parts, learning, folds, leftOut } = summary;
  for (const [name, rows] of [
    ['validation', parts.validation.rows],
    ['test', parts.test.rows],
    ['folds', learning.rows],
  ] as const) {
    if (duplicates[name] === 0) continue;
    const where = name === 'folds' ? 'rows of folds equal' : `rows of the ${name} part equal`;
    warnings.push(`${duplicates[name]} of ${rows} ${where} a row that is learned from in all features.`);
  }
  if (spec.by === 'grouped') {
    const without = rowsWhere(summary.rows, (row) => values.groups!.codes[row] < 0).length;
    if (without > 0) warnings.push(`${without} rows without "${spec.group}" stay together as one group.`);
  }
  if (spec.by === 'time' || spec.by === 'leaveLastOut') {
    const without = rowsWhere(
      summary.rows,
      (row) => Number.isNaN(values.times![row]) || (spec.by === 'leaveLastOut' && values.groups!.codes[row] < 0),
    ).length;
    const what = spec.by === 'time' ? `"${spec.time}"` : `"${spec.user}" or "${spec.time}"`;
    if (without > 0) warnings.push(`${without} of ${leftOut.outside} rows left out are without ${what}.`);
  }
  const unseen = (name: string, train: PartSummary, held: PartSummary) => {
    const missing = summary.classes.filter((_, k) => train.classes![k] === 0 && held.classes![k] > 0);
    if (missing.length === 0) return;
    const shown = missing.slice(0, 5).map((c) => `"${c}"`);
    const more = missing.length > 5 ? `, and ${missing.length - 5} more` : '';
    warnings.push(`The ${name} has classes that are not learned: ${shown.join(', ')}${more}.`);
  };
  unseen('validation part', parts.train, parts.validation);
  unseen('test part', learning, parts.test);
  for (const [f, { train, held }] of folds.entries()) unseen(`fold ${f}`, train, held);
  return warnings;
}

function partSummary(rows: Int32Array, { classes, numbers, groups, times }: RowValues): PartSummary {
  const summary: PartSummary = { rows: rows.length };
  if (classes) {
    const counts = Array.from({ length: classes.size }, () => 0);
    for (const row of rows) counts[classes.codes[row]]++;
    summary.classes = counts;
  }
  if (numbers) {
    let sum = 0;
    for (const row of rows) sum += numbers[row];
    summary.mean = rows.length === 0 ? null : sum / rows.length;
  }
  if (groups) {
    // One place more for the rows without.
    const seen = new Uint8Array(groups.size + 1);
    for (const row of rows) seen[groups.codes[row] + 1] = 1;
    summary.groups = seen.reduce((sum, one) => sum + one, 0);
  }
  if (times) {
    let [first, last] = [Infinity, -Infinity];
    for (const row of rows) {
      first = Math.min(first, times[row]);
      last = Math.max(last, times[row]);
    }
    const iso = (seconds: number) => (Number.isFinite(seconds) ? new Date(seconds * 1000).toISOString() : null);
    summary.first = iso(first);
    summary.last = iso(last);
  }
  return summary;
}

/** How many of the judged rows share their number in `equal` with a row learned from. */
function equalTo(learned: Int32Array, judged: Int32Array, equal: Int32Array | undefined): number {
  if (equal === undefined) return 0;
  const seen = new Set<number>();
  for (const row of learned) if (equal[row] >= 0) seen.add(equal[row]);
  let count = 0;
  for (const row of judged) if (seen.has(equal[row])) count++;
  return count;
}

/**
 * What a split promises, looked at once more: no row is both learned from and judged; no group, where the split has
 * groups; and in time nothing is learned within the gap before what is judged, or after it.
 * @throws TradewindError `INTERNAL`, which names the part or fold
 */
export function requireApart(split: TableSplit, { groups, times }: RowValues, gapSeconds: number): void {
  const pairs: [name: string, learned: Int32Array, judged: Int32Array][] = [
    ['The validation part', split.parts.train, split.parts.validation],
    ['The test part', split.learning, split.parts.test],
  ];
  for (const [name, learned, judged] of pairs) check(name, learned, judged);
  const isTest = new Uint8Array(split.rows);
  for (const row of split.parts.test) isTest[row] = 1;
  for (let f = 0; f < split.folds; f++) {
    const { train, held } = foldOf(split, f);
    if (train.length === 0 || held.length === 0) throw broken(`Fold ${f}`, 'hold rows to learn from and to be judged');
    check(`Fold ${f}`, train, held);
    if (train.some((row) => isTest[row] === 1) || held.some((row) => isTest[row] === 1)) {
      throw broken(`Fold ${f}`, 'hold no row of the test part');
    }
  }

  function check(name: string, learned: Int32Array, judged: Int32Array): void {
    const isLearned = new Uint8Array(split.rows);
    for (const row of learned) isLearned[row] = 1;
    if (judged.some((row) => isLearned[row] === 1)) throw broken(name, 'share no row with what is learned from');
    // Users of leave-last-out are in all parts: that is what it is.
    if (groups && !times) {
      const inLearned = new Uint8Array(groups.size + 1);
      for (const row of learned) inLearned[groups.codes[row] + 1] = 1;
      if (judged.some((row) => inLearned[groups.codes[row] + 1] === 1)) {
        throw broken(name, 'share no group with what is learned from');
      }
    }
    if (times && !groups) {
      const lastLearned = learned.reduce((last, row) => Math.max(last, times[row]), -Infinity);
      const firstJudged = judged.reduce((first, row) => Math.min(first, times[row]), Infinity);
      if (!(lastLearned < firstJudged && lastLearned + gapSeconds <= firstJudged)) {
        throw broken(name, 'be later than all that is learned from, by the gap at least');
      }
    }
  }
}

function broken(subject: string, rule: string): TradewindError {
  return new TradewindError('INTERNAL', {
    subject,
    rule,
    remedy: 'This is a defect of the split: please report it with the spec.',
  });
}
