import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { suiteOf, worksOf } from '../../bench/groups.ts';
import type { Group, Work } from '../../bench/measure.ts';
import { runSuite } from '../../bench/program.ts';

const work = (name: string): Work<string> => ({
  name,
  about: '',
  peerName: 'abacus',
  bound: 1,
  runs: 1,
  open: async () => ({
    ours: async () => ({ wall: 1, cpu: 1 }),
    peer: async () => ({ wall: 2, cpu: 2 }),
    close: async () => undefined,
  }),
});

function silence() {
  const error = vi.spyOn(console, 'error').mockImplementation(() => undefined);
  onTestFinished(() => error.mockRestore());
}

/** Two groups of two works that write down what is prepared and closed. */
function groups(fails?: string) {
  const events: string[] = [];
  const group = (name: string): Group<string> => ({
    works: [work(`${name}-1`), work(`${name}-2`)],
    async open() {
      events.push(`open ${name}`);
      if (name === fails) throw new Error('No sample.');
      return name;
    },
    close: async (context) => void events.push(`close ${context}`),
  });
  return { events, suite: suiteOf('s', '', [...worksOf(group('a')), ...worksOf(group('b'))]) };
}

describe('a suite of groups', () => {
  it('prepares each group once, when its first work is measured, and closes them at the end', async () => {
    silence();
    const { events, suite } = groups();
    const rows = await runSuite(suite);
    expect(rows.map((row) => row.work)).toEqual(['a-1', 'a-2', 'b-1', 'b-2']);
    expect(events).toEqual(['open a', 'open b', 'close a', 'close b']);
  });

  it('leaves alone what no measured work needs', async () => {
    silence();
    const { events, suite } = groups();
    await runSuite(suite, { only: ['b-2'] });
    expect(events).toEqual(['open b', 'close b']);
  });

  it('has a row with the reason for every work of a group that cannot be prepared', async () => {
    silence();
    const { events, suite } = groups('a');
    const rows = await runSuite(suite);
    expect(rows.map(({ failed, reason }) => [failed, reason])).toEqual([
      [true, 'No sample.'],
      [true, 'No sample.'],
      [false, null],
      [false, null],
    ]);
    expect(events).toEqual(['open a', 'open b', 'close b']);
  });
});
