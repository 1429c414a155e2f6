/** Drawing an image to attack, in a real browser: by keyboard, by pointer, on boards of `shapes` and on no other. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { AxeBuilder } from '@axe-core/playwright';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Drawing, figuresOf, paint } from '../../browser/drawing.ts';
import { attackLive } from '../../browser/live.ts';
import { start } from '../../engines/wasm/start.ts';
import { writeSite } from '../../reports/site.ts';
import { type Published, published } from '../browser/evidence.ts';
import { goldenNetwork } from '../golden.ts';
import { browserPath, launch, NO_BROWSER, onPage } from './browser.ts';

const THREAT = { norm: 'Linf', eps: 8 / 255 } as const;

/** The same evidence, of a model that was trained on `shapes`. */
function ofShapes({ records, model, source, ...rest }: Published): Published {
  const dataset = { ...model.dataset, name: 'shapes', classNames: [...figuresOf('shapes')] };
  const drawn = records.map((record) =>
    record.kind === 'model' ? { ...record, dataset } : { ...record, dataset: { ...record.dataset, name: 'shapes' } },
  );
  return { ...rest, source, records: drawn as Published['records'], model: { ...model, dataset } };
}

describe.skipIf(!browserPath)(browserPath ? 'drawing' : `drawing (${NO_BROWSER})`, () => {
  let folder: string;
  let browser: Browser;
  let base: string;

  beforeAll(async () => {
    await start();
    const models = [ofShapes(await published({ n: 20 })), await published({ n: 20, network: 'model-standard' })];
    folder = await mkdtemp(join(tmpdir(), 'rampart-draw-'));
    const sources = new Map(models.map(({ model, source }) => [model.key, source]));
    const evidence = async ({ key }: { key: string }) => sources.get(key);
    await writeSite(
      models.flatMap(({ records }) => records),
      join(folder, 'both'),
      { evidence },
    );
    await writeSite(models[1]?.records ?? [], join(folder, 'plain'), { evidence });
    browser = await launch();
    base = pathToFileURL(join(folder, 'both')).href;
  }, 180_000);

  afterAll(async () => {
    await browser?.close();
    await rm(folder, { recursive: true, force: true });
  });

  const onTry = <T>(options: BrowserContextOptions, work: (page: Page) => Promise<T>, hash = '#model=hardened&attack=pgd') =>
    onPage({ browser, url: `${base}/try.html${hash}` }, options, work);
  const told = (page: Page) => page.locator('.told').textContent();
  const idle = (page: Page) => page.locator('#try[data-state=done]').waitFor({ timeout: 60_000 });

  async function opened(page: Page): Promise<void> {
    await page.getByRole('button', { name: 'Load the images' }).click();
    await page.locator('.choices input').first().waitFor({ timeout: 60_000 });
    await idle(page);
    await page.getByText('Or draw one').click();
  }

  /** Values of a canvas, `[h,w,3]` in grey levels. */
  const seen = async (page: Page, selector: string) => {
    const rgba = await page
      .locator(selector)
      .first()
      .evaluate((node) => {
        const c = node as unknown as { getContext(kind: '2d'): { getImageData(...at: number[]): { data: Uint8ClampedArray } } };
        return Array.from(c.getContext('2d').getImageData(0, 0, 32, 32).data);
      });
    return rgba.filter((_, i) => i % 4 < 3);
  };
  const levels = (pixels: Float32Array) => Array.from(pixels, (v) => Math.round(255 * v));
  const INK = [0xe6 / 255, 0xb4 / 255, 0x22 / 255] as const;

  /** The drawing that the page begins with. */
  const first = (name: string): Drawing => ({
    ground: 1,
    figure: { name, centre: [16, 16], radius: 10, degrees: 0, ink: INK },
    strokes: [],
  });

  it('attacks what was set by keyboard as it is attacked in Node', async () => {
    await onTry({}, async (page) => {
      await opened(page);
      await expect.poll(() => seen(page, '.drawing canvas')).toEqual(levels(paint(first('disc'))));
      await page.locator('[name=figure]').focus();
      await page.keyboard.type('star');
      await page.locator('[name=across]').focus();
      for (let i = 0; i < 4; i++) await page.keyboard.press('ArrowLeft');
      await page.locator('[name=turn]').focus();
      for (let i = 0; i < 3; i++) await page.keyboard.press('ArrowRight');
      const drawn = paint({ ...first('star'), figure: { name: 'star', centre: [14, 16], radius: 10, degrees: 15, ink: INK } });
      await expect.poll(() => seen(page, '.drawing canvas')).toEqual(levels(drawn));
      expect(await page.locator('.drawing canvas').getAttribute('aria-label')).toBe('Your drawing: star');
      expect(await page.locator('.drawing [type=radio]').isChecked()).toBe(true);
      expect(await page.locator('.choices input:checked').count()).toBe(0);
      expect(await told(page)).toBe('Your drawing is chosen. Its class: star.');
      const network = goldenNetwork();
      const classifier = network.freeze();
      for (const label of [5, 0, 1, 2, 3, 4, 6, 7, 8, 9]) {
        await page.selectOption('[name=label]', String(label));
        await page.getByRole('button', { name: 'Attack', exact: true }).press('Enter');
        await expect.poll(() => told(page), { timeout: 60_000 }).toMatch(/^Done/);
        await idle(page);
        const input = { classifier, name: 'model', pixels: drawn, label, image: 0, threat: THREAT, seed: '0', step: () => undefined };
        const attack = { name: 'pgd', params: { steps: 20, restarts: 1 } };
        const { outcome, point } = await attackLive({ ...input, attack, signal: new AbortController().signal });
        expect(await page.locator('.run').getAttribute('data-outcome')).toBe(outcome);
        expect(await seen(page, '.run canvas')).toEqual(levels(drawn));
        expect(await seen(page, '.run figure:nth-of-type(3) canvas')).toEqual(levels(point));
        // what it is without an attack is no find, and there is no test image to save a find of
        expect(await page.getByRole('button', { name: 'Save as a counterexample' }).count()).toBe(0);
        await page.locator('.told').evaluate((node) => {
          node.textContent = '';
        });
        if (outcome !== 'wrong') break;
        expect(label).not.toBe(9);
      }
      classifier.dispose();
      network.dispose();
    });
  });

  it('draws strokes by pointer, takes them back, and gives way to a test image', async () => {
    await onTry({}, async (page) => {
      await opened(page);
      await page.selectOption('[name=figure]', '');
      await page.selectOption('[name=ground]', 'plain');
      await page.locator('[name=paper]').fill('#000000');
      await page.locator('[name=ink]').fill('#ffffff');
      await expect.poll(async () => Math.max(...(await seen(page, '.drawing canvas')))).toBe(0);
      const box = (await page.locator('.drawing canvas').boundingBox()) as { x: number; y: number; width: number; height: number };
      const to = (x: number, y: number) => page.mouse.move(box.x + (box.width * x) / 32, box.y + (box.height * y) / 32);
      await to(6, 16);
      await page.mouse.down();
      await to(16, 16);
      await to(26, 16);
      await page.mouse.up();
      await to(26, 28); // with no button pressed it draws nothing
      const red = (values: number[], x: number, y: number) => values[3 * (32 * y + x)];
      await expect.poll(async () => red(await seen(page, '.drawing canvas'), 20, 16)).toBe(255);
      const line = await seen(page, '.drawing canvas');
      expect([red(line, 6, 15), red(line, 16, 15), red(line, 16, 13), red(line, 2, 16), red(line, 26, 24)]).toEqual([255, 255, 0, 0, 0]);
      expect(await page.locator('.drawing canvas').getAttribute('aria-label')).toBe('Your drawing: no figure, 1 stroke');
      await page.getByRole('button', { name: 'Take back a stroke' }).click();
      await expect.poll(async () => Math.max(...(await seen(page, '.drawing canvas')))).toBe(0);
      await page.locator('.choices input[value="7"]').check();
      expect(await page.locator('.drawing [type=radio]').isChecked()).toBe(false);
      await page.selectOption('[name=attack]', 'fgsm');
      await page.getByRole('button', { name: 'Attack', exact: true }).click();
      await expect.poll(() => told(page), { timeout: 60_000 }).toMatch(/^Done/);
      expect(await seen(page, '.run canvas')).toEqual(await seen(page, '.choices label:has([value="7"]) canvas'));
    });
  });

  it('is not there on a model of other images, nor on a site without such models, nor without scripts', async () => {
    await onTry({}, async (page) => {
      expect(await page.locator('.drawing').isVisible()).toBe(false);
      await opened(page);
      await page.locator('[name=across]').fill('3');
      expect(await page.locator('.drawing [type=radio]').isChecked()).toBe(true);
      await page.selectOption('[name=first]', 'plain');
      await idle(page);
      expect(await page.locator('.drawing').isVisible()).toBe(false);
      expect(await page.locator('.choices input:checked').count()).toBe(1);
    });
    await onTry({ javaScriptEnabled: false }, async (page) => expect(await page.locator('.drawing').isVisible()).toBe(false));
    const url = `${pathToFileURL(join(folder, 'plain')).href}/try.html`;
    await onPage({ browser, url }, {}, async (page) => {
      await page.getByRole('button', { name: 'Load the images' }).click();
      await page.locator('.choices input').first().waitFor({ timeout: 60_000 });
      expect(await page.locator('.drawing').count()).toBe(0);
    });
  });

  it.each([
    [375, 'dark'],
    [1440, 'light'],
  ] as const)('fits %i pixels, %s, and axe finds nothing', async (width, colorScheme) => {
    await onTry({ viewport: { width, height: 800 }, colorScheme, hasTouch: width < 400 }, async (page) => {
      await opened(page);
      if (width < 400) {
        const box = (await page.locator('.drawing canvas').boundingBox()) as { x: number; y: number };
        await page.touchscreen.tap(box.x + 20, box.y + 20);
        await expect.poll(() => page.locator('.drawing canvas').getAttribute('aria-label')).toBe('Your drawing: disc, 1 stroke');
      }
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
      const shots = process.env.SHOTS;
      if (shots) await page.screenshot({ path: `${shots}/draw-${width}.png`, fullPage: true });
      const { violations } = await new AxeBuilder({ page }).options({ preload: false }).analyze();
      expect(violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)).toEqual([]);
    });
  });
});
