/** The shipped sample as the product itself prepares it: what suites measure on. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cleanInteractions } from '../data/clean.ts';
import { ingestInteractions } from '../data/ingest.ts';
import { readInteractions, type Interactions } from '../data/interactions.ts';
import { splitInteractions } from '../data/split.ts';

const transactions = fileURLToPath(new URL('../data/samples/complete-journey/transactions.parquet', import.meta.url));

/** Everything before 2017-12-01 on items of at least 5 households: the training part of `pipelines/grocery-discovery.yaml`. */
export async function sampleInteractions(): Promise<Interactions> {
  const folder = await mkdtemp(join(tmpdir(), 'tradewind-bench-'));
  try {
    const [ingested, cleaned] = [join(folder, 'ingested.parquet'), join(folder, 'cleaned.parquet')];
    const columns = {
      user: 'household_id',
      item: 'product_id',
      time: 'transaction_timestamp',
      quantity: 'quantity',
      value: 'sales_value',
      basket: 'basket_id',
    };
    await ingestInteractions({ files: [transactions], columns }, ingested);
    await cleanInteractions(ingested, { dropReturns: true, maxEventsPerUserPerDay: 1000 }, cleaned);
    const { final } = await splitInteractions(
      cleaned,
      {
        preparation: { minUsersPerItem: 5, minItemsPerUser: 1 },
        split: { validationFrom: '2017-11-01', testFrom: '2017-12-01' },
      },
      folder,
    );
    return await readInteractions(final.train);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
