/** The Fastify application's type, and what a request carries from the route to the metrics. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Server } from 'node:https';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import type { Champions } from './champions.ts';
import type { Metrics } from './metrics.ts';

export type App = FastifyInstance<Server, IncomingMessage, ServerResponse, Logger>;

export interface RouteContext {
  champions: Champions;
  metrics: Metrics;
  /** True from the signal to stop until the end: not ready for more. */
  draining: () => boolean;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** The version that answers, once it is known. */
    served: { model: string; version: number } | null;
  }
  interface FastifyContextConfig {
    /** Answers without an API key: health, and nothing else. */
    open?: boolean;
  }
}
