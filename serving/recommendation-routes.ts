/** `/v1`: recommendations for a known user or a basket, and what is served. */
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { lanes, type Lane } from '../contracts/artifacts.ts';
import type { App, RouteContext } from './app.ts';
import type { ServedVersion } from './champions.ts';
import type { Recommendation, RecommendedItem, RecommendQuery } from './inference-messages.ts';
import { parseRequest } from './request-schemas.ts';

const maxK = 1_000;
const maxIds = 100_000;
/** A hundred thousand ids fit it. */
const bodyLimit = 4 * 1024 * 1024;

const itemId = z.string().min(1).max(512);
const kRule = { error: `must be an integer in [1, ${maxK}]` };
const lane = z.enum(lanes).default('discovery');

const querySchema = z.strictObject({
  k: z
    .string()
    .regex(/^\d{1,4}$/, kRule)
    .transform(Number)
    .refine((k) => k >= 1 && k <= maxK, kRule)
    .default(10),
  model: z.string().optional(),
  lane,
});

const weightRule = { error: 'must be a number in (0, 1000000]' };
const weightedItem = z.strictObject({
  id: itemId,
  weight: z.number(weightRule).positive(weightRule).max(1e6, weightRule).default(1),
});
const basketSchema = z.strictObject({
  items: z
    .array(
      z.union([itemId.transform((id) => ({ id, weight: 1 })), weightedItem], {
        error: 'must be an item id or {"id", "weight"?}',
      }),
    )
    .max(maxIds),
  k: z.int(kRule).min(1, kRule).max(maxK, kRule).default(10),
  model: z.string().optional(),
  lane,
  exclude: z.array(itemId).max(maxIds).optional(),
  candidates: z.array(itemId).min(1).max(maxIds).optional(),
});

export interface RecommendationAnswer {
  model: string;
  version: number;
  /** Left out for a basket. */
  user?: string;
  known: boolean;
  /** Ids of the request outside the catalogue; left out where the request names none. */
  unknownItems?: number;
  unknownCandidates?: number;
  requestId: string;
  lane: Lane;
  k: number;
  /** Items that might have been recommended; `items` is shorter than `k` only when this is. */
  allowed: number;
  items: RecommendedItem[];
}

export function recommendationRoutes(app: App, { champions, metrics }: RouteContext): void {
  app.get<{ Params: { user: string } }>('/v1/recommendations/:user', async (request): Promise<RecommendationAnswer> => {
    const { user } = request.params;
    const { k, model, lane } = parseRequest(querySchema, request.query, 'query');
    const { served, value } = await ask(request, champions.serving(model), { user, lane, k });
    const { known, allowed, items } = value;
    return {
      model: served.model,
      version: served.version,
      user,
      known,
      requestId: request.id,
      lane,
      k,
      allowed,
      items,
    };
  });

  app.post('/v1/recommendations', { bodyLimit }, async (request): Promise<RecommendationAnswer> => {
    const { items: basket, model, ...rest } = parseRequest(basketSchema, request.body, 'body');
    const { served, value } = await ask(request, champions.serving(model), { basket, ...rest });
    const { known, unknownItems, unknownCandidates, allowed, items } = value;
    return {
      model: served.model,
      version: served.version,
      known,
      unknownItems,
      ...(rest.candidates && { unknownCandidates }),
      requestId: request.id,
      lane: rest.lane,
      k: rest.k,
      allowed,
      items,
    };
  });

  app.get('/v1/models', () => ({ models: champions.status() }));

  // Looks for new champions now instead of at the next poll, and answers when they are served or have failed.
  app.post('/v1/refresh', async () => ({ models: await champions.refresh() }));

  async function ask(
    request: FastifyRequest,
    served: ServedVersion,
    query: RecommendQuery,
  ): Promise<{ served: ServedVersion; value: Recommendation }> {
    const { model, version } = served;
    request.served = { model, version };
    const { value, runMilliseconds } = await served.threads.recommend(query);
    metrics.inference.observe({ model, version }, runMilliseconds / 1000);
    return { served, value };
  }
}
