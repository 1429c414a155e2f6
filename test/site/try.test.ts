/** "Attack it live" in a real browser: the same image, seed and attack end as they do in Node. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { AxeBuilder } from '@axe-core/playwright';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { PNG } from 'pngjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { attackLive } from '../../browser/live.ts';
import { serveFolder } from '../../cli/commands/serve.ts';
import { start } from '../../engines/wasm/start.ts';
import { parseCounterexamples } from '../../records/evidence/counterexample.ts';
import { writeSite } from '../../reports/site.ts';
import { type Published, published } from '../browser/evidence.ts';
import { goldenNetwork } from '../golden.ts';
import { browserPath, launch, NO_BROWSER, onPage } from './browser.ts';

describe.skipIf(!browserPath)(browserPath ? 'the live attack' : `the live attack (${NO_BROWSER})`, () => {
  let folder: string;
  let server: Server;
  let browser: Browser;
  let models: Published[];
  let bases: { file: string; http: string };

  beforeAll(async () => {
    await start();
    models = [await published({ n: 20 }), await published({ n: 20, network: 'model-standard' })];
    folder = await mkdtemp(join(tmpdir(), 'rampart-try-'));
    const sources = new Map(models.map(({ model, source }) => [model.key, source]));
    await writeSite(
      models.flatMap(({ records }) => records),
      folder,
      { evidence: async ({ key }) => sources.get(key) },
    );
    server = await serveFolder(folder, 0);
    browser = await launch();
    bases = { file: pathToFileURL(folder).href, http: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
  }, 180_000);

  afterAll(async () => {
    await browser?.close();
    server?.closeAllConnections();
    server?.close();
    await rm(folder, { recursive: true, force: true });
  });

  const on = <T>(url: string, options: BrowserContextOptions, work: (page: Page) => Promise<T>) => onPage({ browser, url }, options, work);

  const told = (page: Page) => page.locator('.told').textContent();
  const idle = (page: Page) => page.locator('#try[data-state=done]').waitFor({ timeout: 60_000 });
  const said = (page: Page, i = 0) => page.locator('.run .said').nth(i).textContent();

  async function loaded(page: Page): Promise<void> {
    await page.getByRole('button', { name: 'Load the images' }).click();
    await page.locator('.choices input').first().waitFor({ timeout: 60_000 });
    await idle(page);
  }

  /** What the attack finds in Node: image 2 is one that both networks have right. */
  async function inNode(
    { source }: Published,
    network: 'model' | 'model-standard',
    image: number,
    params: Record<string, unknown>,
    name: string,
  ) {
    const trained = goldenNetwork(network);
    const classifier = trained.freeze();
    const pixels = source.originals[0]?.pixels.subarray(image * 3072, (image + 1) * 3072) as Float32Array;
    const label = source.cells[0]?.cell.outcomes.labels[image] as number;
    const found = await attackLive({
      classifier,
      name: network,
      pixels,
      label,
      image,
      attack: { name, params },
      threat: { norm: 'Linf', eps: 8 / 255 },
      seed: '0',
      signal: new AbortController().signal,
      step: () => undefined,
    });
    classifier.dispose();
    trained.dispose();
    return found;
  }

  it.each(['file', 'http'] as const)('runs PGD on two models beside each other as Node does, from %s', async (from) => {
    await on(`${bases[from]}/try.html#model=hardened&attack=pgd`, {}, async (page) => {
      await loaded(page);
      await page.selectOption('[name=first]', 'hardened');
      const { robust } = models[0]?.source.cells[0]?.cell.outcomes ?? { robust: '' };
      const marked = await page
        .locator('.choices label')
        .evaluateAll((all) => all.map((label) => (label.textContent?.includes('robust so far') ? '1' : '0')));
      expect(marked.join('')).toBe(robust.slice(0, 12));
      await page.selectOption('[name=second]', 'plain');
      await idle(page);
      for (const image of [2, 7]) {
        await page.locator(`.choices input[value="${image}"]`).check();
        // a search may be over before anyone looks whether it runs
        await page.locator('#try').evaluate((section) => section.setAttribute('data-state', 'asked'));
        await page.getByRole('button', { name: 'Attack', exact: true }).click();
        await idle(page);
        expect(await told(page)).toMatch(/^Done after/);
        for (const [i, network] of (['model', 'model-standard'] as const).entries()) {
          const { outcome, distance, margin, point } = await inNode(
            models[i] as Published,
            network,
            image,
            { steps: 20, restarts: 1 },
            'pgd',
          );
          expect(await page.locator('.run').nth(i).getAttribute('data-outcome')).toBe(outcome);
          const shown = (await said(page, i)) ?? '';
          if (outcome === 'broken') expect(shown).toContain(`Linf distance ${Number(distance.toPrecision(4))} of 8/255`);
          else expect(shown).toContain(outcome === 'robust' ? `by a margin of ${margin.toPrecision(3)}` : 'Wrong without an attack');
          // the picture on the canvas is the point, to a grey level
          const canvas = await page
            .locator('.run')
            .nth(i)
            .locator('canvas')
            .nth(2)
            .evaluate((node) => {
              const c = node as unknown as { getContext(kind: '2d'): { getImageData(...at: number[]): { data: Uint8ClampedArray } } };
              return Array.from(c.getContext('2d').getImageData(0, 0, 32, 32).data);
            });
          expect(canvas.filter((_, j) => j % 4 < 3)).toEqual(Array.from(point, (v) => Math.round(255 * v)));
        }
      }
      const shots = process.env.SHOTS;
      if (shots) await page.screenshot({ path: `${shots}/try-1440-${from}.png`, fullPage: true });
      const { violations } = await new AxeBuilder({ page }).options({ preload: false }).analyze();
      expect(violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)).toEqual([]);
    });
  });

  it('gives the worker the points of Node to 1e-4', async () => {
    await on(`${bases.file}/try.html`, {}, async (page) => {
      await loaded(page);
      for (const [name, params] of [
        ['pgd', { steps: 10 }],
        ['apgd-ce', { iterations: 10 }],
        ['square', { queries: 40 }],
      ] as const) {
        const { outcome, point } = await inNode(models[0] as Published, 'model', 4, params, name);
        const got = await page.evaluate(
          `new Promise(async (resolve) => {
            const worker = await window.rampart.start('', (m) => m.type === 'ended' ? resolve({ outcome: m.outcome, point: [...m.point] }) : m.type === 'refused' && resolve(m));
            worker.postMessage({ type: 'attack', models: [JSON.parse(document.querySelector('[name=first]').selectedOptions[0].dataset.index)],
              chosen: { image: 4 }, attack: ${JSON.stringify({ name, params })}, threat: { norm: 'Linf', eps: 8 / 255 }, seed: '0' });
          })`,
        );
        const { point: there, ...rest } = got as { outcome: string; point: number[] };
        expect(rest).toEqual({ outcome });
        expect(Math.max(...there.map((v, i) => Math.abs(v - (point[i] as number))))).toBeLessThan(1e-4);
      }
    });
  });

  it('attacks a picture of the reader, with what they choose, and stops when told', async () => {
    const png = new PNG({ width: 40, height: 60 });
    png.data.fill(255);
    for (let i = 0; i < png.data.length; i += 4) png.data[i] = (i / 4) % 40 < 20 ? 200 : 30;
    await on(`${bases.file}/try.html#attack=square`, {}, async (page) => {
      await loaded(page);
      expect(await page.inputValue('[name=attack]')).toBe('square');
      await page.setInputFiles('#try input[type=file]', { name: 'own.png', mimeType: 'image/png', buffer: PNG.sync.write(png) });
      await idle(page);
      expect(await told(page)).toContain('32 by 32 pixels');
      await page.fill('[name=queries]', '100000');
      await page.fill('[name=eps]', '0.5/255');
      const labels = await page.locator('[name=label] option').count();
      // one class of all is what the network says of it: that one is searched, and stopped
      let stopped = false;
      for (let c = 0; c < labels && !stopped; c++) {
        await page.selectOption('[name=label]', String(c));
        await page.getByRole('button', { name: 'Attack', exact: true }).click();
        await page.locator('#try[data-state=busy], .run[data-outcome]').first().waitFor();
        if ((await said(page))?.startsWith('Wrong')) continue;
        await page
          .locator('.said', { hasText: /^(Pass [2-9]|Wrong|Broken)/ })
          .first()
          .waitFor();
        if (!(await said(page))?.startsWith('Pass')) continue;
        await page.getByRole('button', { name: 'Stop' }).click();
        await idle(page);
        stopped = ((await told(page)) ?? '').startsWith('Stopped');
      }
      expect(stopped).toBe(true);
    });
  });

  it('saves what was found as a file that can be taken in', async () => {
    await on(`${bases.file}/try.html#model=plain&attack=fgsm`, {}, async (page) => {
      await loaded(page);
      await page.locator('.choices input[value="7"]').check();
      await page.fill('[name=finder]', 'A. Reader');
      await page.getByRole('button', { name: 'Attack', exact: true }).click();
      const save = page.getByRole('button', { name: 'Save as a counterexample' });
      await save.waitFor();
      await idle(page);
      const [download] = await Promise.all([page.waitForEvent('download'), save.click()]);
      const { model, source } = models[1] as Published;
      expect(download.suggestedFilename()).toBe(`${model.key}-7.counterexample.safetensors`);
      const file = parseCounterexamples(await readFile(await download.path()));
      expect(file).toMatchObject({
        model: { key: model.key, name: 'plain', weightsHash: model.weightsHash },
        dataset: model.dataset.hash,
        threat: { norm: 'Linf', eps: 8 / 255 },
        images: [7],
        labels: [source.cells[0]?.cell.outcomes.labels[7]],
        attack: 'fgsm',
        seed: '0',
        finder: 'A. Reader',
      });
      expect(file.clean).toEqual(source.originals[0]?.pixels.slice(7 * 3072, 8 * 3072));
      expect(Math.max(...file.adversarial.map((v, i) => Math.abs(v - (file.clean[i] as number))))).toBeCloseTo(8 / 255, 5);
    });
  });

  it('says what does not fit', async () => {
    await on(`${bases.file}/try.html`, {}, async (page) => {
      await loaded(page);
      for (const [eps, norm, reason] of [
        ['much', 'Linf', /expected a radius such as 8\/255, got "much"/],
        ['8/255', 'L1', /expected a norm of Linf, L2, got L1/],
      ] as const) {
        await page.fill('[name=eps]', eps);
        await page.selectOption('[name=norm]', norm);
        await page.getByRole('button', { name: 'Attack', exact: true }).click();
        await expect.poll(() => told(page)).toMatch(reason);
        await idle(page);
      }
    });
  });

  it.each([375, 768])('fits %i pixels in the dark, and is led to from the pages of model and attack', async (width) => {
    await on(`${bases.file}/models/plain.html`, { viewport: { width, height: 800 }, colorScheme: 'dark' }, async (page) => {
      await page.getByRole('link', { name: 'attack this model live' }).click();
      await expect.poll(() => page.inputValue('[name=first]')).toBe('plain');
      await loaded(page);
      await page.selectOption('[name=second]', 'hardened');
      await page.getByRole('button', { name: 'Attack', exact: true }).press('Enter');
      await expect.poll(() => told(page), { timeout: 60_000 }).toMatch(/^Done/);
      const shots = process.env.SHOTS;
      if (shots) await page.screenshot({ path: `${shots}/try-${width}.png`, fullPage: true });
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
      await page.goto(`${bases.file}/attacks/fgsm.html`);
      await page.getByRole('link', { name: 'Try it live' }).click();
      await expect.poll(() => page.inputValue('[name=attack]')).toBe('fgsm');
    });
  });

  it('says without scripts what they would bring', async () => {
    await on(`${bases.file}/try.html`, { javaScriptEnabled: false }, async (page) => {
      expect(await page.locator('.needs-scripts').isVisible()).toBe(true);
      expect(await page.locator('#try').isVisible()).toBe(false);
    });
  });
});
