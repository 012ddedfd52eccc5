/** Health for whoever supervises the server, and metrics for Prometheus. */
import type { App, RouteContext } from './app.ts';

export function operationsRoutes(app: App, { champions, metrics, draining }: RouteContext): void {
  // Alive: the event loop turns. Open, as is readiness, because a supervisor's probe carries no key.
  app.get('/healthz', { config: { open: true } }, () => ({ status: 'ok' }));

  // Ready: every champion of the registry is served, be it in an older version whose successor cannot be loaded.
  app.get('/readyz', { config: { open: true } }, (_request, reply) => {
    const ready = champions.ready && !draining();
    return reply.code(ready ? 200 : 503).send({ status: ready ? 'ok' : draining() ? 'draining' : 'loading' });
  });

  // With a key like everything else: names of models and traffic are nobody's business. Prometheus sends it with
  // `authorization: { credentials_file: <home>/api-key }`.
  app.get('/metrics', async (_request, reply) => {
    reply.type(metrics.registry.contentType);
    return metrics.registry.metrics();
  });
}
