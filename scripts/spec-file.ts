/** Pipeline specs on disk. Whatever is wrong with one is said at once, with its line, before anything starts. */
import { glob, readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import {
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type Document,
  type YAMLError,
} from 'yaml';
import { canonicalJson, sha256 } from '../contracts/canonical.ts';
import { TradewindError } from '../contracts/errors.ts';
import { holdsCredentials, isGlob, parseLocation, showLocation } from '../contracts/location.ts';
import { nearest } from '../contracts/nearest.ts';
import { specSchemaOf, tasks, type AnySpec } from '../contracts/specs.ts';
import { pipelineJsonSchema } from './schema.ts';
import { problemsOf, spell, type KeyPath, type Problem } from './spec-problems.ts';

export interface LoadedSpec {
  /** Defaults filled in; local paths of data absolute. */
  spec: AnySpec;
  /** SHA-256 of the canonical JSON of the spec with defaults, and with paths as written: the same in every clone. */
  specDigest: string;
}

/**
 * @param path - as the user gave it; messages show it so.
 * @throws TradewindError `SOURCE_NOT_FOUND` when there is no such file; `SPEC_INVALID` with every problem of the spec in
 * one message: file, line, key path, rule and remedy.
 */
export async function loadSpec(path: string): Promise<LoadedSpec> {
  const text = await readSpec(path);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const faults = [...document.errors, ...document.warnings];
  if (faults.length > 0)
    throw invalid(
      path,
      faults.map((fault) => syntaxProblem(fault, lines)),
    );

  const written: unknown = document.toJS();
  const task = taskOf(written);
  const parsed = specSchemaOf(task).safeParse(written);
  const problems = parsed.success
    ? locationProblems(parsed.data)
    : withAllTasks(problemsOf(parsed.error.issues, written, pipelineJsonSchema(task ?? 'recommend')));
  if (!parsed.success || problems.length > 0) {
    throw invalid(
      path,
      problems.map((problem) => ({
        ...problem,
        where: spell(problem.path),
        line: lineOf(document, lines, problem.path),
      })),
    );
  }
  return {
    spec: withAbsolutePaths(parsed.data, dirname(resolve(path))),
    specDigest: sha256(canonicalJson(parsed.data)),
  };
}

/**
 * A cheap look before a workflow starts: each local path or glob of a loaded spec names a file.
 * @throws TradewindError `SOURCE_NOT_FOUND`
 */
export async function checkLocalSources(spec: AnySpec): Promise<void> {
  for (const { key, text } of locationsOf(spec)) {
    const location = parseLocation(text);
    if (location?.kind !== 'local') continue;
    const found = await stat(location.path).catch(() => null);
    if (found?.isFile() || (isGlob(location.path) && (await matchesAny(location.path)))) continue;
    throw new TradewindError('SOURCE_NOT_FOUND', {
      subject: `The data source ${location.path}`,
      rule: 'be a file',
      value: found?.isDirectory()
        ? 'a folder'
        : isGlob(location.path)
          ? 'a pattern that no file matches'
          : 'no such file',
      remedy: found?.isDirectory()
        ? `Name its files in ${spell(key)}, e.g. ${join(location.path, '*.parquet')}.`
        : `Correct ${spell(key)}; a relative path starts at the spec's own folder.`,
    });
  }
}

async function matchesAny(pattern: string): Promise<boolean> {
  for await (const _ of glob(pattern)) return true;
  return false;
}

async function readSpec(path: string): Promise<string> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const folder = code === 'EISDIR' ? path : dirname(path);
    const names = (await readdir(folder).catch(() => [])).filter((name) => /\.ya?ml$/.test(name));
    const near = nearest(basename(path), names);
    const there =
      names.length > 0
        ? `There ${names.length === 1 ? 'is' : 'are'} ${names.map((name) => join(folder, name)).join(', ')}.`
        : 'Check the path.';
    throw new TradewindError(
      'SOURCE_NOT_FOUND',
      {
        subject: `The pipeline spec ${path}`,
        rule: 'be a readable file',
        value: code === 'ENOENT' ? 'no such file' : code === 'EISDIR' ? 'a folder' : (error as Error).message,
        remedy: near === undefined ? there : `Did you mean ${join(folder, near)}?`,
      },
      { cause: error },
    );
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    const complaint = { subject: path, rule: 'be text in UTF-8', remedy: 'Save it with this encoding.' };
    throw new TradewindError('SPEC_INVALID', complaint, { cause });
  }
}

type LocatedProblem = Omit<Problem, 'path'> & { line: number; where?: string };

/** One problem is one sentence; several are a list, in the order of the lines. */
function invalid(path: string, problems: readonly LocatedProblem[]): TradewindError {
  const complaints = problems
    .toSorted((a, b) => a.line - b.line)
    .map(({ line, where, rule, value, remedy }) => ({
      subject: `${path}:${line}${where === undefined ? '' : ` ${where}:`}`,
      rule,
      value,
      remedy,
    }));
  if (complaints.length === 1) return new TradewindError('SPEC_INVALID', complaints[0]);
  const sentences = complaints.map((complaint) => new TradewindError('SPEC_INVALID', complaint).message);
  return new TradewindError('SPEC_INVALID', {
    subject: path,
    rule: `be a valid pipeline spec; ${complaints.length} problems were found`,
    remedy: `Correct each of them:\n${sentences.map((sentence) => `  ${sentence}`).join('\n')}`,
  });
}

function syntaxProblem(fault: YAMLError, lines: LineCounter): LocatedProblem {
  const { line } = lines.linePos(fault.pos[0]);
  if (fault.code === 'DUPLICATE_KEY') return { line, rule: 'name each key once', remedy: 'Remove one of the two.' };
  const remedy =
    fault.code === 'TAB_AS_INDENT'
      ? 'Indent by spaces, not tabs.'
      : 'Check the indentation and the quotes around this line.';
  return { line, rule: 'be well-formed YAML', value: fault.message, remedy };
}

/** Line of the key at a path, counted from 1; of the nearest key above it when it is missing. */
function lineOf(document: Document, lines: LineCounter, path: KeyPath): number {
  let node: unknown = document.contents;
  let offset = 0;
  for (const part of path) {
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(part));
      if (pair === undefined) break;
      offset = isNode(pair.key) ? (pair.key.range?.[0] ?? offset) : offset;
      node = pair.value;
    } else if (isSeq(node)) {
      const item: unknown = node.items[Number(part)];
      offset = isNode(item) ? (item.range?.[0] ?? offset) : offset;
      node = item;
    } else break;
  }
  return lines.linePos(offset).line;
}

function taskOf(written: unknown): unknown {
  return typeof written === 'object' && written !== null && 'task' in written ? written.task : undefined;
}

/** A task that there is not is held against the schema of one; the others may have been meant. */
function withAllTasks(problems: readonly Problem[]): Problem[] {
  return problems.map((problem) =>
    problem.path.length === 1 && problem.path[0] === 'task' && problem.value !== undefined
      ? { ...problem, rule: `be one of ${tasks.map((task) => `"${task}"`).join(', ')}` }
      : problem,
  );
}

interface Source {
  path: string | string[];
}
const sections = ['interactions', 'items', 'table'] as const;

function sourceOf(spec: AnySpec, section: (typeof sections)[number]): Source | undefined {
  return (spec.data as Partial<Record<typeof section, Source>>)[section];
}

function* locationsOf(spec: AnySpec): Generator<{ key: KeyPath; text: string }> {
  for (const section of sections) {
    const path = sourceOf(spec, section)?.path;
    const key = ['data', section, 'path'];
    if (typeof path === 'string') yield { key, text: path };
    else if (path !== undefined) for (const [index, text] of path.entries()) yield { key: [...key, index], text };
  }
}

function locationProblems(spec: AnySpec): Problem[] {
  return [...locationsOf(spec)]
    .filter(({ text }) => parseLocation(text) === null)
    .map(({ key, text }) =>
      holdsCredentials(text)
        ? {
            path: key,
            rule: 'name no user or password, which would stand in histories and logs',
            value: JSON.stringify(showLocation(text)) + ' with one',
            remedy:
              'Use a presigned address, which expires, or put the data into a bucket, whose keys workers have in their environment.',
          }
        : {
            path: key,
            rule: 'be a path, a glob, s3://bucket/key or an https:// address',
            value: JSON.stringify(showLocation(text)),
            remedy: 'Download the data to a file, or put it into a bucket.',
          },
    );
}

function withAbsolutePaths<S extends AnySpec>(spec: S, folder: string): S {
  const absolute = (text: string) => (parseLocation(text)?.kind === 'local' ? resolve(folder, text) : text);
  const moved = sections.flatMap((section) => {
    const source = sourceOf(spec, section);
    if (source === undefined) return [];
    const path = typeof source.path === 'string' ? absolute(source.path) : source.path.map(absolute);
    return [[section, { ...source, path }]];
  });
  return { ...spec, data: { ...spec.data, ...Object.fromEntries(moved) } };
}
