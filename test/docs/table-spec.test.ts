import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { ParameterTable } from '../../contracts/parameters.ts';
import { columnSteps, selectionSteps } from '../../contracts/preparation.ts';
import { tableAlgorithmNames, tableAlgorithms } from '../../contracts/table-algorithms.ts';
import { tableMetrics } from '../../contracts/table-evaluation.ts';
import { tableSpecSchema } from '../../contracts/table-spec.ts';
import { expectParameters, expectRule, leavesOf, pipelineSchema, rowsOf, sectionOf } from './keys.ts';

const read = (name: string) => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');
const page = read('table-spec.md');

/** Tables by their headings: of keys, of steps' parameters, of metrics. */
const tablesOf = (heading: string) =>
  page.split(/\n\n+/).flatMap((block) => (block.startsWith(`| ${heading} |`) ? [block] : []));

describe('docs/table-spec.md', () => {
  const rows = rowsOf(tablesOf('key').join('\n'));
  const leaves = [...leavesOf(pipelineSchema.then)];

  it('lists every key of the schema, and no other', () => {
    expect([...rows.keys()].toSorted()).toEqual(leaves.map(([path]) => path).toSorted());
  });

  it.each(leaves)('tells default and rule of %s', (...leaf) => expectRule(rows, leaf));

  it.each(tableAlgorithmNames)('has a table of the parameters of %s, and its tasks', (name) => {
    const section = sectionOf(page, name);
    expectParameters(rowsOf(section), tableAlgorithms[name].parameters);
    for (const task of tableAlgorithms[name].tasks) expect(section).toContain(`\`${task}\``);
    expect(rows.get('candidates[].algorithm')!.meaning).toContain(`\`${name}\``);
  });

  it('lists every step with the columns it takes, and every parameter of a step', () => {
    const [steps] = tablesOf('step').map((text) => [...text.matchAll(/^\| `(\w+)` \| (.+) \|$/gm)]);
    expect(steps.map(([, name, of]) => [name, of])).toEqual(
      Object.entries(columnSteps).map(([name, { of }]) => [name, of.join(', ')]),
    );
    const all: ParameterTable = Object.fromEntries(
      Object.entries({ ...columnSteps, ...selectionSteps }).flatMap(([step, { parameters }]) =>
        Object.entries(parameters as ParameterTable).map(([name, parameter]) => [`${step}.${name}`, parameter]),
      ),
    );
    expectParameters(rowsOf(tablesOf('parameter of a step').join('\n')), all);
  });

  it('lists every metric with its direction and whether it needs two classes', () => {
    const metrics = rowsOf(tablesOf('metric').join('\n'));
    expect([...metrics.keys()]).toEqual(Object.keys(tableMetrics));
    for (const [name, metric] of Object.entries(tableMetrics)) {
      expect(metrics.get(name)!.fallback, name).toBe(metric.direction === 'maximize' ? 'most' : 'least');
      expect(tablesOf('metric')[0].includes(`| \`${name}\` | two classes |`), name).toBe('binary' in metric);
    }
  });
});

describe('docs/tables.md', () => {
  it('shows a smallest spec that is valid', () => {
    const [smallest] = [...read('tables.md').matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, text]) => text);
    expect(tableSpecSchema.safeParse(parse(smallest)).error).toBeUndefined();
  });
});
