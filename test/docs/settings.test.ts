import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { sourcesOf } from './sources.ts';

const page = readFileSync(new URL('../../docs/settings.md', import.meta.url), 'utf8');
const namesIn = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, name]) => name);
const unique = (names: Iterable<string>) => [...new Set(names)].toSorted();

describe('docs/settings.md', () => {
  it('names every TRADEWIND_ variable of the sources, and no other', () => {
    const ours = /\b(TRADEWIND_[A-Z_]*[A-Z])\b/g;
    const read = [...sourcesOf('all')].flatMap(([path, text]) =>
      path.startsWith('test/docs/') ? [] : namesIn(text, ours),
    );
    expect(unique(namesIn(page, ours))).toEqual(unique(read));
  });

  it('names every variable that the product reads from the environment', () => {
    const read = [...sourcesOf('product').values()].flatMap((text) => [
      ...namesIn(text, /\benv\[['"]([A-Z][A-Z0-9_]+)['"]\]/g),
      ...namesIn(text, /\benv\.([A-Z][A-Z0-9_]+)\b/g),
    ]);
    expect(read).toContain('S3_ENDPOINT');
    expect(unique(read).filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
  });
});
