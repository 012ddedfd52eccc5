import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { PeerUnavailable } from '../../../bench/peers.ts';
import type { PeerCommand } from '../../../bench/suites/tuning/lane.ts';
import { Lanes, type LanesOptions } from '../../../bench/suites/tuning/lanes.ts';
import { openProblem } from '../../../bench/suites/tuning/problems.ts';
import type { Study } from '../../../bench/suites/tuning/studies.ts';
import { StudyMemory } from '../../../bench/suites/tuning/study-memory.ts';

const ours: Study = { contender: { side: 'ours', sampler: 'random' }, problem: 'branin', seed: 1, trials: 20 };
const theirs: Study = { ...ours, contender: { side: 'optuna', sampler: 'tpe' }, trials: 3 };

const command: PeerCommand = [process.execPath, fileURLToPath(new URL('../fixtures/tuning-peer.ts', import.meta.url))];

function lanesWith(options: Partial<LanesOptions> = {}) {
  const peer = vi.fn(async () => command);
  const lanes = new Lanes({ peer, count: 2, ...options });
  onTestFinished(() => lanes.close());
  return { lanes, peer };
}

async function memoryFile() {
  const folder = await mkdtemp(join(tmpdir(), 'tradewind-studies-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return join(folder, 'kept', 'studies.ndjson');
}

describe('studies on lanes', () => {
  it('come to what a sampler comes to, one value a trial that never rises', async () => {
    const { lanes, peer } = lanesWith();
    const { regrets, remembered } = await lanes.run(ours);
    expect(regrets.length).toBe(20);
    expect(regrets).toEqual(regrets.toSorted((a, b) => b - a));
    expect(remembered).toBe(false);
    expect(peer).not.toHaveBeenCalled();
  });

  it('are the same on one lane as on three, and more of them than lanes come to their end', async () => {
    const all = async (count: number) => {
      const { lanes } = lanesWith({ count });
      const runs = Array.from({ length: 7 }, (_, seed) => lanes.run({ ...ours, seed }));
      return (await Promise.all(runs)).map(({ regrets }) => regrets);
    };
    const one = await all(1);
    expect(one).toEqual(await all(3));
    expect(new Set(one.map((regrets) => regrets.at(-1))).size).toBe(7);
  });

  it('are run once: a shorter one is the beginning of a longer one', async () => {
    const { lanes } = lanesWith({ count: 1 });
    const [long, short, again] = await Promise.all([
      lanes.run(ours),
      lanes.run({ ...ours, trials: 5 }),
      lanes.run(ours),
    ]);
    expect(short.regrets).toEqual(long.regrets.slice(0, 5));
    expect(again.regrets).toEqual(long.regrets);
    const longer = await lanes.run({ ...ours, trials: 30 });
    expect(longer.regrets.length).toBe(30);
    expect(longer.regrets.slice(0, 20)).toEqual(long.regrets);
  });

  it('give the peer the same objective', async () => {
    const { lanes } = lanesWith();
    const { regret } = await openProblem('branin');
    const value = regret({ x1: 0, x2: 0 });
    expect(await lanes.run(theirs)).toEqual({ regrets: [value, value, value], remembered: false });
  });

  it('of the peer are rejected where there is none or where it ends; others go on', async () => {
    const absent = lanesWith({ peer: async () => Promise.reject(new PeerUnavailable('There is no Python.')) }).lanes;
    await expect(absent.run(theirs)).rejects.toThrow('There is no Python.');
    await expect(absent.run(ours)).resolves.toBeDefined();

    const { lanes } = lanesWith({ count: 1 });
    const rejected = lanes.run({ ...theirs, seed: 13 });
    await expect(rejected).rejects.toThrow(PeerUnavailable);
    await expect(rejected).rejects.toThrow('The peer ended with code 3');
    await expect(lanes.run(ours)).resolves.toBeDefined();
  });
});

describe('the memory of the peer’s studies', () => {
  it('spares a study that ran before, and says so', async () => {
    const path = await memoryFile();
    const first = await lanesWith({ memory: new StudyMemory(path, '1') }).lanes.run(theirs);
    // A line that was cut short.
    await appendFile(path, '{"key":');
    const { lanes, peer } = lanesWith({ memory: new StudyMemory(path, '1') });
    expect(await lanes.run({ ...theirs, trials: 2 })).toEqual({ regrets: first.regrets.slice(0, 2), remembered: true });
    expect(peer).not.toHaveBeenCalled();
  });

  it.each([
    ['other versions', '2', theirs],
    ['another seed', '1', { ...theirs, seed: 2 }],
    ['another sampler', '1', { ...theirs, contender: { side: 'optuna', sampler: 'gp' } }],
    ['more trials', '1', { ...theirs, trials: 4 }],
  ] as const)('does not stand for %s', async (_, versions, study) => {
    const path = await memoryFile();
    await new StudyMemory(path, '1').add(theirs, [3, 2, 1]);
    expect(await new StudyMemory(path, '1').find(theirs)).toEqual([3, 2, 1]);
    expect(await new StudyMemory(path, versions).find(study)).toBeUndefined();
  });

  it('keeps nothing of ours', async () => {
    const memory = new StudyMemory(await memoryFile(), '1');
    await lanesWith({ memory }).lanes.run(ours);
    expect(await memory.find(ours)).toBeUndefined();
  });
});
