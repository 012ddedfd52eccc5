/** A suite of several groups of works, each prepared only if one of its works is measured. */
import type { AnyWork, Group, Suite } from './measure.ts';

/** What the groups of a suite are measured on, as far as it was asked for. */
export class Prepared {
  readonly #say: (line: string) => void;
  readonly #closes: (() => Promise<void>)[] = [];
  readonly #opened = new Map<unknown, Promise<unknown>>();

  constructor(say: (line: string) => void) {
    this.#say = say;
  }

  /** A group is prepared once; where that failed, for all of its works. */
  of<Context>(group: Group<Context>): Promise<Context> {
    const known = this.#opened.get(group) as Promise<Context> | undefined;
    if (known) return known;
    const opened = group.open(this.#say).then((context) => {
      this.#closes.push(() => group.close(context));
      return context;
    });
    this.#opened.set(group, opened);
    return opened;
  }

  async close(): Promise<void> {
    for (const close of this.#closes.splice(0)) await close();
  }
}

/** The works of a group, for a suite that also holds others. */
export function worksOf<Context>(group: Group<Context>): AnyWork<Prepared>[] {
  return group.works.map((work) =>
    'compare' in work
      ? { ...work, compare: async (prepared, runs, say) => work.compare(await prepared.of(group), runs, say) }
      : { ...work, open: async (prepared) => work.open(await prepared.of(group)) },
  );
}

export function suiteOf(name: string, summary: string, works: readonly AnyWork<Prepared>[]): Suite<Prepared> {
  return {
    name,
    summary,
    works,
    open: async (say) => new Prepared(say),
    close: (prepared) => prepared.close(),
  };
}
