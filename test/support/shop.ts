/** A small shop with planted tastes: each user buys mostly from one of six groups of items, and discovers over time. */
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { PipelineSpecInput } from '../../contracts/spec.ts';
import { Random } from '../../contracts/random.ts';

export interface Shop {
  folder: string;
  /** CSV: who,what,at,pieces,receipt */
  events: string;
  items: string;
}

const day = 86_400_000;
const start = Date.UTC(2025, 0, 1);

export async function makeShop(options: { users?: number; seed?: number; months?: number } = {}): Promise<Shop> {
  const { users = 240, seed = 1, months = 4 } = options;
  const random = new Random(seed);
  const groups = 6;
  const perGroup = 25;
  const lines = ['who,what,at,pieces,receipt'];
  let receipt = 0;
  for (let user = 0; user < users; user++) {
    const group = user % groups;
    const visits = 6 + random.integer(10);
    for (let visit = 0; visit < visits; visit++) {
      receipt++;
      const at = new Date(start + Math.floor(random.uniform() * months * 30) * day + 36_000_000).toISOString();
      for (let i = 0; i < 3 + random.integer(4); i++) {
        const from = random.uniform() < 0.85 ? group : random.integer(groups);
        // The square makes some items of a group popular and leaves others to be discovered.
        const item = from * perGroup + Math.floor(random.uniform() ** 2 * perGroup);
        lines.push(`u${user},i${item},${at},${1 + random.integer(3)},r${receipt}`);
      }
    }
  }
  const folder = await mkdtemp(join(tmpdir(), 'tradewind-shop-'));
  const shop = { folder, events: join(folder, 'events.csv'), items: join(folder, 'items.csv') };
  await writeFile(shop.events, `${lines.join('\n')}\n`);
  const items = Array.from(
    { length: groups * perGroup },
    (_, i) => `i${i},Item ${i},group ${Math.floor(i / perGroup)}`,
  );
  await writeFile(shop.items, `what,name,kind\n${items.join('\n')}\n`);
  return shop;
}

/** A spec over the shop: quick, with every stage. */
export function shopSpec(shop: Shop, model: string, change: Partial<PipelineSpecInput> = {}): PipelineSpecInput {
  return {
    model,
    task: 'recommend',
    seed: 7,
    data: {
      name: 'shop',
      interactions: {
        path: shop.events,
        columns: { user: 'who', item: 'what', time: 'at', quantity: 'pieces', basket: 'receipt' },
      },
      items: { path: shop.items, columns: { item: 'what', title: 'name', category: 'kind' } },
    },
    preparation: { minUsersPerItem: 3 },
    split: { validationFrom: '2025-03-01', testFrom: '2025-04-01' },
    candidates: [
      { algorithm: 'popularity' },
      { algorithm: 'item-knn', search: { neighbours: { min: 5, max: 100 } } },
      {
        algorithm: 'als',
        parameters: { factors: 16, iterations: 10 },
        search: { regularization: { min: 0.1, max: 30, log: true } },
      },
    ],
    tuning: { trials: 6, parallel: 2 },
    deployment: { performanceTest: { requests: 40, connections: 2, maxP99Milliseconds: 5000 } },
    ...change,
  };
}

let specs = 0;

export async function writeSpec(folder: string, spec: PipelineSpecInput): Promise<string> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, `spec-${specs++}.yaml`);
  await writeFile(path, stringify(spec));
  return path;
}
