/** Studies on all cores, each run once however often it is asked for. */
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { PeerUnavailable } from '../../peers.ts';
import type { FromLane, PeerCommand, ToLane } from './lane.ts';
import type { Study } from './studies.ts';
import type { StudyMemory } from './study-memory.ts';

export interface LanesOptions {
  /** How to start the peer; it throws PeerUnavailable where there is none. */
  peer: () => Promise<PeerCommand>;
  /** Where the peer's studies are kept for the next time; ours are never. */
  memory?: StudyMemory;
  /** Studies at a time. */
  count?: number;
}

export interface StudyRun {
  /** The least regret after each trial. */
  regrets: number[];
  /** Of the peer, from an earlier time. */
  remembered: boolean;
}

interface Running {
  trials: number;
  run: Promise<StudyRun>;
}

export class Lanes {
  readonly #options: LanesOptions;
  readonly #known = new Map<string, Running>();
  readonly #idle: Worker[] = [];
  readonly #waiting: (() => void)[] = [];
  #free: number;
  #peer: Promise<PeerCommand> | undefined;

  constructor(options: LanesOptions) {
    this.#options = options;
    this.#free = options.count ?? availableParallelism();
  }

  /**
   * Of a study, or of the beginning of a longer one that is known.
   * @throws PeerUnavailable where it is the peer's and there is none.
   */
  async run(study: Study): Promise<StudyRun> {
    const { trials, ...rest } = study;
    const key = JSON.stringify(rest);
    let known = this.#known.get(key);
    if (known === undefined || known.trials < trials) {
      known = { trials, run: this.#start(study) };
      this.#known.set(key, known);
    }
    const { regrets, remembered } = await known.run;
    return { regrets: regrets.slice(0, trials), remembered };
  }

  /** Lets what runs come to its end first. */
  async close(): Promise<void> {
    await Promise.allSettled(Array.from(this.#known.values(), ({ run }) => run));
    await Promise.all(
      this.#idle.map(async (worker) => {
        const exit = once(worker, 'exit');
        worker.postMessage('end' satisfies ToLane);
        await exit;
      }),
    );
  }

  async #start(study: Study): Promise<StudyRun> {
    if (study.contender.side === 'ours') return { regrets: await this.#inLane({ study }), remembered: false };
    const { memory, peer } = this.#options;
    const known = await memory?.find(study);
    if (known !== undefined) return { regrets: known, remembered: true };
    const regrets = await this.#inLane({ study, peer: await (this.#peer ??= peer()) });
    await memory?.add(study, regrets);
    return { regrets, remembered: false };
  }

  async #inLane(message: Exclude<ToLane, 'end'>): Promise<number[]> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    const worker = this.#idle.pop() ?? new Worker(new URL('./lane.ts', import.meta.url));
    try {
      const answered = once(worker, 'message');
      worker.postMessage(message);
      const [said] = (await answered) as [FromLane];
      this.#idle.push(worker);
      if ('regrets' in said) return said.regrets;
      throw new (said.peerIsMissing ? PeerUnavailable : Error)(said.error);
    } finally {
      // Whoever waits takes the place over.
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }
}
