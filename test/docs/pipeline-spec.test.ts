import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { algorithmNames, algorithms } from '../../contracts/algorithms.ts';
import { pipelineSpecSchema } from '../../contracts/spec.ts';
import { expectParameters, expectRule, leavesOf, pipelineSchema, rowsOf, sectionOf } from './keys.ts';

const page = readFileSync(new URL('../../docs/pipeline-spec.md', import.meta.url), 'utf8');

describe('docs/pipeline-spec.md', () => {
  const [beforeAlgorithms, algorithmSections] = page.split(/^## Algorithms$/m);
  const rows = rowsOf(beforeAlgorithms + algorithmSections.slice(algorithmSections.indexOf('\n## ')));
  const leaves = [...leavesOf(pipelineSchema.else, ['validation.columns'])];

  it('lists every key of the schema, and no other', () => {
    expect([...rows.keys()].toSorted()).toEqual(leaves.map(([path]) => path).toSorted());
  });

  it.each(leaves)('tells default and rule of %s', (...leaf) => expectRule(rows, leaf));

  it.each(algorithmNames)('has a table of the parameters of %s, with their defaults and ranges', (name) => {
    expectParameters(rowsOf(sectionOf(algorithmSections, name)), algorithms[name].parameters);
  });

  it('shows a smallest spec that is valid', () => {
    const [, smallest] = [...page.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, text]) => text);
    expect(pipelineSpecSchema.safeParse(parse(smallest)).error).toBeUndefined();
  });
});
