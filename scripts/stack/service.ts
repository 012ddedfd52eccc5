/** What the supervisor needs to know of a part of the stack. */
import type { Complaint, ErrorCode } from '../../contracts/errors.ts';

export interface Launch {
  command: string;
  args: string[];
  env: NodeJS.ProcessEnv;
  /** A channel over which the process sends a `ChannelMessage`. */
  channel: boolean;
}

/** What a worker or the inference server tells its supervisor. */
export type ChannelMessage =
  | { type: 'ready' }
  /** The answer to `{ type: 'ping' }`, which a service with `silenceLimit` is sent. */
  | { type: 'pong' }
  /** It cannot start; told before it exits, so that people read this sentence and not its log. */
  | { type: 'failed'; code: ErrorCode; complaint: Complaint };

export interface Service {
  /** File-name part of its log and pid file. */
  readonly name: string;
  /** For people: "Temporal". */
  readonly title: string;
  /** Its subject in an error's sentence: "The Temporal server". */
  readonly subject: string;
  /** Services that must be healthy before it starts. */
  readonly needs: readonly string[];
  /** False: it has an address in the environment, and is only watched. */
  readonly managed: boolean;
  /** Milliseconds it may take until it is healthy, and to end after SIGTERM. */
  readonly startTimeout: number;
  readonly stopTimeout: number;
  /** Finds its program, or builds it and reports how that goes; once. */
  prepare?(building: (note: string) => void, signal: AbortSignal): Promise<void>;
  /**
   * Chooses ports and options; before each attempt at the first start, so that one that lost its port in a race gets
   * another.
   */
  place?(): Promise<void>;
  launch?(): Launch;
  /** Throws while it is not healthy. A service with a channel is asked only after it said that it is ready. */
  check?(): Promise<void>;
  /**
   * For a process with a channel and no address to ask: milliseconds without an answer to a ping after which it is not
   * healthy. It is sent one at every round of checks.
   */
  readonly silenceLimit?: number;
  /** Puts in order what it serves (bucket, search attributes), once it has come up for the first time. */
  settle?(): Promise<void>;
  /** Closes what `check` keeps open. */
  release?(): Promise<void>;
  /** Where it answers, once that is known. */
  address(): string | undefined;
  /** What to do when it does not come up. */
  readonly remedy: string;
  readonly failureCode: ErrorCode;
}
