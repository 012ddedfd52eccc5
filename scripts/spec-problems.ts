/** What is wrong with a spec, in sentences: zod's issues with the rule, the value and the remedy spelt out. */
import type { z } from 'zod';
import { showLocation } from '../contracts/location.ts';
import { modelNamePattern } from '../contracts/names.ts';
import { nearest } from '../contracts/nearest.ts';
import type { JsonSchema } from './schema.ts';

export type KeyPath = readonly (string | number)[];

export interface Problem {
  path: KeyPath;
  /** Follows "must". */
  rule: string;
  value?: string;
  remedy: string;
}

type Issue = z.core.$ZodIssue;

/**
 * @param written - the document as its author wrote it.
 * @param schema - of what may be written; its descriptions and defaults become remedies.
 */
export function problemsOf(issues: readonly Issue[], written: unknown, schema: JsonSchema): Problem[] {
  return issues.flatMap((issue) => problemsOfIssue(issue, [], written, schema));
}

/** `tuning.trials`, `candidates[1].search.factors`; the whole document is `the spec`. */
export function spell(path: KeyPath): string {
  const text = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${part}`)).join('');
  return text === '' ? 'the spec' : text.replace(/^\./, '');
}

function problemsOfIssue(issue: Issue, above: KeyPath, written: unknown, schema: JsonSchema): Problem[] {
  const path = [...above, ...(issue.path as (string | number)[])];
  if (issue.code === 'unrecognized_keys') {
    const known = Object.keys(schemaAt(schema, path, written)?.properties ?? {});
    return issue.keys.map((key) => unknownKey([...path, key], key, known));
  }
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    // The member that got furthest is the one that was meant.
    const depth = (member: readonly Issue[]) => Math.max(...member.map((inner) => inner.path.length));
    const furthest = issue.errors.toSorted((a, b) => depth(b) - depth(a))[0];
    if (depth(furthest) > 0) return furthest.flatMap((inner) => problemsOfIssue(inner, path, written, schema));
  }
  const value = valueAt(written, path);
  const node = schemaAt(schema, path, written);
  const missing = value === undefined;
  return [
    {
      path,
      rule: missing ? 'be given' : ruleOf(issue, node),
      value: missing ? undefined : isAcross(issue) ? showAcross(value, path, written) : show(value),
      remedy: remedyOf(issue, value, node),
    },
  ];
}

/** Rules across keys say their remedy themselves; those about one value do not. */
function isAcross(issue: Issue): boolean {
  return issue.code === 'custom' && issue.params?.['remedy'] !== undefined;
}

function unknownKey(path: KeyPath, key: string, known: readonly string[]): Problem {
  const near = nearest(key, known);
  const list = known.length === 0 ? 'there is none here' : `one of ${known.join(', ')}`;
  return {
    path,
    rule: `be a known key (${near === undefined ? list : `did you mean "${near}"?`})`,
    remedy: 'Remove it or correct its name.',
  };
}

const typeRules: Record<string, string> = {
  string: 'be text',
  int: 'be a whole number',
  number: 'be a number',
  boolean: 'be true or false',
  array: 'be a list',
  object: 'be a mapping of keys to values',
};

function ruleOf(issue: Issue, node: JsonSchema | undefined): string {
  switch (issue.code) {
    case 'invalid_type':
      // zod asks a text for "number" first and for "int" only then; the schema knows at once.
      return typeRules[node?.type === 'integer' ? 'int' : issue.expected] ?? `be of the type ${issue.expected}`;
    case 'too_small':
    case 'too_big':
      return rangeRule(issue, node);
    case 'invalid_value':
      return oneOf(issue.values.map(String));
    case 'invalid_union': {
      const options = 'options' in issue && Array.isArray(issue.options) ? issue.options.map(String) : [];
      if (options.length > 0) return oneOf(options);
      const rules = issue.errors.flat().map((inner) => ruleOf(inner, node).replace(/^be /, ''));
      return `be ${[...new Set(rules)].join(' or ')}`;
    }
    case 'invalid_format':
      if (issue.message.startsWith('must ')) return issue.message.slice('must '.length);
      if (String(issue.pattern) === String(modelNamePattern)) return 'be 1 to 63 lower-case letters, digits or hyphens';
      return `match ${issue.pattern ?? issue.format}`;
    default:
      return issue.message.replace(/^must /, '');
  }
}

function oneOf(options: readonly string[]): string {
  return options.length === 1 ? `be "${options[0]}"` : `be one of ${options.map((o) => `"${o}"`).join(', ')}`;
}

function rangeRule(issue: Extract<Issue, { code: 'too_small' | 'too_big' }>, node: JsonSchema | undefined): string {
  if (issue.origin === 'string') return 'not be empty';
  if (issue.origin === 'array')
    return issue.code === 'too_small'
      ? `hold at least ${issue.minimum} entry`
      : `hold at most ${issue.maximum} entries`;
  if (node?.minimum !== undefined && node.maximum !== undefined) return `lie in [${node.minimum}, ${node.maximum}]`;
  if (issue.inclusive === false)
    return issue.code === 'too_small' ? `be above ${issue.minimum}` : `be below ${issue.maximum}`;
  return issue.code === 'too_small' ? `be at least ${issue.minimum}` : `be at most ${issue.maximum}`;
}

function remedyOf(issue: Issue, value: unknown, node: JsonSchema | undefined): string {
  const hints: string[] = [];
  if (issue.code === 'custom' && typeof issue.params?.['remedy'] === 'string') hints.push(issue.params['remedy']);
  const near = typeof value === 'string' ? nearest(value, optionsOf(issue).map(String)) : undefined;
  if (near !== undefined) hints.push(`Did you mean "${near}"?`);
  const wantsText = issue.code === 'invalid_type' && issue.expected === 'string';
  if (wantsText && (typeof value === 'number' || typeof value === 'boolean'))
    hints.push(`Put it in quotes: "${value}".`);
  if (value === null) hints.push('Give it a value or remove the key.');
  if (node?.description !== undefined) hints.push(`It means: ${node.description.replace(/[^.]$/, '$&.')}`);
  if (node?.default !== undefined && typeof node.default !== 'object')
    hints.push(`Its default is ${JSON.stringify(node.default)}.`);
  return hints.length > 0 ? hints.join(' ') : value === undefined ? 'Add it.' : 'Correct it.';
}

/** Words that would have done, those of a union's members among them. */
function optionsOf(issue: Issue): readonly unknown[] {
  if (issue.code === 'invalid_value') return issue.values;
  if ('options' in issue) return issue.options as unknown[];
  return issue.code === 'invalid_union' ? issue.errors.flat().flatMap(optionsOf) : [];
}

/** As YAML shows it, cut to a line; of an address without what may be secret. */
function show(value: unknown): string {
  if (value === null) return 'nothing';
  const text = JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'string' ? showLocation(inner) : inner));
  if (text.length <= 60) return text;
  return Array.isArray(value) ? 'a list' : typeof value === 'object' ? 'a mapping' : `${text.slice(0, 60)}…`;
}

/**
 * What breaks a rule across keys: a value with its neighbours, where they are few. A long list or block says less than
 * its line does.
 */
function showAcross(value: unknown, path: KeyPath, written: unknown): string | undefined {
  const around = valueAt(written, path.slice(0, -1));
  const shown = show(typeof value !== 'object' && path.length > 0 ? around : value);
  return shown === 'a list' || shown === 'a mapping' ? undefined : shown;
}

function valueAt(written: unknown, path: KeyPath): unknown {
  return path.reduce<unknown>(
    (value, part) =>
      typeof value === 'object' && value !== null ? (value as Record<string | number, unknown>)[part] : undefined,
    written,
  );
}

/** The schema of what stands at a path; of alternatives the one that fits the value's discriminator or kind. */
function schemaAt(schema: JsonSchema, path: KeyPath, written: unknown): JsonSchema | undefined {
  let node: JsonSchema | undefined = schema;
  let value = written;
  for (const part of path) {
    node = alternative(node, value);
    const next: unknown = typeof part === 'number' ? node?.items : node?.properties?.[part];
    if (typeof next !== 'object' || next === null || Array.isArray(next)) return undefined;
    node = next as JsonSchema;
    value = valueAt(value, [part]);
  }
  return alternative(node, value);
}

function alternative(node: JsonSchema | undefined, value: unknown): JsonSchema | undefined {
  const members = (node?.oneOf ?? node?.anyOf) as JsonSchema[] | undefined;
  if (members === undefined) return node;
  const fits = (member: JsonSchema) =>
    Object.entries(member.properties ?? {}).some(
      ([key, property]) =>
        typeof property === 'object' && property.const !== undefined && property.const === valueAt(value, [key]),
    ) ||
    (member.type === 'array' && Array.isArray(value));
  return members.find(fits) ?? node;
}
