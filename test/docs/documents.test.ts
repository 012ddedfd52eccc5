import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { objectKeys, searchAttributes, stages, taskQueues } from '../../contracts/names.ts';
import { commands } from '../../scripts/program.ts';
import { documents, root } from './sources.ts';

const pages = documents();
const page = (path: string) => pages.get(path)!;
/** First cells of the tables of a text, without what is beside their first code span. */
const firstCells = (text: string) => [...text.matchAll(/^\| `([^`]+)`/gm)].map(([, cell]) => cell);

/** As GitHub makes them. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

describe.each([...pages.keys()])('%s', (path) => {
  const links = [...page(path).matchAll(/\]\((?!https?:)([^)\s]+)\)/g)].map(([, target]) => target);

  it('links to files and headings that are there', () => {
    const dead = links.filter((link) => {
      const [file, anchor] = link.split('#');
      const target = file === '' ? path : normalize(join(dirname(path), file));
      if (!existsSync(join(root, target))) return true;
      return anchor !== undefined && !anchorsOf(page(target)).includes(anchor);
    });
    expect(dead).toEqual([]);
  });
});

describe('README.md', () => {
  const readme = page('README.md');

  it('lists every command of the program in its order', () => {
    const [, table] = readme.split('\n## Commands\n');
    const listed = firstCells(table.slice(0, table.indexOf('\n## '))).map((cell) => cell.split(' ')[0]);
    expect(listed).toEqual(commands.map(({ name }) => name));
  });

  it('names every stage in its order', () => {
    const listed = [...readme.matchAll(/^\| ([a-z]+) \| /gm)].map(([, stage]) => stage);
    expect(listed.filter((word) => (stages as readonly string[]).includes(word))).toEqual(stages);
  });

  it('has the two lines, the second where .ci/run reads it', () => {
    expect(readme).toContain('\nnpm ci && npm run demo\n');
    const [comment] = /\/\^(<!--.*-->)\$\//.exec(readFileSync(join(root, '.ci/run'), 'utf8'))!.slice(1);
    const [, after] = readme.split(`\n${comment.replaceAll('\\', '')}\n`);
    expect(/^npm .*$/m.exec(after)?.[0]).toBe('npm ci && npm test');
  });
});

describe('ARCHITECTURE.md', () => {
  const architecture = page('ARCHITECTURE.md');

  it("allows each room the imports that the linter's rules allow", () => {
    interface Rule {
      patterns: { regex: string; allowTypeImports?: boolean }[];
    }
    const settings = JSON.parse(readFileSync(join(root, '.oxlintrc.json'), 'utf8')) as {
      overrides: { files: string[]; rules: Record<string, [string, Rule]> }[];
    };
    // The rest are exceptions for single files.
    const overrides = settings.overrides.filter(({ files }) => files[0].endsWith('/**/*.ts'));
    const rooms = overrides.map(({ files }) => files[0].replace(/\*.*/, ''));
    const allowed = overrides.map(({ rules }, i) => {
      const { patterns } = rules['typescript/no-restricted-imports'][1];
      const imports = rooms.flatMap((room) => {
        if (room === rooms[i] || room === 'contracts/') return [];
        const refusal = patterns.find(({ regex }) => new RegExp(regex).test(`../${room}`));
        if (refusal === undefined) return [`\`${room}\``];
        return refusal.allowTypeImports ? [`\`${room}\` (types)`] : [];
      });
      return [rooms[i], imports.toSorted()];
    });
    const documented = [...architecture.matchAll(/^\| `(\w+\/)` \| .* \| ([^|]*) \|$/gm)].map(([, room, cell]) => [
      room,
      cell === '–' ? [] : cell.split(', ').toSorted(),
    ]);
    expect(documented).toEqual(allowed);
  });

  it('lists the search attributes and the task queues', () => {
    const cells = firstCells(architecture);
    expect(cells).toEqual(expect.arrayContaining([...Object.keys(searchAttributes), ...Object.values(taskQueues)]));
  });

  it('lists every kind of object in the bucket', () => {
    const [, table] = architecture.split('\n## Storage\n');
    const folders = new Set(firstCells(table.slice(0, table.indexOf('\n## '))).map((key) => key.split('/')[0]));
    const kept = [
      objectKeys.blob('d'),
      objectKeys.cache('s', 'k'),
      objectKeys.runFile('w', 'n'),
      objectKeys.checkpoint('a', 'n'),
      objectKeys.version('m', 1),
      objectKeys.byDigest('m', 'd'),
      objectKeys.alias('m', 'champion'),
    ];
    expect([...folders].toSorted()).toEqual([...new Set(kept.map((key) => key.split('/')[0]))].toSorted());
  });
});
