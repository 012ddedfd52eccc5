import { expect, test } from 'vitest';
import { holdsCredentials, parseLocation, showLocation } from '../../contracts/location.ts';
import { nearest } from '../../contracts/nearest.ts';

test.each([
  ['data/x.csv', { kind: 'local', path: 'data/x.csv' }],
  ['C:/odd:name.csv', { kind: 'local', path: 'C:/odd:name.csv' }],
  ['s3://shop/2017/*.parquet', { kind: 's3', bucket: 'shop', key: '2017/*.parquet' }],
  ['https://shop.example/x.csv?day=1', { kind: 'https', url: 'https://shop.example/x.csv?day=1' }],
  ['http://shop.example/x.csv', null],
  ['ftp://shop.example/x.csv', null],
  ['file:///x.csv', null],
  ['https://ann:pw@shop.example/x.csv', null],
  ['https://ann@shop.example/x.csv', null],
  ['https://:pw@shop.example/x.csv', null],
  ['https://shop.example/ann@x.csv', { kind: 'https', url: 'https://shop.example/ann@x.csv' }],
  ['s3://key:pw@shop/x.csv', null],
  ['s3://shop/ann@x.csv', { kind: 's3', bucket: 'shop', key: 'ann@x.csv' }],
  ['s3://shop', null],
  ['s3://shop/', null],
  ['s3://shop/folder/', null],
  ['https://', null],
  ['', null],
])('the location %j means %j', (text, meaning) => {
  expect(parseLocation(text)).toEqual(meaning);
});

test.each([
  ['data/who?.csv', 'data/who?.csv'],
  ['s3://shop/2017-0?.csv', 's3://shop/2017-0?.csv'],
  ['https://shop.example:8443/a%20b/x.csv?sig=pw#pw', 'https://shop.example:8443/a%20b/x.csv'],
  ['https://ann:pw@shop.example/x.csv', 'https://shop.example/x.csv'],
  ['ftp://ann:pw@shop.example/x.csv?pw', 'ftp://shop.example/x.csv'],
  ['https://ann:p/pw@shop.example/x.csv?pw', 'https://shop.example/x.csv'],
  ['s3://key:pw@shop/x.csv', 's3://shop/x.csv'],
])('messages show %j as %j', (text, shown) => {
  expect(showLocation(text)).toBe(shown);
  expect(holdsCredentials(shown)).toBe(false);
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
