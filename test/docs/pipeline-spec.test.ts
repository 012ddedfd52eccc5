import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { algorithmNames, algorithms } from '../../contracts/algorithms.ts';
import type { Parameter, ParameterTable } from '../../contracts/parameters.ts';
import { pipelineSpecSchema } from '../../contracts/spec.ts';

const page = readFileSync(new URL('../../docs/pipeline-spec.md', import.meta.url), 'utf8');

interface Schema {
  type?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  anyOf?: Schema[];
  oneOf?: Schema[];
  enum?: string[];
  const?: string;
  minimum?: number;
  maximum?: number;
  default?: string | number | boolean | object;
}
const pipelineSchema = JSON.parse(
  readFileSync(new URL('../../contracts/pipeline.schema.json', import.meta.url), 'utf8'),
) as { else: Schema };
const schema = pipelineSchema.else;

/** Rows of the page's tables: first cell without its backticks, and the others. */
function rowsOf(text: string): Map<string, { fallback: string; meaning: string }> {
  const rows = [...text.matchAll(/^\| `([^`]+)` \| [^|]+ \| ([^|]*) \| (.*) \|$/gm)];
  return new Map(rows.map(([, key, fallback, meaning]) => [key, { fallback, meaning }]));
}

/** Every key path with a value of its own; what a candidate may hold below `parameters` and `search` has its own tables. */
function* leavesOf(node: Schema, path = '', required = false): Generator<[string, Schema, boolean]> {
  if (node.properties !== undefined) {
    for (const [name, child] of Object.entries(node.properties)) {
      const isRequired = node.required?.includes(name) ?? false;
      yield* leavesOf(child, path === '' ? name : `${path}.${name}`, isRequired);
    }
  } else if (path === 'candidates') {
    for (const name of ['algorithm', 'parameters', 'search']) {
      const [member] = node.items!.oneOf ?? node.items!.anyOf!;
      yield [`candidates[].${name}`, {}, member.required?.includes(name) ?? false];
    }
  } else {
    yield [path, node, required];
  }
}

describe('docs/pipeline-spec.md', () => {
  const [beforeAlgorithms, algorithmSections] = page.split(/^## Algorithms$/m);
  const rows = rowsOf(beforeAlgorithms + algorithmSections.slice(algorithmSections.indexOf('\n## ')));
  const leaves = [...leavesOf(schema)];

  it('lists every key of the schema, and no other', () => {
    expect([...rows.keys()].toSorted()).toEqual(leaves.map(([path]) => path).toSorted());
  });

  it.each(leaves)('tells default and rule of %s', (path, node, required) => {
    const { fallback, meaning } = rows.get(path)!;
    expect(fallback.startsWith('required')).toBe(required);
    if (typeof node.default === 'object') expect(fallback).toBe('none');
    else if (node.default !== undefined) expect(fallback.replaceAll('`', '')).toBe(String(node.default));
    for (const choice of [...(node.enum ?? []), ...(node.const === undefined ? [] : [node.const])]) {
      expect(meaning).toContain(`\`${choice}\``);
    }
    if (node.minimum !== undefined) {
      const { minimum, maximum } = node;
      expect(meaning).toContain(maximum === undefined ? `At least ${minimum}.` : `In [${minimum}, ${maximum}].`);
    }
  });

  it.each(algorithmNames)('has a table of the parameters of %s, with their defaults and ranges', (name) => {
    const section = algorithmSections.split(/^##+ /m).find((text) => text.startsWith(`\`${name}\`\n`))!;
    const documented = rowsOf(section);
    const table: ParameterTable = algorithms[name].parameters;
    expect([...documented.keys()]).toEqual(Object.keys(table));
    for (const [key, parameter] of Object.entries(table)) {
      const { fallback, meaning } = documented.get(key)!;
      expect(fallback.replaceAll('`', ''), key).toBe(String(parameter.default));
      for (const part of rulesOf(parameter)) expect(meaning, key).toContain(part);
    }
  });

  it('shows a smallest spec that is valid', () => {
    const [, smallest] = [...page.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, text]) => text);
    expect(pipelineSpecSchema.safeParse(parse(smallest)).error).toBeUndefined();
  });
});

function rulesOf(parameter: Parameter): string[] {
  if (parameter.kind === 'choice') return parameter.choices.map((choice) => `\`${choice}\``);
  return [`In [${parameter.min}, ${parameter.max}]${parameter.log ? ', logarithmic.' : '.'}`];
}
