import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import type { LifecycleResult } from '../../contracts/lifecycle.ts';
import { makeShop, shopSpec, writeSpec } from '../support/shop.ts';
import { attachStack, type Stack } from '../support/stack.ts';

const model = 'shop-scheduled';
let stack: Stack;
let spec: string;

beforeAll(async () => {
  stack = attachStack(inject('stackHome'));
  const shop = await makeShop({ seed: 3 });
  spec = await writeSpec(shop.folder, shopSpec(shop, model));
});
afterAll(async () => {
  await stack.tradewind('unschedule', model);
});

it('a schedule retrains, and its second run deploys nothing that does not beat the champion', async () => {
  const made = await stack.json<{ scheduleId: string; next: string }>('schedule', spec, '--cron', '0 4 * * 1', '--now');
  expect(made.scheduleId).toBe(`retrain/${model}`);
  expect(new Date(made.next).getUTCDay()).toBe(1);
  expect(new Date(made.next).getUTCHours()).toBe(4);

  const versions = async () =>
    (await stack.tradewind('versions', model)).code === 0
      ? stack.json<{ version: number; champion: boolean; workflowId: string }[]>('versions', model)
      : [];
  let found = await versions();
  for (let i = 0; i < 240 && !found.some((v) => v.champion); i++) {
    await sleep(250);
    found = await versions();
  }
  expect(found).toMatchObject([{ version: 1, champion: true }]);
  expect(found[0].workflowId).toMatch(new RegExp(`^lifecycle/${model}/scheduled-`));

  const second = await stack.json<LifecycleResult>('run', spec, '--wait');
  expect(second.outcome.kind).toBe('unchanged');
});

it('scheduling a model again replaces its schedule; schedules lists it; unschedule ends it', async () => {
  const again = await stack.json<{ replaced: boolean }>('schedule', spec, '--cron', '30 2 * * *');
  expect(again.replaced).toBe(true);
  const listed = await stack.json<{ model: string; cron: string }[]>('schedules');
  expect(listed.filter((s) => s.model === model)).toMatchObject([{ cron: '30 2 * * *' }]);
  expect((await stack.tradewind('unschedule', model)).code).toBe(0);
  expect((await stack.json<{ model: string }[]>('schedules')).some((s) => s.model === model)).toBe(false);
  const gone = await stack.tradewind('unschedule', model);
  expect(gone.code).toBe(2);
  expect(gone.stderr).toContain('have a schedule');
});

it('a cron expression that is none is refused by name', async () => {
  const refused = await stack.tradewind('schedule', spec, '--cron', 'every monday');
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain('--cron');
});
