/** What passes between the pool and a compute process over Node's IPC channel (structured clone). */
import { isErrorCode, TradewindError, type Complaint, type ErrorCode } from '../../contracts/errors.ts';
import type { GrantedTask } from './grant.ts';

export type ToProcess =
  | { kind: 'run'; task: GrantedTask; workDir: string }
  /** Answer to the checkpoint of that number: stored, or why not. */
  | { kind: 'stored'; number: number; error?: WireError };

export type FromProcess =
  | { kind: 'ready' }
  /** The task has begun: from here on its process's end is its own. */
  | { kind: 'accepted' }
  | { kind: 'progress'; fraction: number; note?: string }
  | { kind: 'checkpoint'; number: number; file: string; step: number }
  | { kind: 'done'; value: unknown; usage: MeasuredUsage }
  /** Without usage where something went wrong outside of the task. */
  | { kind: 'failed'; error: WireError; usage?: MeasuredUsage };

export interface MeasuredUsage {
  peakBytes: number;
  /** Resident when the task had ended and its garbage was collected. */
  keptBytes: number;
  cpuMilliseconds: number;
}

/** An error as data. Structured clone would carry an `Error`, but without its class, code and complaint. */
export interface WireError {
  name: string;
  message: string;
  stack?: string;
  /** A system error's code, e.g. `ENOENT`, or a `TradewindError`'s. */
  code?: string;
  complaint?: Complaint;
  cause?: WireError;
}

export function packError(thrown: unknown, depth = 0): WireError {
  if (!(thrown instanceof Error)) return { name: 'Error', message: `A task threw ${describe(thrown)}.` };
  const { code, complaint } = thrown as { code?: unknown; complaint?: Complaint };
  return {
    name: thrown.name,
    message: thrown.message,
    stack: thrown.stack,
    ...(typeof code === 'string' && { code }),
    ...(thrown instanceof TradewindError && { complaint }),
    // A cause may name itself as its cause, so the chain is followed for a few links only.
    ...(thrown.cause !== undefined && depth < 4 && { cause: packError(thrown.cause, depth + 1) }),
  };
}

/** The error that the other side threw: a `TradewindError` again, or an `Error` of the same name, message and stack. */
export function unpackError(wire: WireError): Error {
  const options = wire.cause && { cause: unpackError(wire.cause) };
  if (wire.complaint && isErrorCode(wire.code)) {
    return withStack(new TradewindError(wire.code satisfies ErrorCode, wire.complaint, options), wire);
  }
  const error = new Error(wire.message, options);
  error.name = wire.name;
  if (wire.code !== undefined) Object.assign(error, { code: wire.code });
  return withStack(error, wire);
}

function withStack<E extends Error>(error: E, { stack }: WireError): E {
  if (stack !== undefined) error.stack = stack;
  return error;
}

function describe(thrown: unknown): string {
  try {
    return JSON.stringify(thrown) ?? typeof thrown;
  } catch {
    return `a value of type ${typeof thrown}`;
  }
}
