import { describe, expect, it } from 'vitest';
import { recommenderTensors as names } from '../../../contracts/artifacts.ts';
import { Random } from '../../../contracts/random.ts';
import { describeModel } from '../../../compute/onnx/model.ts';
import { lowerPopularity } from '../../../models/lowering/popularity.ts';
import { ask, catalogueOf, randomHistory, ranked, withGraph } from './asking.ts';

const items = 40;
const catalogue = catalogueOf(items);
// Many ties: 8 values over 40 items.
const scores = Float32Array.from({ length: items }, (_, i) => (i * 13) % 8);
const bytes = lowerPopularity({ scores }, catalogue, { b: '2', a: '1' });

describe('the popularity graph', () => {
  it('ranks the same for everybody, ties by the place in the catalogue', async () => {
    const random = new Random(1);
    const histories = [[], randomHistory(random, catalogue, 5), randomHistory(random, catalogue, 30)];
    const expected = ranked(scores, catalogue, 12);
    await withGraph(bytes, async (session) => {
      const answer = await ask(session, { histories, k: 12 }, items);
      expect(answer.ids).toEqual([expected.ids, expected.ids, expected.ids]);
      expect(answer.scores).toEqual([expected.scores, expected.scores, expected.scores]);
    });
  });

  it('leaves out what the mask forbids, each history by its own row', async () => {
    const allowed = [0, 1].map((row) => Array.from({ length: items }, (_, i) => i % 2 === row));
    await withGraph(bytes, async (session) => {
      const answer = await ask(session, { histories: [[], []], allowed, k: 5 }, items);
      expect(answer.ids).toEqual(allowed.map((mask) => ranked(scores, catalogue, 5, mask).ids));
    });
  });

  it('fills places that no allowed item takes with no id and −inf', async () => {
    const none = Array.from({ length: items }, () => false);
    const three = none.map((_, i) => i < 3);
    await withGraph(bytes, async (session) => {
      const answer = await ask(session, { histories: [[], []], allowed: [none, three], k: 4 }, items);
      expect(answer.ids[0]).toEqual(['', '', '', '']);
      expect(answer.scores[0]).toEqual([-Infinity, -Infinity, -Infinity, -Infinity]);
      expect(answer.ids[1]).toEqual(ranked(scores, catalogue, 4, three).ids);
      expect(answer.ids[1][3]).toBe('');
      expect(answer.scores[1][3]).toBe(-Infinity);
    });
  });

  it('answers with the whole catalogue when asked for more', async () => {
    await withGraph(bytes, async (session) => {
      const answer = await ask(session, { histories: [[]], k: 1000 }, items);
      expect(answer.ids[0]).toEqual(ranked(scores, catalogue, items).ids);
    });
  });

  it('has the tensors of every recommender, and the metadata it was given', () => {
    const { inputs, outputs, metadata } = describeModel(bytes);
    expect(inputs).toEqual([
      { name: names.historyItems, datatype: 'string', shape: [-1, -1] },
      { name: names.historyWeights, datatype: 'float32', shape: [-1, -1] },
      { name: names.candidates, datatype: 'bool', shape: [-1, items] },
      { name: names.k, datatype: 'int64', shape: [1] },
    ]);
    expect(outputs).toEqual([
      { name: names.ids, datatype: 'string', shape: [-1, -1] },
      { name: names.scores, datatype: 'float32', shape: [-1, -1] },
    ]);
    expect(metadata).toEqual({ a: '1', b: '2' });
  });

  it('has the same bytes for the same model', () => {
    expect(Buffer.compare(bytes, lowerPopularity({ scores }, catalogue, { a: '1', b: '2' }))).toBe(0);
  });

  it.each<[string, string[], RegExp]>([
    ['an empty id, which pads histories', ['a', ''], /The item id "" must not be empty/],
    ['an id twice', ['a', 'a'], /The item id "a" must be in a catalogue once/],
    ['an id that a runtime would cut off', ['a', 'b\0c'], /without NUL/],
    ['an id that is no text', ['a', '\ud800'], /well-formed/],
    ['nothing', [], /must hold an item/],
    ['another number of items than there are scores', ['a', 'b', 'c'], /must have 3 elements. Got 2/],
  ])('is refused for a catalogue that holds %s', (_, ids, message) => {
    expect(() => lowerPopularity({ scores: new Float32Array(ids.length === 3 ? 2 : ids.length) }, ids, {})).toThrow(
      message,
    );
  });

  it('is refused when a score is not finite', () => {
    expect(() => lowerPopularity({ scores: Float32Array.of(1, Number.NaN) }, ['a', 'b'], {})).toThrow(
      expect.objectContaining({ code: 'TRAINING_DIVERGED' }),
    );
  });
});
