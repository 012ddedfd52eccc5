/** The time limit of a study. Pauses do not count: whoever pauses for a week finds the time where it was. */
import { condition } from '@temporalio/workflow';

export class StudyClock {
  #spent: number;
  /** Since when it runs; undefined while it stands. */
  #since: number | undefined;
  /** Changes with whatever changes the moment at which time is up. */
  #setting = 0;

  /** @param spent - milliseconds, by earlier runs of the workflow */
  constructor(spent: number, running: boolean) {
    this.#spent = spent;
    if (running) this.#since = Date.now();
  }

  get spentMilliseconds(): number {
    return this.#spent + (this.#since === undefined ? 0 : Date.now() - this.#since);
  }

  run(running: boolean): void {
    this.#spent = this.spentMilliseconds;
    this.#since = running ? Date.now() : undefined;
    this.#setting++;
  }

  /** To be called when the limit has changed. */
  changed(): void {
    this.#setting++;
  }

  /** Resolves when the time is up. One timer, and another one only after a change. */
  async timeIsUp(limitMilliseconds: () => number): Promise<void> {
    for (;;) {
      const setting = this.#setting;
      const other = () => this.#setting !== setting;
      if (this.#since === undefined) {
        await condition(other);
        continue;
      }
      const left = limitMilliseconds() - this.spentMilliseconds;
      if (left <= 0) return;
      if (!(await condition(other, left))) return;
    }
  }
}
