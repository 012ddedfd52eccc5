import { describe, expect, it } from 'vitest';
import { addresses } from '../../../scripts/commands/up.ts';
import { stackEnvironment } from '../../../scripts/stack/environment.ts';
import { initialState } from '../../../scripts/stack/supervise.ts';

describe('what a stack’s workers compute on', () => {
  const s3 = { S3_ENDPOINT: 'https://s3.example.com' };
  const state = (env: NodeJS.ProcessEnv) => initialState('/home', { ...s3, ...env });
  const cuda = { TRADEWIND_EXECUTION_PROVIDER: 'cuda', TRADEWIND_GPU_DEVICE: '1' };

  it('is the CPU, and nothing is said of it', () => {
    const standard = state({});
    expect(standard.workers.provider).toBe('cpu');
    expect(addresses(standard).map(([title]) => title)).not.toContain('Workers compute on');
    expect(stackEnvironment(standard, s3)).toMatchObject({ TRADEWIND_EXECUTION_PROVIDER: 'cpu' });
  });

  it('is what was asked for, passed on and said', () => {
    const asked = state(cuda);
    expect(asked.workers).toMatchObject({ provider: 'cuda', gpu: 1 });
    expect(addresses(asked)).toContainEqual(['Workers compute on', 'cuda, GPU 1']);
    // The supervisor restarts workers with this, whatever the shell of a later command holds.
    expect(stackEnvironment(asked, { ...s3, TRADEWIND_EXECUTION_PROVIDER: 'cpu' })).toMatchObject(cuda);
  });

  it.each([
    [{ TRADEWIND_EXECUTION_PROVIDER: 'gpu' }, 'TRADEWIND_EXECUTION_PROVIDER must be one of cpu, cuda, '],
    [{ ...cuda, TRADEWIND_GPU_DEVICE: 'one' }, 'TRADEWIND_GPU_DEVICE must be the number of a GPU, from 0. Got "one".'],
  ])('is refused before anything is started: %j', (env, message) => {
    expect(() => state(env)).toThrow(message);
  });
});
