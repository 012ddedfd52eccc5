import { describe, expect, it } from 'vitest';
import { checkProviders, providerCheck } from '../../../scripts/doctor/compute.ts';

const missing = { provider: 'cuda', usable: false, reason: 'no CUDA device', remedy: 'Make one visible' } as const;

describe('what doctor says of what graphs can run on', () => {
  it('has a line for the CPU and for each provider of the platform, and no fault where none was asked for', async () => {
    const { TRADEWIND_EXECUTION_PROVIDER: _, ...env } = process.env;
    const checks = await checkProviders(env);
    expect(checks[0]).toEqual({ name: 'CPU', verdict: 'ok', found: 'graphs run on it' });
    for (const { verdict, found } of checks)
      expect(found).toMatch(verdict === 'ok' ? /^graphs run/ : /^not usable: \S/);
    expect(checks.filter(({ verdict }) => verdict === 'fail')).toEqual([]);
  });

  it('is a fault with its remedy where workers are to compute on it', () => {
    const found = 'not usable: no CUDA device';
    expect(providerCheck(missing, 'cuda')).toEqual({
      name: 'CUDA',
      verdict: 'fail',
      found,
      remedy: 'Make one visible.',
    });
    expect(providerCheck(missing, 'cpu')).toEqual({
      name: 'CUDA',
      verdict: 'skip',
      found: `${found}. Make one visible.`,
    });
    expect(providerCheck({ provider: 'webgpu', usable: false, reason: 'no GPU' }, 'webgpu').remedy).toBe(
      'Set TRADEWIND_EXECUTION_PROVIDER=cpu.',
    );
    expect(providerCheck({ provider: 'cuda', usable: true }, 'cuda').found).toContain('what workers compute on');
  });
});
