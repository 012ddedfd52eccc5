/** Counts trials in their order, whatever their timing, and says when it is enough. */
import type { Direction, StudyEnding, StudyTally, TrialReport } from '../../contracts/study.ts';

/** A corner of the space may fail; when as many as this do so in a row, it is not a corner. */
export const failuresAllowedInARow = 20;

export class Tally {
  readonly state: StudyTally;
  readonly #sign: number;

  constructor(direction: Direction, state?: StudyTally) {
    this.#sign = direction === 'maximize' ? 1 : -1;
    this.state = state ?? { seen: 0, bestIndex: -1, bestValue: null, failuresInARow: 0, unseen: [] };
  }

  /** A trial's value, turned so that higher is better. */
  turn({ value }: { value?: number | null }): number {
    return this.#sign * (value ?? Number.NaN);
  }

  /** A trial has ended; it is counted when its turn comes. */
  note({ index, state, value }: TrialReport): void {
    this.state.unseen.push({ index, state, value: state === 'done' ? (value ?? null) : null });
  }

  /**
   * @param seen - trials before this one count; all of them have ended.
   * @param patience - trials without improvement; null: any number.
   */
  verdict(seen: number, patience: number | null): StudyEnding | undefined {
    this.#count(seen);
    const { bestIndex, failuresInARow } = this.state;
    if (failuresInARow >= failuresAllowedInARow) return 'failures';
    if (patience !== null && this.state.seen - 1 - bestIndex >= patience) return 'patience';
    return undefined;
  }

  #count(seen: number): void {
    const { state } = this;
    // A window that somebody widened shows less than the one before it: what was counted stays counted.
    const turn = state.unseen.filter(({ index }) => index < seen).toSorted((a, b) => a.index - b.index);
    state.unseen = state.unseen.filter(({ index }) => index >= seen);
    for (const trial of turn) {
      state.failuresInARow = trial.state === 'failed' ? state.failuresInARow + 1 : 0;
      if (trial.value === null) continue;
      if (state.bestValue !== null && this.turn(trial) <= this.turn({ value: state.bestValue })) continue;
      state.bestValue = trial.value;
      state.bestIndex = trial.index;
    }
    state.seen = Math.max(state.seen, seen);
  }
}
