import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { errorCodes, type ErrorCode } from '../../contracts/errors.ts';
import { sourcesOf } from './sources.ts';

const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');
/** What follows each heading of the third level, up to the next heading. */
const sections = new Map(
  page
    .split(/^##+ /m)
    .slice(1)
    .filter((text) => /^[A-Z_]+\n/.test(text))
    .map((text) => [text.slice(0, text.indexOf('\n')), text.slice(text.indexOf('\n')).trim()]),
);
const codes = Object.keys(errorCodes) as ErrorCode[];

describe('docs/errors.md', () => {
  it('has a section for every code, and none for a code that there is not', () => {
    expect([...sections.keys()].toSorted()).toEqual(codes.toSorted());
  });

  it.each(codes)('tells of %s whether it is retried, what it means, a message and what to do', (code) => {
    const [retried, meaning, message, remedy] = sections.get(code)!.split('\n\n');
    expect(retried).toMatch(errorCodes[code].retryable ? /^Retried: yes\./ : /^Retried: no\./);
    expect(meaning).toMatch(/^[A-Z]/);
    expect(message).toMatch(/^> \S/);
    expect(remedy).toMatch(/^[A-Z]/);
  });
});

describe('error codes', () => {
  const elsewhere = [...sourcesOf('product')].filter(([path]) => path !== 'contracts/errors.ts');

  it.each(codes)('%s is raised somewhere', (code) => {
    const raising = elsewhere.filter(([, text]) => text.includes(`'${code}'`)).map(([path]) => path);
    expect(raising).not.toEqual([]);
  });
});
