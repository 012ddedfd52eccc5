import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { homeFolder, openHome, projectRoot, purgeHome } from '../../../scripts/stack/home.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tradewind-home-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('the home is .tradewind in the project unless TRADEWIND_HOME moves it', () => {
  expect(homeFolder({})).toBe(join(projectRoot, '.tradewind'));
  expect(homeFolder({ TRADEWIND_HOME: '/elsewhere' })).toBe('/elsewhere');
});

test('a new home can be read by its owner alone', () => {
  const home = join(folder, 'a', 'home');
  openHome(home);
  expect(statSync(home).mode & 0o077).toBe(0);
});

test('a folder with other things in it is not taken for a home', () => {
  writeFileSync(join(folder, 'thesis.tex'), '');
  expect(() => openHome(folder)).toThrow(/TRADEWIND_HOME must name an empty folder .* thesis\.tex/);
  expect(readdirSync(folder)).toEqual(['thesis.tex']);
});

test('nothing is deleted from a folder without the marker, however much it looks like a home', () => {
  mkdirSync(join(folder, 's3'));
  expect(() => purgeHome(folder)).toThrow('must carry the file tradewind-home');
  expect(existsSync(join(folder, 's3'))).toBe(true);
});

test('purge removes the home, or leaves in it what is not Tradewind’s', () => {
  openHome(folder);
  writeFileSync(join(folder, 'notes.txt'), 'mine');
  expect(purgeHome(folder)).toEqual(['notes.txt']);
  expect(existsSync(join(folder, 's3'))).toBe(false);
  expect(() => openHome(folder)).not.toThrow();

  rmSync(join(folder, 'notes.txt'));
  expect(purgeHome(folder)).toEqual([]);
  expect(existsSync(folder)).toBe(false);
});
