/**
 * `/v2`: the Open Inference Protocol over REST (kserve/open-inference-protocol), as Triton and KServe speak it. Errors
 * have the protocol's shape, `{"error": "<sentence>"}`; readiness is 200 for true and 400 for false.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { App, RouteContext } from './app.ts';
import { parseRequest } from './request-schemas.ts';
import { inferSchema, readTensors, writeTensor, type TensorJson } from './tensor-json.ts';

/** A batch of masks over a large catalogue as JSON. */
const bodyLimit = 64 * 1024 * 1024;

interface ModelParams {
  model: string;
  version?: string;
}

export interface InferAnswer {
  model_name: string;
  model_version: string;
  id?: string;
  outputs: TensorJson[];
}

export function inferenceProtocolRoutes(app: App, { champions, metrics, draining }: RouteContext): void {
  app.get('/v2', () => ({ name: 'tradewind', version: '2', extensions: [] }));

  app.get('/v2/health/live', { config: { open: true } }, () => ({ live: true }));

  app.get('/v2/health/ready', { config: { open: true } }, (_request, reply) => {
    const ready = champions.ready && !draining();
    return reply.code(ready ? 200 : 400).send({ live: true, ready });
  });

  for (const prefix of ['/v2/models/:model', '/v2/models/:model/versions/:version']) {
    app.get<{ Params: ModelParams }>(prefix, ({ params }) => {
      const { model, version, threads } = champions.serving(params.model, params.version);
      const { inputs, outputs } = threads.facts;
      return { name: model, versions: [String(version)], platform: 'onnxruntime_onnx', inputs, outputs };
    });

    app.get<{ Params: ModelParams }>(`${prefix}/ready`, ({ params }, reply) => {
      const ready = champions.isReady(params.model, params.version);
      return reply.code(ready ? 200 : 400).send({ name: params.model, ready });
    });

    app.post<{ Params: ModelParams }>(`${prefix}/infer`, { bodyLimit }, infer);
  }

  async function infer(request: FastifyRequest<{ Params: ModelParams }>, reply: FastifyReply): Promise<InferAnswer> {
    const { model, version, threads } = champions.serving(request.params.model, request.params.version);
    request.served = { model, version };
    const body = parseRequest(inferSchema, request.body, 'body');
    const { tensors, outputs } = readTensors(body, threads.facts);
    const { value, runMilliseconds } = await threads.infer(tensors, outputs);
    metrics.inference.observe({ model, version }, runMilliseconds / 1000);
    reply.type('application/json');
    return {
      model_name: model,
      model_version: String(version),
      ...(body.id !== undefined && { id: body.id }),
      outputs: value.map(writeTensor),
    };
  }
}
