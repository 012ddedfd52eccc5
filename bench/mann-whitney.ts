/** Whether one sample tends to larger values than another (H. B. Mann and D. R. Whitney, Ann. Math. Stat. 18, 1947). */
import { cumulative } from '../tuning/samplers/normal.ts';

/**
 * One-sided, by the normal approximation with corrections for ties and continuity, as SciPy's
 * `mannwhitneyu(larger, smaller, alternative='greater', method='asymptotic')`.
 * @returns the chance of so large a difference where there is none: 1 where all values are the same.
 * @throws RangeError of no values.
 */
export function mannWhitney(larger: readonly number[], smaller: readonly number[]): number {
  const [n, m] = [larger.length, smaller.length];
  if (n === 0 || m === 0) throw new RangeError('Samples must not be empty.');
  const all = [...larger, ...smaller].toSorted((a, b) => a - b);
  const total = n + m;
  let ties = 0;
  const rankOf = new Map<number, number>();
  for (let from = 0, to = 0; from < total; from = to) {
    while (to < total && all[to] === all[from]) to++;
    // Equal values share the mean of their ranks.
    rankOf.set(all[from], (from + 1 + to) / 2);
    ties += (to - from) ** 3 - (to - from);
  }
  // U = R − n (n + 1) / 2
  const u = larger.reduce((sum, value) => sum + rankOf.get(value)!, 0) - (n * (n + 1)) / 2;
  const variance = ((n * m) / 12) * (total + 1 - ties / (total * (total - 1)));
  if (variance === 0) return 1;
  return cumulative(-(u - (n * m) / 2 - 0.5) / Math.sqrt(variance));
}
