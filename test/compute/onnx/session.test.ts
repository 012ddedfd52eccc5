import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Graph } from '../../../compute/graph/graph.ts';
import { encodeModel } from '../../../compute/onnx/model.ts';
import { plain } from '../graph/running.ts';
import { probeProvider } from '../../../compute/onnx/probe.ts';
import { openSession, type Session, type TensorValue } from '../../../compute/onnx/session.ts';
import { providers } from '../../../contracts/execution.ts';

function affine(): Uint8Array {
  const g = new Graph();
  const x = g.input('x', 'float32', ['batch', 2]);
  g.output('y', g.add(g.mul(x, g.input('scale', 'float32', [1])), 1));
  g.output('rows', g.sizeTensor('batch'));
  return encodeModel(g.toModel());
}

const x: TensorValue = { datatype: 'float32', shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) };
const scale: TensorValue = { datatype: 'float32', shape: [1], data: Float32Array.of(10) };

let folder: string;
let path: string;
let session: Session;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tradewind-session-'));
  path = join(folder, 'affine.onnx');
  await writeFile(path, affine());
  session = await openSession(path, { threads: 2 });
});
afterAll(async () => {
  await session.close();
  await rm(folder, { recursive: true });
});

describe('a session', () => {
  it('runs a graph from a file and from bytes alike', async () => {
    const other = await openSession(affine());
    const [a, b] = [await session.run({ x, scale }), await other.run({ x, scale })];
    expect(a['y']).toEqual({ datatype: 'float32', shape: [2, 2], data: Float32Array.of(11, 21, 31, 41) });
    expect(b).toEqual(a);
    await other.close();
  });

  it('says what goes in and out, with −1 for free sizes', () => {
    expect(session.inputs).toEqual([
      { name: 'x', datatype: 'float32', shape: [-1, 2] },
      { name: 'scale', datatype: 'float32', shape: [1] },
    ]);
    expect(session.outputs.map((output) => [output.name, output.datatype])).toEqual([
      ['y', 'float32'],
      ['rows', 'int64'],
    ]);
    expect(session.provider).toBe('cpu');
  });

  it('computes only the outputs that are wanted', async () => {
    expect(await session.run({ x, scale }, ['rows'])).toEqual({
      rows: { datatype: 'int64', shape: [1], data: BigInt64Array.of(2n) },
    });
  });

  it.each<[string, Record<string, TensorValue>, string]>([
    ['missing', { x }, 'Tensor "scale" must be given.'],
    ['unknown', { x, scale, z: x }, 'Tensor "z" must be an input of the model.'],
    ['of another type', { x: { ...x, datatype: 'int32', data: new Int32Array(4) }, scale }, 'Got int32 [2, 2].'],
    ['of another shape', { x: { ...x, shape: [4, 1] }, scale }, 'must be float32 [any, 2]. Got float32 [4, 1].'],
    ['of another rank', { x: { ...x, shape: [4] }, scale }, 'Got float32 [4].'],
    ['too short for its shape', { x: { ...x, shape: [3, 2] }, scale }, 'must hold the 6 elements of its shape. Got 4.'],
  ])('refuses a feed that is %s, and names what the model takes', async (_, feeds, message) => {
    const refused = session.run(feeds);
    await expect(refused).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
    await expect(refused).rejects.toThrow(message);
    await expect(refused).rejects.toThrow('The model takes x: float32 [any, 2], scale: float32 [1].');
  });

  it('refuses a file that is not there, or that onnxruntime cannot load', async () => {
    for (const threads of [0, -1, 1.5, Number.NaN]) {
      await expect(openSession(path, { threads })).rejects.toThrow(RangeError);
    }
    await expect(openSession(join(folder, 'nothing.onnx'))).rejects.toMatchObject({ code: 'ARTIFACT_MISSING' });
    await expect(openSession(new Uint8Array(10))).rejects.toMatchObject({ code: 'ARTIFACT_CORRUPT' });
  });
});

describe('execution providers', () => {
  it.each(providers)(
    '%s runs a graph where it is at hand, and is refused with what was found where not',
    async (provider) => {
      const { usable, reason } = await probeProvider({ provider });
      if (usable) {
        const accelerated = await openSession(path, { provider });
        expect(accelerated.provider).toBe(provider);
        expect(plain((await accelerated.run({ x, scale }))['y'])).toEqual([11, 21, 31, 41]);
        await accelerated.close();
      } else {
        const refused = openSession(path, { provider });
        await expect(refused).rejects.toMatchObject({ code: 'COMPUTE_REFUSED' });
        await expect(refused).rejects.toThrow(`The execution provider "${provider}" must be at hand. Got ${reason}. `);
        await expect(refused).rejects.toThrow(/[uU]se "cpu"\.$/);
      }
    },
  );
});
