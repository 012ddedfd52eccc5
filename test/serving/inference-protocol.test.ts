import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startGateway, type Gateway } from './gateway.ts';
import { startServer, type ServerProcess } from './server-process.ts';
import { promote, register, twoWorlds } from './shop.ts';

let gateway: Gateway;
let server: ServerProcess;
beforeAll(async () => {
  gateway = await startGateway();
  await promote(gateway, 'worlds', await register(gateway, 'worlds', twoWorlds()));
  server = await startServer(gateway.env);
  await server.post('/v1/refresh');
});
afterAll(async () => {
  await server?.stop();
  await gateway?.stop();
});

const all = Array<boolean>(12).fill(true);
const inputs = {
  history_items: { datatype: 'BYTES', shape: [1, 2], data: ['b0', 'unheard'] },
  history_weights: { datatype: 'FP32', shape: [1, 2], data: [2, 9] },
  candidates: { datatype: 'BOOL', shape: [1, 12], data: all },
  k: { datatype: 'INT64', shape: [1], data: [3] },
};
type Input = { datatype: string; shape: number[]; data: unknown[] };
/** The request above with some inputs in place of its own; `null` leaves one out. */
function body(changes: Record<string, Partial<Input> | null> = {}, rest: object = {}) {
  const merged = Object.entries({ ...inputs, ...changes }).flatMap(([name]) => {
    if (changes[name] === null) return [];
    return [{ name, ...(inputs as Record<string, Input>)[name], ...changes[name] }];
  });
  return { inputs: merged, ...rest };
}
const infer = (request: unknown, model = 'worlds') => server.post(`/v2/models/${model}/infer`, request);

describe('the Open Inference Protocol', () => {
  test('describes server and model', async () => {
    expect((await server.get('/v2')).json).toEqual({ name: 'tradewind', version: expect.any(String), extensions: [] });
    const { json } = await server.get('/v2/models/worlds');
    expect(json).toEqual({
      name: 'worlds',
      versions: ['1'],
      platform: 'onnxruntime_onnx',
      inputs: [
        { name: 'history_items', datatype: 'BYTES', shape: [-1, -1] },
        { name: 'history_weights', datatype: 'FP32', shape: [-1, -1] },
        { name: 'candidates', datatype: 'BOOL', shape: [-1, 12] },
        { name: 'k', datatype: 'INT64', shape: [1] },
      ],
      outputs: [
        { name: 'ids', datatype: 'BYTES', shape: [-1, -1] },
        { name: 'scores', datatype: 'FP32', shape: [-1, -1] },
      ],
    });
    expect((await server.get('/v2/models/worlds/versions/1')).json).toEqual(json);
  });

  test('tells which models and versions are ready', async () => {
    expect((await server.get('/v2/health/live')).json).toEqual({ live: true });
    expect((await server.get('/v2/health/ready')).json).toEqual({ live: true, ready: true });
    for (const [path, status] of [
      ['/v2/models/worlds/ready', 200],
      ['/v2/models/worlds/versions/1/ready', 200],
      ['/v2/models/worlds/versions/2/ready', 400],
    ] as const) {
      const answer = await server.get(path);
      expect([path, answer.status, answer.json]).toEqual([path, status, { name: 'worlds', ready: status === 200 }]);
    }
    const unknown = await server.get('/v2/models/mystery/ready');
    expect(unknown.status).toBe(404);
    expect(unknown.json).toEqual({ error: expect.stringContaining('The model "mystery" must have a champion') });
  });

  test('infers: names, shapes and types of the graph in and out, and the id comes back', async () => {
    const { status, json } = await infer(body({}, { id: 'request 9' }));
    expect(status).toBe(200);
    expect(json).toEqual({
      model_name: 'worlds',
      model_version: '1',
      id: 'request 9',
      outputs: [
        { name: 'ids', datatype: 'BYTES', shape: [1, 3], data: ['b0', 'b1', 'b2'] },
        { name: 'scores', datatype: 'FP32', shape: [1, 3], data: [12, 10, 8] },
      ],
    });
  });

  test('takes nested data, a batch with one mask for all, and gives only the outputs asked for', async () => {
    const request = body(
      {
        history_items: { shape: [2, 1], data: [['a0'], ['b0']] },
        history_weights: { shape: [2, 1], data: [[1], [1]] },
        candidates: { data: [all.map((_, i) => i > 1)] },
      },
      { outputs: [{ name: 'ids' }] },
    );
    const { json } = await server.post('/v2/models/worlds/versions/1/infer', request);
    expect(json.outputs).toEqual([
      { name: 'ids', datatype: 'BYTES', shape: [2, 3], data: ['a1', 'a2', 'a3', 'b1', 'b2', 'b3'] },
    ]);
  });

  test('writes places that no allowed item fills as "" with the lowest float32', async () => {
    const { json } = await infer(body({ candidates: { data: all.map((_, i) => i === 4) } }));
    expect(json.outputs[0].data).toEqual(['a2', '', '']);
    expect(Math.fround(json.outputs[1].data[2])).toBe(-3.4028234663852886e38);
  });

  test.each([
    ['an input is missing', body({ k: null }), 'The input "k" must be there once. Got 0 of it.'],
    [
      'an input is unknown',
      body({ extra: { datatype: 'FP32', shape: [1], data: [1] } }),
      'The input "extra" must be one of the model',
    ],
    [
      'a datatype is another',
      body({ k: { datatype: 'INT32' } }),
      'The input "k" must have the datatype INT64. Got INT32.',
    ],
    [
      'a rank is another',
      body({ history_items: { shape: [2] } }),
      'must have the shape [-1, -1], where -1 is free. Got [2].',
    ],
    [
      'a mask has another width',
      body({ candidates: { shape: [1, 11], data: all.slice(1) } }),
      'must have the shape [-1, 12]',
    ],
    [
      'data are fewer than the shape says',
      body({ history_items: { data: ['b0'] } }),
      'must hold the 2 elements of its shape, flat or nested. Got 1.',
    ],
    [
      'nested data have another form',
      body({ history_items: { data: [['b0'], ['b1']] } }),
      'Got lists of other lengths.',
    ],
    [
      'a boolean is a number',
      body({ candidates: { data: [1, ...all.slice(1)] } }),
      'must hold true and false only. Got 1.',
    ],
    ['a string is a number', body({ history_items: { data: ['b0', 7] } }), 'must hold strings without NUL only.'],
    ['a number is none', body({ history_weights: { data: [1, null] } }), 'must hold numbers only. Got null.'],
    ['a number is beyond float32', body({ history_weights: { data: [1, 1e39] } }), 'must hold numbers within float32.'],
    [
      'weights have another shape than items',
      body({ history_weights: { shape: [1, 1], data: [1] } }),
      'must have the shape of "history_items", [1, 2]. Got [1, 1].',
    ],
    [
      'the mask has another batch',
      body({ candidates: { shape: [3, 12], data: [...all, ...all, ...all] } }),
      'must have the shape [1, 12] or [1, 12]. Got [3, 12].',
    ],
    ['k is above the catalogue', body({ k: { data: [13] } }), '"k" must be one integer in [1, 12]. Got 13.'],
    ['k is no integer', body({ k: { data: [1.5] } }), 'must hold integers below 2^53 only. Got 1.5.'],
    [
      'an output is unknown',
      body({}, { outputs: [{ name: 'labels' }] }),
      'The output "labels" must be one of the model: ids, scores.',
    ],
    ['there are no inputs', {}, '"inputs" in the body must be of the type array.'],
  ])('refuses with 400 and one sentence when %s', async (_what, request, sentence) => {
    const { status, json } = await infer(request);
    expect(json).toEqual({ error: expect.stringContaining(sentence) });
    expect(status).toBe(400);
  });

  test('answers 404 for models and versions that are not served', async () => {
    for (const path of ['mystery', 'worlds/versions/2', 'worlds/versions/latest']) {
      const { status, json } = await infer(body(), path);
      expect([path, status, typeof json.error]).toEqual([path, 404, 'string']);
    }
  });
});
