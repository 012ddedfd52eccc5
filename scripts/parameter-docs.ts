/**
 * The parameter tables of the spec's two pages, from the parameters' own declarations: rows that are missing or say
 * another rule are written, those of parameters that are gone are dropped, and sentences between the tables stay.
 *
 *   node scripts/parameter-docs.ts
 */
import { readFile, writeFile } from 'node:fs/promises';
import { algorithms } from '../contracts/algorithms.ts';
import type { Parameter, ParameterTable } from '../contracts/parameters.ts';
import { tableAlgorithms } from '../contracts/table-algorithms.ts';

interface Documented {
  title: string;
  tasks?: readonly string[];
  parameters: ParameterTable;
}

const header = '| parameter | type | default | rule and meaning |\n|---|---|---|---|';

function ruleOf(parameter: Parameter): string {
  if (parameter.kind !== 'choice') {
    return `In [${parameter.min}, ${parameter.max}]${parameter.log ? ', logarithmic.' : '.'}`;
  }
  return `${namesOf(parameter.choices)}.`;
}

function namesOf(values: readonly string[]): string {
  const names = values.map((value) => `\`${value}\``);
  return names.length > 1 ? `${names.slice(0, -1).join(', ')} or ${names.at(-1)}` : names.join('');
}

/** @param present - the row as it stands; kept where its type, its default and its rule are those of the parameter. */
function rowOf(name: string, parameter: Parameter, present?: string): string {
  const fallback = parameter.kind === 'choice' ? `\`${parameter.default}\`` : String(parameter.default);
  const start = `| \`${name}\` | ${parameter.kind} | ${fallback} | `;
  const parts = parameter.kind === 'choice' ? parameter.choices.map((choice) => `\`${choice}\``) : [ruleOf(parameter)];
  if (present?.startsWith(start) && parts.every((part) => present.includes(part))) return present;
  return `${start}${ruleOf(parameter)} ${parameter.doc.replaceAll('"', '`')} |`;
}

function tableOf(parameters: ParameterTable, present: string): string {
  const rows = new Map([...present.matchAll(/^\| `(\w+)` .*$/gm)].map(([row, name]) => [name, row]));
  const lines = Object.entries(parameters).map(([name, parameter]) => rowOf(name, parameter, rows.get(name)));
  return [header, ...lines].join('\n');
}

function sectionOf(name: string, { title, tasks, parameters }: Documented): string {
  const of = tasks === undefined ? '' : `, to ${tasks.map((task) => `\`${task}\``).join(' and to ')}`;
  return `### \`${name}\`\n\n${title}${of}.\n\n${tableOf(parameters, '')}\n\n`;
}

export function withParameterTables(page: string, documented: Readonly<Record<string, Documented>>): string {
  const from = page.indexOf('\n## Algorithms\n') + 1;
  const to = page.indexOf('\n## ', from) + 1;
  let part = page.slice(from, to);
  for (const [name, algorithm] of Object.entries(documented)) {
    const start = part.indexOf(`### \`${name}\`\n`);
    if (start === -1) {
      part += sectionOf(name, algorithm);
      continue;
    }
    const next = part.indexOf('\n### ', start);
    const section = part.slice(start, next === -1 ? undefined : next + 1);
    const table = /^\| parameter \|.*(?:\n\|.*)*/m;
    part = part.replace(section, () => section.replace(table, (present) => tableOf(algorithm.parameters, present)));
  }
  return withNames(page.slice(0, from) + part + page.slice(to), Object.keys(documented));
}

/** The row of the key that takes an algorithm's name, where it lists them all. */
function withNames(page: string, names: readonly string[]): string {
  const listed = /^(\| `candidates\[\]\.algorithm` \| text \| required \| )`.*`(, each for its task\. \|)$/m;
  return page.replace(listed, (_, start: string, end: string) => `${start}${namesOf(names)}${end}`);
}

export const parameterPages: ReadonlyArray<[page: URL, documented: Readonly<Record<string, Documented>>]> = [
  [new URL('../docs/pipeline-spec.md', import.meta.url), algorithms],
  [new URL('../docs/table-spec.md', import.meta.url), tableAlgorithms],
];

if (import.meta.main) {
  for (const [page, documented] of parameterPages) {
    const text = await readFile(page, 'utf8');
    const written = withParameterTables(text, documented);
    if (written !== text) await writeFile(page, written);
  }
}
