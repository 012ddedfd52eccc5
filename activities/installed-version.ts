/** Versions of libraries whose results a manifest names. */
import { readFile } from 'node:fs/promises';

/** @param library - an npm package that the product depends on itself */
export async function installedVersion(library: string): Promise<string> {
  const text = await readFile(new URL(`../node_modules/${library}/package.json`, import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
