import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { providerEnvironment } from '../../../compute/onnx/gpu-libraries.ts';
import { probeProvider, probeProviders } from '../../../compute/onnx/probe.ts';
import { openSession } from '../../../compute/onnx/session.ts';
import { createComputePool } from '../../../compute/pool/pool.ts';
import type { Provider } from '../../../contracts/execution.ts';
import { softwareVulkan } from '../../support/software-vulkan.ts';
import { agreementProgram, compare, type Agreement } from './agreement.ts';

/**
 * Largest `|x − cpu| / (1 + |cpu|)` by element type; all other types must be equal. docs/gpu.md states the same.
 * @param name - of the program and its output
 */
function tolerance(provider: Provider, { name, datatype }: Agreement): number {
  // WGSL lets the two be off by 2⁻¹¹, whatever a GPU's own instructions do.
  if (provider === 'webgpu' && /^(Sin|Cos):/.test(name)) return 5e-4;
  return datatype === 'float64' ? 1e-9 : 1e-4;
}

async function agreements(provider: Provider, env: NodeJS.ProcessEnv): Promise<Agreement[]> {
  const { stdout } = await promisify(execFile)(process.execPath, [agreementProgram, provider], {
    env,
    timeout: 300_000,
  });
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as Agreement[];
}

const software = softwareVulkan();
afterAll(async () => {
  if (software) await rm(software.folder, { recursive: true });
});
/** What else than the machine's own devices a provider can be tried on. */
const substitutes: Partial<Record<Provider, { title: string; env: NodeJS.ProcessEnv }>> =
  software === undefined ? {} : { webgpu: { title: 'webgpu, on SwiftShader', env: software.env } };

const others = (await probeProviders()).filter(({ provider }) => provider !== 'cpu');

describe.each(others)('$provider', ({ provider, usable, reason }) => {
  it.skipIf(usable)('is refused where it is not at hand', async () => {
    await expect(openSession(new Uint8Array(1), { provider })).rejects.toMatchObject({
      code: 'COMPUTE_REFUSED',
      complaint: { value: reason },
    });
  });

  const substitute = substitutes[provider];
  const place = usable ? { title: provider, env: { ...process.env, ...providerEnvironment(provider) } } : substitute;
  it(`${place?.title ?? provider} computes what the CPU computes, within the stated tolerance`, async ({ skip }) => {
    const report = place && (await probeProvider({ provider }, { env: place.env }));
    if (!report?.usable) {
      // A driver that is there and fails is a fault.
      expect(report?.reason ?? 'nothing to try').toMatch(/^no/);
      const why = `${provider} was not held against the CPU: ${report?.reason ?? reason}`;
      console.warn(`skipped: ${why}`);
      return skip(why);
    }
    const found = await agreements(provider, place!.env);
    const apart = found.filter(
      (result) => result.error || result.differing || (result.distance ?? 0) > tolerance(provider, result),
    );
    expect(apart).toEqual([]);
    // Training is the last of them.
    expect(found.at(-1)!.name).toMatch(/^training: /);
    return undefined;
  }, 300_000);
});

describe('a compute process', () => {
  it.runIf(software)('is given what the drivers of GPUs look at', async () => {
    const before = { ...process.env };
    Object.assign(process.env, software!.env);
    const pool = createComputePool({ cores: 1 });
    const workDir = await mkdtemp(join(tmpdir(), 'tradewind-provider-'));
    try {
      const module = new URL('./provider-task.ts', import.meta.url).href;
      const task = { module, name: 'usable', input: { provider: 'webgpu' }, threads: 1, label: 'provider' } as const;
      const { usable } = await probeProvider({ provider: 'webgpu' });
      expect(await pool.run(task, { workDir })).toBe(usable);
    } finally {
      await pool.close();
      process.env = before;
      await rm(workDir, { recursive: true });
    }
  });
});

describe('the comparison', () => {
  const value = (...data: number[]) =>
    ({ datatype: 'float32', shape: [data.length], data: Float32Array.from(data) }) as const;
  const index = (...data: bigint[]) =>
    ({ datatype: 'int64', shape: [data.length], data: BigInt64Array.from(data) }) as const;

  it('is relative for large numbers and absolute for small ones', () => {
    expect(compare('x', value(0, 99), value(0.5, 99)).distance).toBe(0.5);
    expect(compare('x', value(0, 99), value(0, 100)).distance).toBe(0.01);
  });

  it('sees what is not finite in one place only, and nothing in infinities and NaN that both have', () => {
    expect(compare('x', value(NaN, Infinity, 1), value(NaN, Infinity, 1)).distance).toBe(0);
    for (const [cpu, other] of [
      [value(1, 1), value(1, NaN)],
      [value(NaN), value(1)],
      [value(1, Infinity), value(1, -Infinity)],
      [value(1), value(Infinity)],
    ]) {
      expect(compare('x', cpu, other).error).toBe('a value that is not finite, in one of the two');
    }
  });

  it('counts what differs among integers, and sees another type or shape', () => {
    expect(compare('x', index(1n, 2n, 3n), index(1n, 3n, 2n)).differing).toBe(2);
    expect(compare('x', value(1, 2), index(1n, 2n)).error).toBe('int64 [2] in place of float32 [2]');
  });
});
