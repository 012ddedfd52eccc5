import { existsSync } from 'node:fs';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { PeerUnavailable, type PeerProcess } from '../../bench/peers.ts';
import { judge } from '../../bench/measure.ts';
import { exitCodeOf, report, runBench, runSuite } from '../../bench/program.ts';
import { openContext, recommenders } from '../../bench/suites/compute/recommenders.ts';
import { checkerboard } from '../explanation/checkerboard.ts';

const train = checkerboard(40);
const suite = { name: 'compute', summary: 'the recommenders', ...recommenders };
const small = (startPeer: () => Promise<PeerProcess>) => ({ ...suite, open: () => openContext(train, startPeer) });
const noPeer = () => Promise.reject(new PeerUnavailable('The peers could not be installed: no network.'));

function silence() {
  const out = vi.spyOn(console, 'log').mockImplementation(() => undefined);
  const error = vi.spyOn(console, 'error').mockImplementation(() => undefined);
  onTestFinished(() => {
    out.mockRestore();
    error.mockRestore();
  });
  return { printed: () => out.mock.calls.flat().join('\n'), said: () => error.mock.calls.flat().join('\n') };
}

describe('the suite compute', () => {
  it('gives every work a row with our time and the reason, where the peer cannot be installed', async () => {
    silence();
    const rows = await runSuite(small(noPeer), { runs: 1 });
    expect(rows.map(({ work }) => work)).toEqual(['als-64', 'als-128', 'bm25-200', 'top-100', 'top-100-fold-in']);
    for (const row of rows) {
      expect(row).toMatchObject({ suite: 'compute', peer: null, ratio: null, ok: null, failed: false });
      expect(row.reason).toContain('no network');
      expect(row.ours).toBeGreaterThan(0);
    }
    expect(report(rows)).toContain('no network');
  });

  it('asks for a peer once, and takes its folder away at the end', async () => {
    silence();
    let started = 0;
    let folder = '';
    const counted = {
      ...suite,
      async open() {
        const context = await openContext(train, () => {
          started++;
          return noPeer();
        });
        folder = context.folder;
        expect(existsSync(folder)).toBe(true);
        return context;
      },
    };
    await runSuite(counted, { runs: 2, only: ['als-64', 'bm25-200'] });
    expect(started).toBe(1);
    expect(existsSync(folder)).toBe(false);
  });

  it('runs what was asked for alone, and prints a JSON object a row', async () => {
    const { printed } = silence();
    await runSuite(small(noPeer), { runs: 1, only: ['bm25-200'], json: true });
    const row = JSON.parse(printed()) as Record<string, unknown>;
    expect(row['work']).toBe('bm25-200');
    const promised = ['suite', 'work', 'ours', 'peer', 'peerName', 'unit', 'ratio', 'bound', 'ok'];
    expect(Object.keys(row)).toEqual(expect.arrayContaining(promised));
  });
});

describe('npm run bench', () => {
  it('ends well where a bound is missed or a peer is missing, and with 1 where we could not measure', () => {
    const about = { name: 'sum', peerName: 'abacus', bound: 1 };
    const sample = (wall: number) => [{ wall, cpu: wall }];
    const missed = judge('s', about, { ours: sample(3), peer: sample(1), runs: 1 });
    const alone = judge('s', about, { ours: sample(3), peer: [], missing: 'No peer.', runs: 1 });
    expect(missed.ok).toBe(false);
    expect(exitCodeOf([missed, alone])).toBe(0);
    expect(exitCodeOf([missed, { ...alone, failed: true }])).toBe(1);
  });

  it('shows examples in its help', async () => {
    const write = vi.spyOn(process.stdout, 'write').mockImplementation(() => true);
    onTestFinished(() => write.mockRestore());
    expect(await runBench(['--help'])).toBe(0);
    expect(write.mock.calls.flat().join('')).toMatch(/Examples:[^]*npm run bench -- compute/);
  });

  it('names the near miss of a suite and of a work, and measures nothing', async () => {
    const { said } = silence();
    expect(await runBench(['comput'])).toBe(2);
    expect(said()).toContain('Did you mean "compute"?');
    expect(await runBench(['compute', '--only', 'als64'])).toBe(2);
    expect(said()).toContain('Did you mean "als-64"?');
    expect(await runBench(['compute', '--runs', '0'])).toBe(2);
    expect(said()).not.toContain('Preparing');
  });
});
