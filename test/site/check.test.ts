/** "Check it here" in a real browser, from the file system and from `rampart serve`: the real worker, the real wasm, the pages' own policy. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { AxeBuilder } from '@axe-core/playwright';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { serveFolder } from '../../cli/commands/serve.ts';
import { start } from '../../engines/wasm/start.ts';
import { writeSite } from '../../reports/site.ts';
import { type Published, published } from '../browser/evidence.ts';
import { browserPath, launch, NO_BROWSER, onPage } from './browser.ts';

describe.skipIf(!browserPath)(browserPath ? 'the checker' : `the checker (${NO_BROWSER})`, () => {
  let folder: string;
  let server: Server;
  let browser: Browser;
  let found: Published;
  let bases: { file: string; http: string };
  let broken: number;

  beforeAll(async () => {
    await start();
    found = await published();
    broken = found.source.cells.reduce((n, { blocks }) => n + blocks.reduce((m, { ids }) => m + ids.length, 0), 0);
    folder = await mkdtemp(join(tmpdir(), 'rampart-check-'));
    await writeSite(found.records, folder, { evidence: async () => found.source });
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

  /** Works on the model's page. */
  const onModel = <T>(site: string, options: BrowserContextOptions, work: (page: Page) => Promise<T>) =>
    onPage({ browser, url: `${site}/models/hardened.html`, site }, options, work);

  const told = (page: Page) => page.locator('#check .told');
  const done = (page: Page) => page.locator('#check[data-state=done]').waitFor({ timeout: 60_000 });
  const cell = (page: Page, key: string) => page.locator(`#check .cells td[data-key=${key}]`).textContent();

  it.each(['file', 'http'] as const)('confirms what the record claims, from %s, and loads nothing before it is asked', async (from) => {
    await onModel(bases[from], {}, async (page) => {
      const asked: string[] = [];
      page.on('request', (r) => /^blob:|icon\.svg$/.test(r.url()) || asked.push(r.url().slice(bases[from].length)));
      expect(await page.locator('#check .needs-scripts').count()).toBe(0);
      expect(asked).toEqual([]);
      await page.getByRole('button', { name: /^Check \d+ images$/ }).click();
      await done(page);
      expect(await told(page).textContent()).toMatch(
        new RegExp(`^All ${broken} images checked in .* s: ${broken} confirmed, 0 on the edge, 0 disputed\\.$`),
      );
      expect(await cell(page, 'confirmed')).toBe(String(broken));
      expect(asked.filter((url) => !url.startsWith('/evidence/'))).toEqual(['/assets/checker.js']);
      await page.getByText('Image by image', { exact: true }).click();
      expect(await page.locator('#check .each tr[data-verdict=confirmed]').count()).toBe(broken);
      const { violations } = await new AxeBuilder({ page }).options({ preload: false }).include('#check').analyze();
      expect(violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)).toEqual([]);
    });
  });

  it('refuses a file of weights with one byte changed, and takes the right one', async () => {
    const [right, wrong] = ['right', 'wrong'].map((name) => join(folder, `${name}.safetensors`)) as [string, string];
    const changed = Uint8Array.from(found.weights);
    changed[changed.length - 1000] = (changed[changed.length - 1000] as number) ^ 1;
    await writeFile(right, found.weights);
    await writeFile(wrong, changed);
    await onModel(bases.file, {}, async (page) => {
      await page.setInputFiles('#check input', wrong);
      await page.locator('#check .go').click();
      await done(page);
      expect(await told(page).textContent()).toMatch(/^Refused: .*not the weights of the record: expected SHA-256/);
      expect(await page.locator('#check .found').isVisible()).toBe(false);
      await page.setInputFiles('#check input', right);
      await page.locator('#check .go').click();
      await done(page);
      expect(await told(page).textContent()).toContain(`${broken} confirmed`);
    });
  });

  it('disputes with the reason what was changed in the site', async () => {
    const index = JSON.parse(
      (await readFile(join(folder, 'models/hardened.html'), 'utf8')).match(/data-index="([^"]*)"/)?.[1]?.replaceAll('&quot;', '"') ?? '',
    );
    const text = await readFile(join(folder, index.pieces[0]), 'utf8');
    const evidence = JSON.parse(Buffer.from(/","(.*)"/.exec(text)?.[1] ?? '', 'base64').toString());
    const piece = join(folder, evidence.cells[0].adversarial[0].pieces[0]);
    const before = await readFile(piece, 'utf8');
    await writeFile(piece, before.replace(/.{4}"\);\n$/, 'AAAA");\n'));
    try {
      await onModel(bases.http, {}, async (page) => {
        await page.locator('#check .go').click();
        await done(page);
        expect(await told(page).textContent()).toContain(`0 confirmed, 0 on the edge, ${broken} disputed. See image by image`);
        await page.getByText('Image by image', { exact: true }).click();
        expect(await page.locator('#check .each tr[data-verdict=disputed]').first().textContent()).toMatch(/disputed: .*SHA-256/);
      });
    } finally {
      await writeFile(piece, before);
    }
  });

  it('can be stopped, and begun again with the keyboard', async () => {
    await onModel(bases.file, {}, async (page) => {
      await page.locator('#check .go').focus();
      await page.keyboard.press('Enter');
      await page.locator('#check[data-state=busy]').waitFor();
      await page.locator('#check .stop').click();
      await done(page);
      expect(await told(page).textContent()).toMatch(/^(Stopped|All)/);
      await page.locator('#check .go').focus();
      await page.keyboard.press('Enter');
      await done(page);
    });
  });

  it.each([375, 1440])('fits %i pixels', async (width) => {
    await onModel(bases.file, { viewport: { width, height: 800 }, colorScheme: 'dark' }, async (page) => {
      await page.locator('#check .go').click();
      await done(page);
      await page.getByText('Image by image', { exact: true }).click();
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
      const shots = process.env.SHOTS;
      if (shots) await page.locator('#check').screenshot({ path: `${shots}/check-${width}.png` });
    });
  });

  it('says without scripts what they would bring', async () => {
    await onModel(bases.file, { javaScriptEnabled: false }, async (page) => {
      expect(await page.locator('#check .needs-scripts').isVisible()).toBe(true);
      expect(await page.locator('#check .go').isVisible()).toBe(false);
    });
  });

  it('weighs less than 1.2 MB with wasm', async () => {
    expect((await readFile(join(folder, 'assets/checker.js'))).length).toBeLessThan(1_200_000);
  });
});
