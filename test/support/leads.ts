/** A made-up table with a known pattern: who answers an offer. Numbers, categories, times and gaps, dirt on demand. */
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { Random } from '../../contracts/random.ts';
import type { TableSpecInput } from '../../contracts/table-spec.ts';

export interface Leads {
  folder: string;
  path: string;
  rows: number;
}

const channels = ['mail', 'phone', 'shop', 'web'];

/** @param broken - rows with an age that nobody has. */
export async function makeLeads({ rows = 900, seed = 1, broken = 0 } = {}): Promise<Leads> {
  const folder = await mkdtemp(join(tmpdir(), 'tradewind-leads-'));
  const random = new Random(seed);
  const lines = ['age,spend,channel,asked_at,answers'];
  for (let row = 0; row < rows; row++) {
    const age = row < broken ? 900 : 18 + random.integer(60);
    const spend = Math.exp(3 + random.normal());
    const channel = channels[random.integer(channels.length)];
    const day = new Date(Date.UTC(2026, 0, 1) + random.integer(180) * 86_400_000).toISOString().slice(0, 10);
    const score = 0.05 * (age - 45) + (channel === 'web' ? 1.5 : 0) + 0.8 * (Math.log(spend) - 3) + random.normal();
    lines.push(
      [row % 17 === 0 ? '' : age, spend.toFixed(2), channel, day, score > 0.4 ? 'would buy' : 'declines'].join(','),
    );
  }
  const path = join(folder, 'leads.csv');
  await writeFile(path, `${lines.join('\n')}\n`);
  return { folder, path, rows };
}

export function leadsSpec(leads: Leads, model: string, change: Partial<TableSpecInput> = {}): TableSpecInput {
  return {
    model,
    task: 'classify',
    seed: 3,
    data: { name: 'leads', table: { path: leads.path, target: 'answers' } },
    split: { by: 'stratified', test: 0.25, validation: 0, folds: 3 },
    objective: { metric: 'auc' },
    candidates: [
      {
        algorithm: 'logistic-regression',
        parameters: { epochs: 20 },
        search: { l2: { min: 1e-5, max: 0.1, log: true } },
      },
    ],
    tuning: { trials: 3, parallel: 2, sampler: 'random' },
    ...change,
  };
}

export async function writeLeadsSpec(leads: Leads, spec: TableSpecInput): Promise<string> {
  const path = join(leads.folder, `${spec.model}.yaml`);
  await writeFile(path, stringify(spec));
  return path;
}
