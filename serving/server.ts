/** Builds the inference server: HTTPS, the key, errors, metrics and log of every route. */
import { randomUUID } from 'node:crypto';
import Fastify, { type FastifyReply, type FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { TradewindError } from '../contracts/errors.ts';
import { apiKeyCheck } from './api-key.ts';
import type { App } from './app.ts';
import type { Certificates } from './certificates.ts';
import type { Champions } from './champions.ts';
import { inferenceProtocolRoutes } from './inference-protocol-routes.ts';
import type { Metrics } from './metrics.ts';
import { operationsRoutes } from './operations-routes.ts';
import { recommendationRoutes } from './recommendation-routes.ts';
import { answerFor, Refusal } from './refusals.ts';

export interface ServerOptions {
  certificates: Pick<Certificates, 'certificate' | 'key'>;
  apiKey: string;
  champions: Champions;
  metrics: Metrics;
  logger: Logger;
}

export interface InferenceServer {
  app: App;
  /** Answers what is asked, tells clients to close their connections, then stops to listen. The champions stay open. */
  drain(): Promise<void>;
}

/** How long connections are told to close before nobody listens, so that a request on its way still finds us. */
const farewellMilliseconds = 300;
/** A request id that a client may choose. */
const requestIdPattern = /^[\w.:-]{1,128}$/;

export function buildServer({ certificates, apiKey, champions, metrics, logger }: ServerOptions): InferenceServer {
  let draining = false;
  const app: App = Fastify({
    https: { cert: certificates.certificate, key: certificates.key, minVersion: 'TLSv1.2' },
    loggerInstance: logger,
    // One line per request, written below: Fastify's own two carry addresses, and those carry user ids.
    disableRequestLogging: true,
    requestIdHeader: false,
    genReqId: ({ headers }) => {
      const given = headers['x-request-id'];
      return typeof given === 'string' && requestIdPattern.test(given) ? given : randomUUID();
    },
    bodyLimit: 1024 * 1024,
    routerOptions: { maxParamLength: 512 },
    requestTimeout: 30_000,
    return503OnClosing: false,
    // Addresses that cannot be decoded never reach a route or its hooks.
    frameworkErrors: (error, request, reply) => void answerError(error, request, reply),
  });
  app.removeContentTypeParser('text/plain');
  app.decorateRequest('served', null);

  const hasKey = apiKeyCheck(apiKey);
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id).header('cache-control', 'no-store');
    observe(request, reply);
    if (request.routeOptions.config.open !== true && !hasKey(request.headers)) {
      reply.header('www-authenticate', 'Bearer realm="tradewind"');
      throw new TradewindError('UNAUTHORIZED', {
        subject: 'The request',
        rule: 'carry the API key, as "Authorization: Bearer <key>" or "X-Api-Key: <key>"',
        remedy: 'Read it from the file "api-key" in the server\'s TRADEWIND_HOME.',
      });
    }
  });
  app.addHook('onSend', async (_request, reply) => {
    if (draining) reply.header('connection', 'close');
  });

  function observe(request: FastifyRequest, reply: FastifyReply): void {
    metrics.inFlight.inc();
    // 'close' comes once for every request, those whose client went away included.
    reply.raw.once('close', () => {
      metrics.inFlight.dec();
      const status = reply.raw.writableFinished ? reply.statusCode : 499;
      const route = request.routeOptions.url ?? 'unmatched';
      const { model = '', version = '' } = request.served ?? {};
      const labels = { method: request.method, route, status, model, version };
      metrics.requests.observe(labels, reply.elapsedTime / 1000);
      const level = status >= 500 ? 'error' : status >= 400 ? 'info' : 'debug';
      request.log[level]({ ...labels, milliseconds: Math.round(reply.elapsedTime * 100) / 100 }, 'answered');
    });
  }

  app.setNotFoundHandler(({ method }) => {
    throw new Refusal(404, 'REQUEST_INVALID', {
      subject: 'The address',
      rule: `be one that the inference server knows for ${method}`,
      remedy: 'See docs/api.md.',
    });
  });
  app.setErrorHandler(answerError);

  function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply) {
    const { status, code, message } = answerFor(error, request.id);
    if (status >= 500) request.log.error({ err: error }, 'a request failed');
    if (status === 503) reply.header('retry-after', '1');
    const ofProtocol = request.url.startsWith('/v2');
    return reply.code(status).send({ error: ofProtocol ? message : { code, message } });
  }

  const context = { champions, metrics, draining: () => draining };
  recommendationRoutes(app, context);
  inferenceProtocolRoutes(app, context);
  operationsRoutes(app, context);

  return {
    app,
    async drain() {
      if (draining) return;
      draining = true;
      await new Promise((resolve) => setTimeout(resolve, farewellMilliseconds));
      await app.close();
    },
  };
}
