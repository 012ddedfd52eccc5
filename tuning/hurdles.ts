/** A trial's own view of its rungs: where it must tell its value, and whether it goes on. */
import type { RungValues, TrialPruning } from '../contracts/study.ts';

export class Hurdles {
  readonly #pruning: TrialPruning;
  readonly #reached: RungValues;
  #best = -Infinity;
  #pruned = false;

  /**
   * @param reached - what the trial told before it was interrupted, as `reached` had it: it must be kept with the
   * trial's checkpoint, or the trial table of a resumed trial differs.
   */
  constructor(pruning: TrialPruning, reached: Readonly<RungValues> = []) {
    this.#pruning = pruning;
    this.#reached = [];
    for (const { rung, value } of reached) this.report(rung, value);
  }

  /** Those still ahead, ascending. */
  get rungs(): number[] {
    const last = this.#reached.at(-1)?.rung ?? -Infinity;
    return this.#pruned ? [] : this.#pruning.rungs.filter((rung) => rung > last);
  }

  /** What the trial told, ascending. */
  get reached(): RungValues {
    return [...this.#reached];
  }

  get pruned(): boolean {
    return this.#pruned;
  }

  /**
   * @param value - in the metric's own unit; one that is not finite ends the trial.
   * @returns whether the trial goes on
   */
  report(rung: number, value: number): boolean {
    const { rungs, thresholds, judges, direction } = this.#pruning;
    const place = rungs.indexOf(rung);
    // A rung of no comparison: the study will not know it.
    if (place < 0) return !this.#pruned;
    if (!Number.isFinite(value)) {
      this.#pruned = true;
      return false;
    }
    this.#reached.push({ rung, value });
    const turned = direction === 'maximize' ? value : -value;
    this.#best = Math.max(this.#best, turned);
    const threshold = thresholds[place];
    if (threshold !== null && (judges === 'best' ? this.#best : turned) < threshold) this.#pruned = true;
    return !this.#pruned;
  }
}
