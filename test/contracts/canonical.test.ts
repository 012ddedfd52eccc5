import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { canonicalJson, sha256 } from '../../contracts/canonical.ts';

test('canonical JSON does not depend on the order in which keys were written', () => {
  expect(canonicalJson({ b: 1, a: { d: [1, 2], c: null } })).toBe('{"a":{"c":null,"d":[1,2]},"b":1}');
  expect(canonicalJson({ a: { c: null, d: [1, 2] }, b: 1 })).toBe(canonicalJson({ b: 1, a: { d: [1, 2], c: null } }));
});

test('keys are ordered by UTF-16 code units, as RFC 8785 wants it, not by locale', () => {
  expect(canonicalJson({ é: 1, z: 2, Z: 3, '10': 4, '9': 5 })).toBe('{"10":4,"9":5,"Z":3,"z":2,"é":1}');
});

test('numbers and strings are spelled in one way', () => {
  expect(canonicalJson([1.0, -0, 1e21, 0.1, 'a"\n\u2028'])).toBe('[1,0,1e+21,0.1,"a\\"\\n\u2028"]');
});

test('a key without a value is left out, a list keeps its length', () => {
  expect(canonicalJson({ a: undefined, b: [] })).toBe('{"b":[]}');
  expect(() => canonicalJson([undefined])).toThrow(/Got undefined/);
  // eslint-disable-next-line no-sparse-arrays
  expect(() => canonicalJson([1, , 2])).toThrow(/Got undefined/);
});

test.each([NaN, Infinity, 1n, new Date(0), new Map(), () => 1, Symbol('a')])('%s has no canonical JSON', (value) => {
  expect(() => canonicalJson(value)).toThrow(TypeError);
});

test('plain objects of another realm count as plain when their prototype is null', () => {
  expect(canonicalJson(runInNewContext('Object.assign(Object.create(null), { b: 1, a: 2 })'))).toBe('{"a":2,"b":1}');
});

test('SHA-256 is taken of UTF-8 bytes', () => {
  expect(sha256('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  expect(sha256('é')).toBe(sha256(new Uint8Array([0xc3, 0xa9])));
});
