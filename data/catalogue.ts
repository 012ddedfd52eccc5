/** The catalogue of a model in readable form: what its answers show beside an id. */
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { literal, withDatabase, type DataOptions } from './database.ts';

export interface CatalogueSource {
  /** Item ids in catalogue order. */
  items: readonly string[];
  /** Parquet `item, title, category, department` of `ingestItems`; left out, the ids stand alone. */
  itemsFile?: string;
}

const fields = ['title', 'category', 'department'] as const;
type Description = Partial<Record<(typeof fields)[number], string>>;

/** Writes one JSON object a line, `{"id", "title"?, "category"?, "department"?}`, in catalogue order. */
export async function writeCatalogue(source: CatalogueSource, path: string, options: DataOptions = {}): Promise<void> {
  const descriptions =
    source.itemsFile === undefined ? undefined : await readDescriptions(source.itemsFile, source.items, options);
  const out = createWriteStream(path);
  for (const id of source.items) {
    const line = JSON.stringify({ id, ...descriptions?.get(id) });
    if (!out.write(`${line}\n`)) await once(out, 'drain');
  }
  out.end();
  await finished(out);
}

async function readDescriptions(
  path: string,
  items: readonly string[],
  options: DataOptions,
): Promise<Map<string, Description>> {
  const wanted = new Set(items);
  const found = new Map<string, Description>();
  await withDatabase(options, (database) =>
    database.columns(`SELECT item, ${fields.join(', ')} FROM read_parquet(${literal(path)})`, (columns, rows) => {
      const [ids, ...values] = columns;
      for (let row = 0; row < rows; row++) {
        const id = String(ids[row]);
        if (!wanted.has(id)) continue;
        const description: Description = {};
        for (const [f, name] of fields.entries()) {
          const value = values[f][row];
          if (typeof value === 'string') description[name] = value;
        }
        found.set(id, description);
      }
    }),
  );
  return found;
}
