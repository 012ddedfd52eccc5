/**
 * Rows that say different things of the same features. They are told by their classes, and so only rows that are learned
 * from are looked at: a rule that sees the classes of judged rows lets a model of noise look like one of knowledge.
 */
import type { Column, Table, Target } from './table.ts';

/** `majority` keeps the rows of the class that most have, of a draw none; `drop` keeps none. */
export type ContradictionRule = 'majority' | 'drop';

/**
 * @param rows - `[n]`: those that are learned from
 * @param features - names of columns; missing values are alike
 * @returns `[at most n]`: those that stay, in their order; all where the target is a number
 */
export function withoutContradictions(
  table: Table,
  target: Target,
  rows: Int32Array,
  features: readonly string[],
  rule: ContradictionRule,
): Int32Array {
  if (target.kind !== 'classes' || features.length === 0) return rows;
  const classes = target.classes.length;
  const alike = likeness(table, rows, features);
  const votes = new Map<number, Map<number, number>>();
  for (const [i, row] of rows.entries()) {
    const of = votes.get(alike[i]) ?? new Map<number, number>();
    of.set(target.codes[row], (of.get(target.codes[row]) ?? 0) + 1);
    votes.set(alike[i], of);
  }
  const kept = new Set<number>();
  for (const [group, of] of votes) {
    const most = Math.max(...of.values());
    const winners = [...of].filter(([, n]) => n === most);
    if (of.size === 1 || (rule === 'majority' && winners.length === 1)) kept.add(group * classes + winners[0][0]);
  }
  return rows.filter((row, i) => kept.has(alike[i] * classes + target.codes[row]));
}

/** `[n]`: equal numbers for rows that are equal in all columns. */
function likeness(table: Table, rows: Int32Array, names: readonly string[]): Float64Array {
  const groups = new Float64Array(rows.length);
  for (const name of names) {
    const values = valuesOf(table.columns[name]);
    const places = new Map<number, Map<number, number>>();
    let next = 0;
    for (const [i, row] of rows.entries()) {
      const within = places.get(groups[i]) ?? new Map<number, number>();
      places.set(groups[i], within);
      // A Map takes NaN for equal to itself, and -0 for 0.
      const known = within.get(values[row]) ?? next++;
      within.set(values[row], known);
      groups[i] = known;
    }
  }
  return groups;
}

const valuesOf = (column: Column) => ('codes' in column ? column.codes : column.values);
