import { describe, expect, it } from 'vitest';
import { defaultMemory, machineMemory, spellBytes } from '../../compute/pool/memory.ts';
import { parseSize, workerSettings } from '../../workers/settings.ts';

const [MiB, GiB] = [2 ** 20, 2 ** 30];

describe('TRADEWIND_WORKER_MEMORY', () => {
  const memoryOf = (env: NodeJS.ProcessEnv) => workerSettings(env).memoryBytes;

  it.each([
    ['12GiB', 12 * GiB],
    ['12Gi', 12 * GiB],
    ['1.5 gib', 1.5 * GiB],
    ['512MiB', 512 * MiB],
    ['2TiB', 2048 * GiB],
    ['12GB', 12e9],
    ['12G', 12e9],
    ['700m', 7e8],
    ['300000kB', 3e8],
    // What a container's limit looks like when Kubernetes passes it on.
    ['536870912', 512 * MiB],
    ['536870912B', 512 * MiB],
  ])('%s', (text, bytes) => {
    expect(memoryOf({ TRADEWIND_WORKER_MEMORY: text })).toBe(bytes);
  });

  it.each(['', '12', '255MiB', 'much', '12 elephants', '-1GiB', '1e3GiB', '12GiBB', '999999999999i'])(
    'refuses %j with the rule, an example and the name',
    (text) => {
      expect(() => memoryOf({ TRADEWIND_WORKER_MEMORY: text })).toThrow(
        expect.objectContaining({
          code: 'USAGE',
          message: `The environment variable TRADEWIND_WORKER_MEMORY must be a size of at least 256MiB, such as 12GiB. Got ${JSON.stringify(text)}. Correct it; see docs/settings.md.`,
        }),
      );
    },
  );

  it('is three quarters of the machine by default, shared by the workers of its stack', () => {
    expect(memoryOf({})).toBe(Math.floor(0.75 * machineMemory()));
    expect(memoryOf({ TRADEWIND_WORKERS: '3' })).toBe(Math.floor(defaultMemory() / 3));
    expect(memoryOf({ TRADEWIND_WORKERS: '3', TRADEWIND_WORKER_MEMORY: '1GiB' })).toBe(GiB);
  });
});

describe('amounts of memory', () => {
  it.each([
    [183 * MiB, '183 MiB'],
    [2 * GiB, '2 GiB'],
    [1.5 * GiB, '1.5 GiB'],
    [1023.6 * MiB, '1 GiB'],
    [0, '0 MiB'],
  ])('%d is spelled %s', (bytes, text) => {
    expect(spellBytes(bytes)).toBe(text);
  });

  it('are read as they are spelled', () => {
    for (const bytes of [256 * MiB, 3 * GiB]) expect(parseSize(spellBytes(bytes))).toBe(bytes);
  });
});
