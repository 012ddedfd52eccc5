/** What a page's tables of keys and parameters say, and what the schema and the parameter tables ask of them. */
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { Parameter, ParameterTable } from '../../contracts/parameters.ts';

export interface Schema {
  type?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: Schema | boolean;
  items?: Schema;
  anyOf?: Schema[];
  oneOf?: Schema[];
  enum?: string[];
  const?: string;
  minimum?: number;
  maximum?: number;
  default?: string | number | boolean | object;
}
export type Leaf = [path: string, node: Schema, required: boolean];

export const pipelineSchema = JSON.parse(
  readFileSync(new URL('../../contracts/pipeline.schema.json', import.meta.url), 'utf8'),
) as { then: Schema; else: Schema };

export type Rows = Map<string, { fallback: string; meaning: string }>;

/** Rows of a page's tables: first cell without its backticks, and the others. */
export function rowsOf(text: string): Rows {
  const rows = [...text.matchAll(/^\| `([^`]+)` \| [^|]+ \| ([^|]*) \| (.*) \|$/gm)];
  return new Map(rows.map(([, key, fallback, meaning]) => [key, { fallback, meaning }]));
}

/**
 * Every key path with a value of its own; what a candidate may hold below `parameters` and `search` has its own tables.
 * @param whole - paths that have one row for all that may stand below them
 */
export function* leavesOf(
  node: Schema,
  whole: readonly string[] = [],
  path = '',
  required = false,
): Generator<Leaf, void> {
  const { additionalProperties: named, items } = node;
  const kinds = node.oneOf?.every((kind) => kind.properties) ? node.oneOf : undefined;
  if (path === 'candidates') {
    for (const name of ['algorithm', 'parameters', 'search']) {
      const [member] = items!.oneOf ?? items!.anyOf!;
      yield [`candidates[].${name}`, {}, member.required?.includes(name) ?? false];
    }
  } else if (whole.includes(path)) {
    yield [path, node, required];
  } else if (kinds !== undefined) {
    yield* leavesOf(merged(kinds), whole, path, required);
  } else if (node.properties !== undefined) {
    for (const [name, child] of Object.entries(node.properties)) {
      const isRequired = node.required?.includes(name) ?? false;
      yield* leavesOf(child, whole, path === '' ? name : `${path}.${name}`, isRequired);
    }
  } else if (typeof named === 'object' && named.properties !== undefined) {
    yield* leavesOf(named, whole, `${path}.<column>`);
  } else if (items?.properties !== undefined) {
    yield* leavesOf(items, whole, `${path}[]`);
  } else {
    yield [path, node, required];
  }
}

/** The keys of all kinds of a section; required is what no kind that has the key can do without. */
function merged(kinds: readonly Schema[]): Schema {
  const properties: Record<string, Schema> = {};
  const optional = new Set<string>();
  for (const kind of kinds) {
    for (const [name, child] of Object.entries(kind.properties!)) {
      const { const: one, ...rest } = child;
      const choices = [...(properties[name]?.enum ?? []), ...(one === undefined ? [] : [one])];
      properties[name] = { ...rest, ...(choices.length > 0 && { enum: choices }) };
      if (!kind.required?.includes(name)) optional.add(name);
    }
  }
  return { properties, required: Object.keys(properties).filter((name) => !optional.has(name)) };
}

/** That a page's row of a key tells its default, its choices and its range. */
export function expectRule(rows: Rows, [path, node, required]: Leaf): void {
  const { fallback, meaning } = rows.get(path)!;
  expect(fallback.startsWith('required')).toBe(required);
  if (node.default !== undefined) expect(fallback.replaceAll('`', '')).toBe(defaultText(node.default));
  for (const choice of [...(node.enum ?? []), ...(node.const === undefined ? [] : [node.const])]) {
    expect(meaning).toContain(`\`${choice}\``);
  }
  if (node.minimum !== undefined) {
    const { minimum, maximum } = node;
    expect(meaning).toContain(maximum === undefined ? `At least ${minimum}.` : `In [${minimum}, ${maximum}].`);
  }
}

function defaultText(value: NonNullable<Schema['default']>): string {
  if (typeof value !== 'object') return String(value);
  return Array.isArray(value) && value.length > 0 ? value.join(', ') : 'none';
}

/** That rows are those of a parameter table, in its order, with defaults and ranges. */
export function expectParameters(rows: Rows, table: ParameterTable): void {
  expect([...rows.keys()]).toEqual(Object.keys(table));
  for (const [key, parameter] of Object.entries(table)) {
    const { fallback, meaning } = rows.get(key)!;
    expect(fallback.replaceAll('`', ''), key).toBe(String(parameter.default));
    for (const part of rulesOf(parameter)) expect(meaning, key).toContain(part);
  }
}

function rulesOf(parameter: Parameter): string[] {
  if (parameter.kind === 'choice') return parameter.choices.map((choice) => `\`${choice}\``);
  return [`In [${parameter.min}, ${parameter.max}]${parameter.log ? ', logarithmic.' : '.'}`];
}

/** The text below the heading of an algorithm. */
export function sectionOf(text: string, name: string): string {
  const section = text.split(/^##+ /m).find((part) => part.startsWith(`\`${name}\`\n`));
  if (section === undefined) throw new Error(`no section has the heading \`${name}\``);
  return section;
}
