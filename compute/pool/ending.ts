/** Why a compute process ended, in words. */
import { TradewindError } from '../../contracts/errors.ts';
import { spellBytes } from './memory.ts';

export interface Ending {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** Why the pool ended it, or why it could not be started. */
  reason?: string;
}

const likelyReasons: Partial<Record<NodeJS.Signals, string>> = {
  SIGKILL: 'killed from outside, or out of memory',
  SIGABRT: 'aborted by native code',
  SIGSEGV: 'a fault in native code',
  SIGBUS: 'a fault in native code, or a file that shrank while it was mapped',
  SIGILL: 'an instruction that this processor lacks',
  SIGFPE: 'a division by zero in native code',
  SIGTRAP: 'aborted by the JavaScript engine',
  SIGTERM: 'asked to end from outside',
};

export function explain({ code, signal, reason }: Ending): string {
  if (reason !== undefined) return reason;
  if (signal) return `${signal} (${likelyReasons[signal] ?? 'a signal from outside'})`;
  return `exit code ${code} (the task or a library called process.exit, or threw outside its task)`;
}

/** @param value - what became of it; @see explain */
export function died(label: string | undefined, value: string): TradewindError {
  return new TradewindError('COMPUTE_PROCESS_DIED', {
    subject: `The compute process of "${label ?? 'no task'}"`,
    rule: 'live until its task is done',
    value,
    remedy: 'Running it again goes on from its last checkpoint; if it dies again, give it more memory or read its log.',
  });
}

/** @param used - bytes above the budget, or `heap` where JavaScript values alone wanted more than their three quarters. */
export function exceeded(label: string, budgetBytes: number, used: number | 'heap'): TradewindError {
  // To the MiB, as a figure just above the budget would else read like the budget.
  const found = used === 'heap' ? 'a full JavaScript heap' : `${Math.ceil(used / 2 ** 20)} MiB`;
  return new TradewindError('COMPUTE_MEMORY_EXCEEDED', {
    subject: `The task "${label}"`,
    rule: `stay within its memory budget of ${spellBytes(budgetBytes)}`,
    value: found,
    remedy:
      'Give the worker more memory (TRADEWIND_WORKER_MEMORY) or fewer cores to share it (TRADEWIND_WORKER_CORES), or ask for less: fewer rows, smaller parameters.',
  });
}

/** Lines of standard error that a report of a death may quote. */
const quotedLines = 3;
/** What V8 and libc print around the line that tells: stack frames, addresses, rules. */
const noise = /^(\s*\d+: 0x[\da-f]+ |\s*-{3,}|\s*<---|\s*\[\d+:0x[\da-f]+\])/;
const heapFull = /JavaScript heap out of memory/;

/** The last lines of a process's standard error. */
export class LastErrors {
  readonly #lines: string[] = [];
  #heapFull = false;

  add(text: string): void {
    if (heapFull.test(text)) this.#heapFull = true;
    if (text.trim() === '' || noise.test(text)) return;
    this.#lines.push(text.trim());
    if (this.#lines.length > quotedLines) this.#lines.shift();
  }

  /** V8 has said that it can collect no more, after which it aborts. */
  get heapFull(): boolean {
    return this.#heapFull;
  }

  quoted(): string {
    return this.#lines.length > 0 ? `; it last wrote: ${this.#lines.join(' / ').slice(0, 500)}` : '';
  }
}
