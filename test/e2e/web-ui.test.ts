/** The Web UI, as people open it: a run shows its stages, its attributes and its summary. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { stages } from '../../contracts/names.ts';
import { findChromium, noChromium, openBrowser } from '../support/browser.ts';
import { makeShop, shopSpec, writeSpec } from '../support/shop.ts';
import { attachStack } from '../support/stack.ts';

const executable = findChromium();
if (executable === undefined) console.warn(noChromium);

describe.runIf(executable !== undefined)('the Web UI shows a run', () => {
  let browser: Browser;
  let page: Page;
  let url: string;
  let workflowId: string;
  const shots = join('build', 'screenshots');

  beforeAll(async () => {
    const stack = attachStack(inject('stackHome'));
    const shop = await makeShop({ seed: 2 });
    const spec = await writeSpec(shop.folder, shopSpec(shop, 'shop-seen'));
    ({ url, workflowId } = await stack.json<{ url: string; workflowId: string }>('run', spec, '--wait'));
    await mkdir(shots, { recursive: true });
    browser = await openBrowser(executable!);
    page = await browser.newPage({ viewport: { width: 1440, height: 1100 } });
  });
  afterAll(async () => {
    await browser?.close();
  });

  const look = async (path: string, text: string, shot: string): Promise<string> => {
    await page.goto(path);
    // Markdown is shown in frames of its own, and the details are asked of the worker, which takes a moment.
    const everything = async () =>
      (await Promise.all(page.frames().map((frame) => frame.locator('body').innerText()))).join('\n');
    let shown = '';
    for (let i = 0; i < 150 && !shown.includes(text); i++) {
      await page.waitForTimeout(200);
      shown = await everything().catch(() => '');
    }
    await page.screenshot({ path: join(shots, `${shot}.png`) });
    expect(shown).toContain(text);
    return shown;
  };

  it('with its id, its type and a line per activity', async () => {
    const text = await look(url, 'one ONNX graph, checked against the model', 'history');
    expect(text).toContain('Completed');
    expect(text).toContain('modelLifecycle');
    expect(text).toContain(workflowId);
  });

  it('with the stage table and the candidates in its current details', async () => {
    const details = page.url().replace(/\/history.*$/, '/user-metadata');
    const text = await look(details, 'Deployed', 'details');
    for (const stage of stages) expect(text).toContain(stage);
    expect(text).toContain('shop-seen on shop, seed 7');
    expect(text).toMatch(/Item-kNN/);
    expect(text).toMatch(/Deployed: first version of shop-seen/);
    const tables = await Promise.all(page.frames().map((frame) => frame.locator('table').count()));
    // Stages, candidates, and how the chosen one does by what users had and by how many have an item.
    expect(Math.max(...tables)).toBe(4);
  });

  it('with typed search attributes', async () => {
    const attributes = page.url().replace(/\/user-metadata.*$/, '/search-attributes');
    const text = await look(attributes, 'TradewindModel', 'attributes');
    for (const name of ['TradewindModel', 'TradewindDataset', 'TradewindStage', 'TradewindVersion']) {
      expect(text).toContain(name);
    }
    expect(text).toContain('shop-seen');
  });

  it('and finds it by its model', async () => {
    const base = url.slice(0, url.indexOf('/workflows/'));
    const query = encodeURIComponent('TradewindModel = "shop-seen" AND TradewindVersion = 1');
    const text = await look(`${base}/workflows?query=${query}`, workflowId, 'list');
    expect(text).toContain('lifecycle/shop-seen/');
    expect(text).toContain('deploy/shop-seen/v1/');
  });
});
