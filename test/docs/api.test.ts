import { readFileSync } from 'node:fs';
import Fastify from 'fastify';
import { describe, expect, it } from 'vitest';
import { recommenderTensors } from '../../contracts/artifacts.ts';
import type { App, RouteContext } from '../../serving/app.ts';
import { inferenceProtocolRoutes } from '../../serving/inference-protocol-routes.ts';
import { createMetrics } from '../../serving/metrics.ts';
import { operationsRoutes } from '../../serving/operations-routes.ts';
import { recommendationRoutes } from '../../serving/recommendation-routes.ts';

const page = readFileSync(new URL('../../docs/api.md', import.meta.url), 'utf8');
const sorted = (names: Iterable<string>) => [...new Set(names)].toSorted();

/** What the server's own routes register. */
function addresses(): string[] {
  const app = Fastify({ exposeHeadRoutes: false });
  const found: string[] = [];
  app.addHook('onRoute', ({ method, url }) => {
    found.push(...[method].flat().map((name) => `${name} ${url.replaceAll(/:(\w+)/g, '{$1}')}`));
  });
  const context = {} as RouteContext;
  for (const routes of [recommendationRoutes, inferenceProtocolRoutes, operationsRoutes]) {
    routes(app as unknown as App, context);
  }
  return found;
}

describe('docs/api.md', () => {
  it('lists every address of the server, and no other', () => {
    const documented = [...page.matchAll(/(?:^### |`)((?:GET|POST) \/[\w/{}]*)/gm)].map(([, address]) => address);
    expect(sorted(documented)).toEqual(sorted(addresses()));
  });

  it('lists every metric of the server, and no other', () => {
    const metrics = createMetrics()
      .registry.getMetricsAsArray()
      .map(({ name }) => name)
      .filter((name) => name.startsWith('tradewind_'));
    expect(sorted([...page.matchAll(/`(tradewind_\w+)`/g)].map(([, name]) => name))).toEqual(sorted(metrics));
  });

  it('describes every tensor of a recommender', () => {
    for (const name of Object.values(recommenderTensors)) expect(page).toMatch(new RegExp(`^\\| \`${name}\``, 'm'));
  });

  it('shows JSON that can be parsed', () => {
    const examples = [...page.matchAll(/^```json\n(.*?)^```$/gms)].map(([, text]) => text);
    expect(examples.length).toBeGreaterThan(3);
    for (const example of examples) expect(() => JSON.parse(example) as unknown, example).not.toThrow();
  });
});
