import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { TradewindError } from '../../contracts/errors.ts';
import type { PipelineSpec } from '../../contracts/spec.ts';
import { pipelineJsonSchema, pipelineSchemaPath } from '../../scripts/schema.ts';
import { checkLocalSources, loadSpec } from '../../scripts/spec-file.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

const valid = `model: shop
task: recommend
seed: 1
data:
  name: shop
  interactions:
    path: events.csv
    columns:
      user: u
      item: i
      time: t
split:
  validationFrom: 2017-11-01
  testFrom: 2017-12-01
candidates:
  - algorithm: popularity
  - algorithm: als
    parameters: { factors: 32 }
    search:
      alpha: { min: 1, max: 10 }
tuning:
  trials: 5
`;

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'tradewind-test-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function write(text: string | Uint8Array, dir = folder()): string {
  const path = join(dir, 'shop.yaml');
  writeFileSync(path, text);
  return path;
}

/** The message about a spec, with its folder cut off. */
async function complaint(text: string | Uint8Array): Promise<string> {
  const path = write(text);
  const error = await loadSpec(path).then(
    () => {
      throw new Error('The spec should have been refused.');
    },
    (e: unknown) => e as TradewindError,
  );
  expect(error).toBeInstanceOf(TradewindError);
  expect(error.code).toBe('SPEC_INVALID');
  return error.message.replaceAll(`${dirname(path)}/`, '');
}

test.each(readdirSync(join(root, 'pipelines')).filter((name) => name.endsWith('.yaml')))(
  'the shipped %s is valid, its sources are there, and editors find its schema',
  async (name) => {
    const path = join(root, 'pipelines', name);
    const { spec, specDigest } = await loadSpec(path);
    expect(spec.model).toBe(name.replace('.yaml', ''));
    expect(specDigest).toMatch(/^[0-9a-f]{64}$/);
    await checkLocalSources(spec);
    const [first] = readFileSync(path, 'utf8').split('\n');
    expect(first).toBe('# yaml-language-server: $schema=../contracts/pipeline.schema.json');
  },
);

test('the committed JSON Schema is what the zod schema says', () => {
  expect(JSON.parse(readFileSync(pipelineSchemaPath, 'utf8'))).toEqual(pipelineJsonSchema());
});

test('defaults are filled in and local paths start at the file; other addresses stay', async () => {
  const dir = folder();
  const path = write(valid.replace('path: events.csv', 'path: [../a.csv, s3://b/k.csv, https://x.example/y.csv]'), dir);
  const spec = (await loadSpec(path)).spec as PipelineSpec;
  expect(spec.data.interactions.path).toEqual([join(dirname(dir), 'a.csv'), 's3://b/k.csv', 'https://x.example/y.csv']);
  expect(spec.tuning).toEqual({
    trials: 5,
    parallel: 2,
    sampler: 'tpe',
    candidates: 'even',
    warmStart: 'none',
    timeoutMinutes: 60,
  });
  expect(spec.preparation.minUsersPerItem).toBe(5);
});

test('the digest is the same in every folder, for every order of keys, and with defaults spelt out or not', async () => {
  const { specDigest } = await loadSpec(write(valid));
  const reordered = `# A comment.\n${valid.replace('model: shop\ntask: recommend\n', '').replace('  trials: 5\n', '  parallel: 2\n  trials: 5\n')}model: shop\ntask: "recommend"\n`;
  expect((await loadSpec(write(reordered))).specDigest).toBe(specDigest);
  expect((await loadSpec(write(valid.replace('trials: 5', 'trials: 6')))).specDigest).not.toBe(specDigest);
  expect((await loadSpec(write(valid.replace('events.csv', 'other.csv')))).specDigest).not.toBe(specDigest);
});

test('an unknown key is named with its line and the key that was meant', async () => {
  expect(await complaint(valid.replace('  trials:', '  trails:'))).toBe(
    'shop.yaml:22 tuning.trails: must be a known key (did you mean "trials"?). Remove it or correct its name.',
  );
});

test('an unknown key near to nothing is answered with the known ones', async () => {
  const message = await complaint(valid.replace('alpha:', 'temperature:'));
  expect(message).toContain('shop.yaml:20 candidates[1].search.temperature: must be a known key (one of factors, ');
});

test.each([
  [
    'a wrong type',
    'trials: 5',
    'trials: many',
    'shop.yaml:22 tuning.trials: must be a whole number. Got "many". It means: Trials over',
  ],
  ['a fraction', 'trials: 5', 'trials: 2.5', 'shop.yaml:22 tuning.trials: must be a whole number. Got 2.5.'],
  ['a number out of range', 'trials: 5', 'trials: 0', 'shop.yaml:22 tuning.trials: must lie in [1, 100000]. Got 0.'],
  [
    'a key left blank',
    'trials: 5',
    'trials:',
    'shop.yaml:22 tuning.trials: must be a whole number. Got nothing. Give it a value or',
  ],
  [
    'an earlier study by a name that is none',
    'trials: 5',
    'warmStart: prevous',
    'shop.yaml:22 tuning.warmStart: must be one of "none", "previous" or a list. Got "prevous". Did you mean "previous"?',
  ],
  [
    'an earlier study by an id that is none',
    'trials: 5',
    'warmStart: [../secret]',
    'shop.yaml:22 tuning.warmStart[0]: must be the workflow id of a study or of its run. Got "../secret".',
  ],
  ['a missing key', 'seed: 1\n', '', 'shop.yaml:1 seed: must be given. It means: Everything random derives from it.'],
  ['a missing key inside a block', '      item: i\n', '', 'shop.yaml:8 data.interactions.columns.item: must be given.'],
  [
    'a number for a name',
    'user: u',
    'user: 7',
    'shop.yaml:9 data.interactions.columns.user: must be text. Got 7. Put it in quotes: "7".',
  ],
  [
    'a wrong choice',
    'algorithm: als',
    'algorithm: asl',
    'shop.yaml:17 candidates[1].algorithm: must be one of "popularity", "item-knn", "als", "user-knn", "rp3beta", "ease", "personal-frequency". Got "asl". Did you mean "als"?',
  ],
  [
    'a wrong task',
    'task: recommend',
    'task: rank',
    'shop.yaml:2 task: must be one of "recommend", "classify", "regress". Got "rank".',
  ],
  [
    'a bad model name',
    'model: shop',
    'model: My Shop',
    'shop.yaml:1 model: must be 1 to 63 lower-case letters, digits or hyphens. Got "My Shop".',
  ],
  [
    'a bad data name',
    'name: shop',
    'name: My Shop',
    'shop.yaml:5 data.name: must be 1 to 63 lower-case letters, digits or hyphens. Got "My Shop".',
  ],
  [
    'a day that no calendar has',
    '2017-11-01',
    '2017-11-31',
    'shop.yaml:13 split.validationFrom: must be a date of the calendar. Got "2017-11-31".',
  ],
  [
    'what is no day',
    '2017-11-01',
    '2017-11-31x',
    'shop.yaml:13 split.validationFrom: must be a date written YYYY-MM-DD, or days before the end of the data, written -31d. Got "2017-11-31x".',
  ],
  [
    'cut-offs in the wrong order',
    '2017-11-01',
    '2018-01-01',
    'shop.yaml:13 split.validationFrom: must be before testFrom. Got {"validationFrom":"2018-01-01","testFrom":"2017-12-01"}. Swap them or',
  ],
  [
    'an impossible range',
    'min: 1, max: 10',
    'min: 10, max: 1',
    'shop.yaml:20 candidates[1].search.alpha.min: must be less than max. Got {"min":10,"max":1}. Swap them or widen the range;',
  ],
  [
    'a range beyond the parameter',
    'max: 10 ',
    'max: 5000 ',
    'shop.yaml:20 candidates[1].search.alpha: must lie within the parameter\'s own range: be a number in [0.01, 1000]. Got {"min":1,"max":5000}. Keep min and max within [0.01, 1000].',
  ],
  [
    'a parameter beyond its table',
    'factors: 32',
    'factors: 4',
    'shop.yaml:18 candidates[1].parameters.factors: must lie in [8, 512]. Got 4.',
  ],
  [
    'a parameter fixed and searched',
    'factors: 32',
    'alpha: 2',
    'shop.yaml:19 candidates[1].search: must not name a parameter that "parameters" fixes.',
  ],
  [
    'a number for a path',
    'path: events.csv',
    'path: 5',
    'shop.yaml:7 data.interactions.path: must be text or a list. Got 5.',
  ],
  [
    'a number in a list of paths',
    'path: events.csv',
    'path:\n      - a.csv\n      - 5',
    'shop.yaml:9 data.interactions.path[1]: must be text. Got 5.',
  ],
  ['an empty path', 'path: events.csv', "path: ''", 'shop.yaml:7 data.interactions.path: must not be empty. Got "".'],
  [
    'an address of another scheme',
    'events.csv',
    'ftp://x/y.csv',
    'shop.yaml:7 data.interactions.path: must be a path, a glob, s3://bucket/key or an https:// address. Got "ftp://x/y.csv".',
  ],
  [
    'an address with a password',
    'events.csv',
    'https://ann:secret@x.example/y.csv?sig=secret',
    'shop.yaml:7 data.interactions.path: must name no user or password, which would stand in histories and logs. Got "https://x.example/y.csv" with one. Use a presigned address,',
  ],
  [
    'an address in the place of a block',
    /interactions:[^]*(?=split)/,
    'interactions: https://ann:secret@x.example/y.csv?sig=secret\n',
    'shop.yaml:6 data.interactions: must be a mapping of keys to values. Got "https://x.example/y.csv".',
  ],
  [
    'a list in place of a block',
    '  trials: 5',
    '  - trials',
    'shop.yaml:21 tuning: must be a mapping of keys to values. Got ["trials"].',
  ],
  [
    'no candidate',
    /candidates:[^]*(?=tuning)/,
    'candidates: []\n',
    'shop.yaml:15 candidates: must hold at least 1 entry. Got [].',
  ],
  [
    'the same candidate twice',
    '  - algorithm: als',
    '  - algorithm: popularity\n  - algorithm: als',
    'shop.yaml:15 candidates: must not hold the same candidate twice. Remove one of the two.',
  ],
  ['a key given twice', 'seed: 1', 'seed: 1\nseed: 2', 'shop.yaml:4 must name each key once. Remove one of the two.'],
  [
    'a tab',
    '  trials: 5',
    '\ttrials: 5',
    'shop.yaml:22 must be well-formed YAML. Got Tabs are not allowed as indentation. Indent by spaces, not tabs.',
  ],
  ['an open quote', 'seed: 1', 'seed: "1', 'must be well-formed YAML. Got Missing closing "quote.'],
  ['two documents', 'seed: 1', 'seed: 1\n---\na: 1', 'must be well-formed YAML.'],
])('%s is refused with file, line, key, rule and remedy', async (_, from, to, expected) => {
  const changed = valid.replace(from, to);
  expect(changed).not.toBe(valid);
  const message = await complaint(changed);
  expect(message).toContain(expected);
  expect(message).toMatch(/[.?]$/);
});

test.each([
  ['', 'shop.yaml:1 the spec: must be a mapping of keys to values. Got nothing.'],
  ['just text\n', 'shop.yaml:1 the spec: must be a mapping of keys to values. Got "just text".'],
])('the document %j is refused', async (text, expected) => {
  expect(await complaint(text)).toContain(expected);
});

test('a file that is not UTF-8 is refused', async () => {
  expect(await complaint(Buffer.from(`${valid}description: caf\xe9\n`, 'latin1'))).toContain('must be text in UTF-8.');
});

test('several problems are one message, in the order of the lines', async () => {
  const message = await complaint(
    valid.replace('  trials: 5', '  trails: 5\n  parallel: 0').replace('seed: 1', 'sed: 1'),
  );
  expect(message.split('\n')).toEqual([
    'shop.yaml must be a valid pipeline spec; 4 problems were found. Correct each of them:',
    '  shop.yaml:1 seed: must be given. It means: Everything random derives from it.',
    '  shop.yaml:3 sed: must be a known key (did you mean "seed"?). Remove it or correct its name.',
    '  shop.yaml:22 tuning.trails: must be a known key (did you mean "trials"?). Remove it or correct its name.',
    '  shop.yaml:23 tuning.parallel: must lie in [1, 64]. Got 0. It means: Trials in flight. Its default is 2.',
  ]);
});

test('lines are found behind anchors and aliases', async () => {
  const text = valid
    .replace('seed: 1\n', 'seed: 1\nvalidation: &rules { minRows: 0 }\n')
    .replace('tuning:', 'preparation: *rules\ntuning:');
  const message = await complaint(text);
  expect(message).toContain('shop.yaml:4 validation.minRows: must be at least 1. Got 0.');
  expect(message).toContain('shop.yaml:4 preparation.minRows: must be a known key');
});

test('a missing spec is SOURCE_NOT_FOUND and suggests what is there', async () => {
  const path = write(valid);
  const missing = (await loadSpec(path.replace('shop', 'shpo')).catch((e: unknown) => e)) as TradewindError;
  expect(missing.code).toBe('SOURCE_NOT_FOUND');
  expect(missing.message).toBe(
    `The pipeline spec ${path.replace('shop', 'shpo')} must be a readable file. Got no such file. Did you mean ${path}?`,
  );
  const aFolder = (await loadSpec(dirname(path)).catch((e: unknown) => e)) as TradewindError;
  expect(aFolder.message).toContain(`Got a folder. There is ${path}.`);
});

test('local sources are looked for before anything starts', async () => {
  const path = write(valid);
  const dir = dirname(path);
  const { spec } = await loadSpec(path);
  await expect(checkLocalSources(spec)).rejects.toThrow(
    `The data source ${join(dir, 'events.csv')} must be a file. Got no such file. Correct data.interactions.path;`,
  );
  mkdirSync(join(dir, 'events.csv'));
  await expect(checkLocalSources(spec)).rejects.toThrow(
    `Got a folder. Name its files in data.interactions.path, e.g. `,
  );
  writeFileSync(join(dir, 'events.csv', '1.csv'), '');
  const globbed = await loadSpec(write(valid.replace('events.csv', 'events.csv/*.csv'), dir));
  await checkLocalSources(globbed.spec);
  const none = await loadSpec(write(valid.replace('events.csv', 'events.csv/*.parquet'), dir));
  await expect(checkLocalSources(none.spec)).rejects.toThrow('Got a pattern that no file matches.');
  const remote = await loadSpec(write(valid.replace('events.csv', 's3://bucket/*.csv'), dir));
  await checkLocalSources(remote.spec);
});
