/** One thing that the stack needs, and how it stands with it. */
export interface Check {
  name: string;
  verdict: 'ok' | 'warn' | 'fail' | 'skip';
  /** What was found. */
  found: string;
  /** What to do, one sentence; with `warn` and `fail`. */
  remedy?: string;
}

export const ok = (name: string, found: string): Check => ({ name, verdict: 'ok', found });
export const skip = (name: string, found: string): Check => ({ name, verdict: 'skip', found });
export const warn = (name: string, found: string, remedy: string): Check => ({ name, verdict: 'warn', found, remedy });
export const fail = (name: string, found: string, remedy: string): Check => ({ name, verdict: 'fail', found, remedy });
