/** The shipped pipeline on the shipped data: what the README promises of it. */
import { fileURLToPath } from 'node:url';
import { expect, inject, it } from 'vitest';
import type { LifecycleResult } from '../../contracts/lifecycle.ts';
import { attachStack } from '../support/stack.ts';

const pipeline = fileURLToPath(new URL('../../pipelines/grocery-discovery.yaml', import.meta.url));

it('its champion reaches nDCG@10 0.048 in discovery, where popularity has 0.039', async () => {
  const stack = attachStack(inject('stackHome'));
  const result = await stack.json<LifecycleResult>('run', pipeline, '--wait');
  const discovery = (c: LifecycleResult['candidates'][number]) => c.evaluation!.discovery;
  const chosen = result.candidates.find((c) => c.chosen)!;
  const popularity = result.candidates.find((c) => c.algorithm === 'popularity')!;
  // The protocol's own count of households, and the published figures of its baseline.
  expect(discovery(chosen).users).toBe(1990);
  expect(discovery(popularity).metrics['ndcg@10']).toBeCloseTo(0.0392, 4);
  expect(popularity.evaluation!.repeat.metrics['ndcg@10']).toBeCloseTo(0.1803, 4);
  expect(discovery(chosen).metrics['ndcg@10']).toBeGreaterThanOrEqual(0.048);
  expect(result.version).toBe(1);
}, 300_000);
