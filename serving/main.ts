/** The inference server's process. */
import { join } from 'node:path';
import { pino } from 'pino';
import { TradewindError } from '../contracts/errors.ts';
import { ArtifactStore } from '../store/artifact-store.ts';
import { ModelRegistry } from '../store/registry.ts';
import { ensureApiKey } from './api-key.ts';
import { ensureCertificates } from './certificates.ts';
import { Champions } from './champions.ts';
import { createMetrics } from './metrics.ts';
import { buildServer } from './server.ts';
import { readSettings, type ServingSettings } from './settings.ts';

/** A request that hangs must not keep the process from ending: "tradewind down" waits 15 seconds and then kills. */
const drainLimitMilliseconds = 12_000;

async function start(settings: ServingSettings): Promise<void> {
  const logger = pino({
    level: settings.logLevel,
    base: { name: 'tradewind-serving', pid: process.pid },
    redact: ['headers.authorization', 'headers["x-api-key"]', 'req.headers', '*.credentials', '*.secretAccessKey'],
  });
  // Inference threads inherit it: half of what a thread takes to start is compiling its modules.
  process.env['NODE_COMPILE_CACHE'] ??= join(settings.home, 'cache', 'node');
  const store = ArtifactStore.fromEnvironment({ ...process.env, TRADEWIND_HOME: settings.home });
  const metrics = createMetrics();
  const [certificates, apiKey] = await Promise.all([
    ensureCertificates(settings.home, settings.host),
    ensureApiKey(settings.home),
  ]);
  const { threads, pollMilliseconds } = settings;
  const registry = new ModelRegistry(store);
  const champions = new Champions({ registry, store, metrics, logger, threads, pollMilliseconds });
  const server = buildServer({ certificates, apiKey, champions, metrics, logger });
  await server.app.listen({ host: settings.host, port: settings.port }).catch((error: NodeJS.ErrnoException) => {
    throw new TradewindError('STACK_FAILED', {
      subject: 'The inference server',
      rule: `listen on ${settings.host}:${settings.port}`,
      value: error.code ?? error.message,
      remedy: 'Set TRADEWIND_API_HOST and TRADEWIND_API_PORT to an address that is free.',
    });
  });

  champions.start();

  let stopping = false;
  const stop = async (signal: string) => {
    if (stopping) return;
    stopping = true;
    logger.info({ signal }, 'draining');
    // Aborting is what terminated threads would do anyway, so past the limit the process ends without them.
    setTimeout(() => process.exit(1), drainLimitMilliseconds).unref();
    await server.drain();
    await champions.close();
    store.close();
    logger.info('ended');
    process.exit(0);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void stop(signal));

  const address = server.app.server.address();
  const port = typeof address === 'object' && address !== null ? address.port : settings.port;
  process.send?.({ type: 'ready', port });
}

try {
  await start(readSettings(process.env));
} catch (error) {
  console.error(error instanceof TradewindError ? error.message : error);
  if (error instanceof TradewindError && process.send !== undefined) {
    const { code, complaint } = error;
    await new Promise((sent) => process.send!({ type: 'failed', code, complaint }, sent));
  }
  process.exit(1);
}
