import { expect, test, vi } from 'vitest';
import type { ShownSlices } from '../../contracts/recommender-slices.ts';
import type { TableCandidateResult } from '../../contracts/table-lifecycle.ts';
import { resultLines } from '../../scripts/runs/draw.ts';
import { widthOf } from '../../scripts/terminal.ts';

const slices: ShownSlices = {
  lane: 'discovery',
  k: 10,
  metric: 'ndcg@10',
  smallest: 30,
  users: [
    { label: '1-4 items', users: 1234, value: 0.0123, interval: [0.01, 0.0151] },
    { label: '5-19 items', users: 12, value: null },
    { label: '20-99 items', users: 0, value: null },
  ],
  items: [
    { label: 'head', items: 100, relevant: 5000, recall: 0.25, shown: 0.755 },
    { label: 'tail', items: 23_000, relevant: 0, recall: null, shown: 0 },
  ],
};

test('a finished run shows how its chosen candidate does by history and by popularity', () => {
  vi.stubEnv('NO_COLOR', '1');
  const metrics = { metrics: { 'ndcg@10': 0.05 }, users: 1246 };
  const leftOut = { coldUsers: 0, coldItemEvents: 0, usersWithoutDiscovery: 0 };
  const evaluation = { discovery: metrics, repeat: metrics, leftOut };
  const text = resultLines(
    {
      model: 'shop',
      metric: 'ndcg@10',
      version: 1,
      created: true,
      artifactDigest: 'a'.repeat(64),
      outcome: { kind: 'registered', version: 1, reason: 'first version' },
      candidates: [
        { algorithm: 'popularity', parameters: {}, evaluation },
        { algorithm: 'als', parameters: { factors: 8 }, evaluation, chosen: true, slices },
      ],
      champion: null,
      warnings: [],
      table: 's3://bucket/table.md',
      report: 's3://bucket/report.json',
      milliseconds: 1,
    },
    {},
  );
  const cells = text.split('\n').map((line) => line.trim().split(/ {2,}/));
  expect(cells).toContainEqual(['★ in discovery', 'users', 'ndcg@10', '95 % interval']);
  expect(cells).toContainEqual(['users with 1-4 items', '1,234', '0.0123', '0.0100–0.0151']);
  expect(cells).toContainEqual(['users with 5-19 items', '12', 'below 30 users']);
  expect(cells).toContainEqual(['users with 20-99 items', '0']);
  expect(cells).toContainEqual(['head of the catalogue', '100', '5,000', '0.2500', '75.5 %']);
  expect(cells).toContainEqual(['tail of the catalogue', '23,000', '0', '0.0 %']);
  expect(Math.max(...text.split('\n').map(widthOf))).toBeLessThanOrEqual(80);
  vi.unstubAllEnvs();
});

test('a finished run of a table shows what tuning chose, and an error of folds only where there is one', () => {
  vi.stubEnv('NO_COLOR', '1');
  const candidate: TableCandidateResult = {
    algorithm: 'logistic-regression',
    parameters: { l2: 0.005618231, learningRate: 0.1, epochs: 100, batchSize: 64 },
    preparation: {
      columns: [
        { columns: ['a', 'b', 'c', 'd'], steps: [{ step: 'scale', parameters: { method: 'robust' } }] },
        { columns: ['title'], steps: [] },
      ],
      select: [{ step: 'variance', parameters: { threshold: 0.1 } }],
    },
    validation: 0.9,
    folds: { mean: 0.9, standardError: 0.0123, values: [0.9, 0.9] },
    test: { value: 0.88, interval: [0.87, 0.89] },
    features: 2417,
    chosen: true,
  };
  const other: TableCandidateResult = { ...candidate, chosen: false, folds: { mean: 0.8, values: [0.8] } };
  const text = resultLines(
    {
      task: 'classify',
      direction: 'maximize',
      model: 'leads',
      metric: 'auc',
      version: 1,
      created: true,
      artifactDigest: 'a'.repeat(64),
      outcome: { kind: 'registered', version: 1, reason: 'the spec names no target' },
      candidates: [candidate, other],
      warnings: [],
      table: 's3://bucket/table.md',
      report: 's3://bucket/report.json',
      milliseconds: 1,
    },
    {},
  );
  const cells = text.split('\n').map((line) => line.trim().split(/ {2,}/));
  expect(cells).toContainEqual(['★', 'Logistic regression', '2,417', '0.9000 ± 0.0123', '0.8800', '0.8700–0.8900']);
  expect(cells).toContainEqual(['Logistic regression', '2,417', '0.8000', '0.8800', '0.8700–0.8900']);
  expect(text).toContain('  ★ Logistic regression l2=0.005618\n');
  expect(text).toContain(
    '    4 columns: scale method=robust\n    title: as they are\n    selected by variance threshold=0.1\n',
  );
  expect(Math.max(...text.split('\n').map(widthOf))).toBeLessThanOrEqual(80);
  vi.unstubAllEnvs();
});
