import { expect, test } from 'vitest';
import { parseLocation } from '../../contracts/location.ts';
import { nearest } from '../../contracts/nearest.ts';

test.each([
  ['data/x.csv', { kind: 'local', path: 'data/x.csv' }],
  ['C:/odd:name.csv', { kind: 'local', path: 'C:/odd:name.csv' }],
  ['s3://shop/2017/*.parquet', { kind: 's3', bucket: 'shop', key: '2017/*.parquet' }],
  ['https://shop.example/x.csv?day=1', { kind: 'https', url: 'https://shop.example/x.csv?day=1' }],
  ['http://shop.example/x.csv', null],
  ['ftp://shop.example/x.csv', null],
  ['file:///x.csv', null],
  ['s3://shop', null],
  ['s3://shop/', null],
  ['s3://shop/folder/', null],
  ['https://', null],
  ['', null],
])('the location %j means %j', (text, meaning) => {
  expect(parseLocation(text)).toEqual(meaning);
});

test.each([
  ['trails', ['trials', 'parallel'], 'trials'],
  ['sed', ['seed', 'task'], 'seed'],
  ['Household_ID', ['household_id', 'basket_id'], 'household_id'],
  ['neighbors', ['neighbours', 'similarity'], 'neighbours'],
  ['x', ['similarity', 'k1'], undefined],
  ['colour', ['neighbours', 'weighting'], undefined],
])('the name nearest to %j among %j is %j', (word, names, found) => {
  expect(nearest(word, names)).toBe(found);
});
