import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { pixels, readDigits, type Digits } from '../../bench/digits.ts';
import { suiteOf, worksOf } from '../../bench/groups.ts';
import type { BenchRow } from '../../bench/measure.ts';
import { PeerUnavailable, type PeerProcess } from '../../bench/peers.ts';
import { runSuite } from '../../bench/program.ts';
import { networks, openContext } from '../../bench/suites/compute/networks.ts';

/** The first digits: with a last batch that is smaller than the others. */
const some = ({ images, labels }: Digits, count: number): Digits => ({
  count,
  images: images.slice(0, count * pixels),
  labels: labels.slice(0, count),
});

async function measured(startPeer: () => Promise<PeerProcess>): Promise<BenchRow[]> {
  const error = vi.spyOn(console, 'error').mockImplementation(() => undefined);
  onTestFinished(() => error.mockRestore());
  const { train, validation } = await readDigits({ seed: 1 });
  const small = { train: some(train, 300), validation: some(validation, 100) };
  const group = { ...networks, open: () => openContext(small, startPeer) };
  return runSuite(suiteOf('compute', '', worksOf(group)), { runs: 1 });
}

const answering = (losses: number[], accuracy: number) => async () =>
  ({
    call: async (name: string) => (name === 'load' ? {} : { walls: [1, 2, 30], cpus: [2, 4, 60], losses, accuracy }),
    close: async () => undefined,
  }) as unknown as PeerProcess;

describe('the works of networks', () => {
  it('have a row with our time and the reason, where the peer cannot be installed', async () => {
    const rows = await measured(() => Promise.reject(new PeerUnavailable('The peers could not be installed.')));
    expect(rows.map(({ work }) => work)).toEqual(['mlp', 'cnn']);
    for (const row of rows) {
      expect(row).toMatchObject({ peer: null, ok: null, failed: false, reason: 'The peers could not be installed.' });
      expect(row.ours).toBeGreaterThan(0);
    }
  });

  it('take the median epoch of the peer, and refuse a network that has not learned the same', async () => {
    const rows = await measured(answering([2, 1, 1e-4], 1));
    for (const row of rows) {
      expect(row).toMatchObject({ peer: 2, ok: false, reason: 'The two do not give the same answer.' });
      expect(row.agreement).toMatch(
        /after [46] epochs, loss .* and 0\.000100, .* and 100\.0 % of the validation digits/,
      );
    }
  });
});
