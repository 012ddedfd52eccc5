import { afterEach, expect, test, vi } from 'vitest';
import { clip, duration, style, table, widthOf, wrap } from '../../scripts/terminal.ts';

const columns = [
  { title: 'Model' },
  { title: 'Reason', flexible: true },
  { title: 'nDCG@10', align: 'right' as const },
];

afterEach(() => vi.unstubAllEnvs());

test('a table that is too wide shortens its flexible column, and no line is wider than the terminal', () => {
  vi.stubEnv('FORCE_COLOR', '1');
  const rows = [
    ['als', 'a'.repeat(200), style.green('0.0505')],
    ['popularity', 'short', '0.0392'],
  ];
  const lines = table(columns, rows).split('\n');
  expect(lines).toHaveLength(3);
  expect(Math.max(...lines.map(widthOf))).toBeLessThanOrEqual(80);
  expect(lines[1]).toContain('…');
  // The numbers stand whole, below each other, colours or not.
  expect(lines.slice(1).map((line) => widthOf(line.split(/0\.0/)[0]))).toEqual([74, 74]);
});

test('colours give way to NO_COLOR and to output that is not a terminal', () => {
  vi.stubEnv('FORCE_COLOR', undefined);
  vi.stubEnv('NO_COLOR', '1');
  expect(style.red('x')).toBe('x');
});

test.each([
  [0, '0 ms'],
  [430, '430 ms'],
  [999.6, '1.0 s'],
  [12_340, '12.3 s'],
  [59_960, '1 min 00 s'],
  [125_000, '2 min 05 s'],
  [3_725_000, '1 h 02 min'],
  [273_600_000, '3 d 04 h'],
])('%d ms reads %s', (milliseconds, text) => expect(duration(milliseconds)).toBe(text));

test('a clipped text fits, counted as people count', () => {
  expect(clip('naïve café', 20)).toBe('naïve café');
  expect(widthOf(clip('👩‍🌾'.repeat(30), 10))).toBe(10);
});

test('wrapped lines keep every word', () => {
  const text = 'one two three four five six seven';
  const lines = wrap(text, 12);
  expect(lines.join(' ')).toBe(text);
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(12);
});

test('a column that wraps keeps all its words, and its longest one whole where another can give', () => {
  const long = `numbers.3.scale.method=standard ${'learningRate=0.0029 dropout=0.38 '.repeat(4)}`;
  const cells = ['16', '0.88012', 'Multilayer perceptron', long];
  const text = table(
    [
      { title: 'trial' },
      { title: 'a much longer metric' },
      { title: 'algorithm', wraps: true },
      { title: 'parameters', wraps: true },
    ],
    [cells],
  );
  expect(Math.max(...text.split('\n').map(widthOf))).toBeLessThanOrEqual(80);
  expect(text).not.toContain('…');
  for (const word of cells.flatMap((cell) => cell.split(' '))) expect(text).toContain(word);
});
