/** The real pages in a real browser: from the file system and from `rampart serve`, narrow to wide, light and dark, scripts on and off; long because one browser and one set of sites serve all of it. */
import { readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { AxeBuilder } from '@axe-core/playwright';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { serveFolder } from '../../cli/commands/serve.ts';
import { isInBall, type RampartRecord } from '../../records/record.ts';
import { mcnemar } from '../../records/stats.ts';
import { writeSite } from '../../reports/site.ts';
import { buildView } from '../../reports/view/leaderboard.ts';
import { parseCsv } from '../reports/formats/parse-csv.ts';
import { HOSTILE, hostileNames } from '../reports/hostile.ts';
import { syntheticRecords } from '../reports/synthetic.ts';
import { browserPath, launch, NO_BROWSER, onPage } from './browser.ts';

const records = syntheticRecords({
  models: 12,
  n: 100,
  seeds: 2,
  attacks: ['fgsm', 'pgd', 'square', 'autoattack'],
  threats: [
    { norm: 'Linf', eps: 8 / 255 },
    { norm: 'Linf', eps: 4 / 255 },
  ],
  failing: [['mart (seed 1)', 'square']],
});
const WIDTHS = [375, 768, 1440];
const SCHEMES = ['light', 'dark'] as const;

describe.skipIf(!browserPath)(browserPath ? 'pages' : `pages (${NO_BROWSER})`, () => {
  let folder: string;
  let server: Server;
  let browser: Browser;
  let bases: { file: string; http: string };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rampart-pages-'));
    await writeSite(records, join(folder, 'site'), { title: 'Test board' });
    await writeSite(
      syntheticRecords({ models: 8, n: 30, attacks: ['pgd', 'square'], seeds: 2, rename: hostileNames() }),
      join(folder, 'hostile'),
      { title: HOSTILE[0] ?? '' },
    );
    server = await serveFolder(join(folder, 'site'), 0);
    browser = await launch();
    bases = { file: pathToFileURL(join(folder, 'site')).href, http: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
  });

  afterAll(async () => {
    await browser?.close();
    server?.closeAllConnections();
    server?.close();
    await rm(folder, { recursive: true, force: true });
  });

  const on = <T>(url: string, options: BrowserContextOptions, work: (page: Page) => Promise<T>) => onPage({ browser, url }, options, work);

  const names = (page: Page) => page.locator('#board tbody tr:not([hidden]) td:nth-child(2)').allTextContents();
  const column = async (page: Page, key: string) => {
    const index = await page.locator('#board th').evaluateAll((all, k) => all.findIndex((h) => h.getAttribute('data-key') === k), key);
    return page.locator(`#board tbody tr:not([hidden]) td:nth-child(${index + 1})`).allTextContents();
  };
  const heading = (page: Page, key: string) => page.locator(`#board th[data-key="${key}"] button`);

  describe.each(['file', 'http'] as const)('from %s', (from) => {
    it.each(WIDTHS.flatMap((width) => SCHEMES.map((colorScheme) => ({ width, colorScheme }))))(
      'fits $width pixels, $colorScheme',
      async ({ width, colorScheme }) => {
        await on(`${bases[from]}/index.html`, { viewport: { width, height: 800 }, colorScheme }, async (page) => {
          expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
          expect(await names(page)).toHaveLength(12);
          // The answer is on the first screen: the best model, its accuracy and the first row.
          for (const part of [page.locator('.headline strong'), page.locator('#defenses tbody tr, #board tbody tr').first()]) {
            const box = await part.boundingBox();
            expect((box?.y ?? 1e9) + (box?.height ?? 0)).toBeLessThan(800);
          }
          const [r = 0, g = 0, b = 0] =
            (await page.evaluate<string>('getComputedStyle(document.body).backgroundColor')).match(/\d+/g)?.map(Number) ?? [];
          expect((r + g + b) / 3 > 128).toBe(colorScheme === 'light');
        });
      },
    );

    it('sorts by a column, both ways, and gives the same view from the shared address', async () => {
      const { url, order } = await on(`${bases[from]}/index.html`, {}, async (page) => {
        await heading(page, 'clean').click();
        const values = (await column(page, 'clean')).map(Number);
        expect(values).toEqual([...values].sort((a, b) => b - a));
        await heading(page, 'clean').click();
        expect((await column(page, 'clean')).map(Number)).toEqual([...values].reverse());
        expect(await page.locator('th[data-key=clean]').getAttribute('aria-sort')).toBe('ascending');
        return { url: page.url(), order: await names(page) };
      });
      expect(url).toContain('#sort=clean');
      await on(url, {}, async (page) => expect(await names(page)).toEqual(order));
    });

    it('filters by text, defense, flag and attack, hides columns, and shares all of it', async () => {
      const { url, shown } = await on(`${bases[from]}/index.html`, {}, async (page) => {
        await page.fill('[name=q]', 'seed 1');
        expect(await names(page)).toHaveLength(6);
        expect(await page.locator('output').textContent()).toBe('6 of 12 models');
        await page.selectOption('[name=flag]', 'attack-failed');
        expect(await names(page)).toEqual(['mart (seed 1)']);
        await page.selectOption('[name=flag]', '-');
        expect(await names(page)).toHaveLength(5);
        await page.selectOption('[name=attack]', 'pgd');
        expect(await page.locator('th[data-key=pgd]').isVisible()).toBe(true);
        expect(await page.locator('th[data-key=fgsm]').isVisible()).toBe(false);
        await page.click('.chooser summary');
        await page.getByLabel('Parameters').check();
        expect(await page.locator('th[data-key=parameters]').isVisible()).toBe(true);
        await page.selectOption('[name=defense]', 'trades');
        return { url: page.url(), shown: await names(page) };
      });
      expect(shown).toEqual(['trades (seed 1)']);
      await on(url, {}, async (page) => {
        expect(await names(page)).toEqual(shown);
        expect(await page.inputValue('[name=q]')).toBe('seed 1');
        expect(await page.locator('th[data-key=parameters]').isVisible()).toBe(true);
        await page.click('button[type=reset]');
        expect(await names(page)).toHaveLength(12);
        expect(new URL(page.url()).hash).toBe('');
      });
    });

    it('is complete without scripts', async () => {
      await on(`${bases[from]}/index.html`, { javaScriptEnabled: false }, async (page) => {
        expect(await page.locator('#board tbody tr').count()).toBe(12);
        expect(await page.locator('#controls').isVisible()).toBe(false);
        const headings = page.locator('#board th');
        for (let i = 0; i < (await headings.count()); i++) expect(await headings.nth(i).isVisible()).toBe(true);
        await page.locator('#board td a').nth(2).click();
        expect(page.url()).toMatch(/models\/[a-z0-9-]+\.html#/);
        await page.getByRole('link', { name: 'record with every outcome' }).first().click();
        const record = JSON.parse((await page.locator('body').textContent()) ?? '');
        expect(record.kind).toBe('cell');
      });
    });

    it('compares two models with the test of the statistics module', async () => {
      const board = buildView(records).boards[0];
      const [a, b] = [board?.rows[0], board?.rows[8]];
      if (!a?.worst || !b?.worst) throw new Error('the synthetic board has too few rows');
      const [x, y] = [a.worst.outcomes, b.worst.outcomes];
      const only = (p: string, q: string) => [...p].filter((c, i) => c === '1' && q[i] === '0').length;
      const url = await on(`${bases[from]}/compare.html`, {}, async (page) => {
        await page.selectOption('[name=a]', a.model.slug);
        await page.selectOption('[name=b]', b.model.slug);
        await page.getByText(`only the first is right on ${only(x, y)}, only the second on ${only(y, x)}`).waitFor();
        const p = mcnemar(only(x, y), only(y, x));
        expect(await page.locator('#result .headline').textContent()).toContain(
          p < 0.001 ? 'p < 0.001' : `p ${p.toFixed(p < 0.1 ? 3 : 2)}`,
        );
        expect(await page.locator('.images').first().locator('li').count()).toBe(only(x, y));
        return page.url();
      });
      await on(url, {}, async (page) => {
        await page.locator('#result .headline').waitFor();
        expect(await page.inputValue('[name=b]')).toBe(b.model.slug);
      });
    });
  });

  it('compares on the images that both models saw, by their index in the test set', async () => {
    // of the second model every cell is of the images 40 to 99, last one first
    const [first, second] = ['trades (seed 0)', 'pgd-at (seed 0)'];
    const reversed = (text: string) => [...text].reverse().join('');
    const chosen = records.map((record): RampartRecord => {
      if (record.kind === 'model' || record.model.name !== second || record.status === 'failed') return record;
      const { robust, labels, predictions, distances } = record.outcomes;
      const cut = <T>(values: readonly T[]) => values.slice(40).reverse();
      const outcomes = {
        robust: reversed(robust.slice(40)),
        labels: cut(labels),
        predictions: cut(predictions),
        distances: cut(distances),
      };
      const accuracy = outcomes.robust.split('1').length - 1;
      return { ...record, n: 60, indices: Array.from({ length: 60 }, (_, i) => 99 - i), accuracy: accuracy / 60, outcomes };
    });
    await writeSite(chosen, join(folder, 'chosen'));
    const robustOf = (name: string) =>
      records.flatMap((r) =>
        isInBall(r) && r.model.name === name && r.attack.label === 'pgd' && r.threat.eps === 8 / 255 ? [r.outcomes.robust] : [],
      )[0] ?? '';
    const [x, y] = [robustOf(first).slice(40), robustOf(second).slice(40)];
    const only = (p: string, q: string) => [...p].flatMap((c, i) => (c === '1' && q[i] === '0' ? [40 + i] : []));
    const slug = (name: string) => name.replace(/[^a-z0-9]+/g, '-').replace(/-$/, '');
    const base = pathToFileURL(join(folder, 'chosen')).href;
    await on(`${base}/compare.html#board=cifar10-linf-8-255&a=${slug(first)}&b=${slug(second)}&on=pgd`, {}, async (page) => {
      await page
        .getByText(`on 60 images: only the first is right on ${only(x, y).length}, only the second on ${only(y, x).length}`)
        .waitFor();
      const shown = await page.locator('.images').first().locator('li').allTextContents();
      expect(shown.map((text) => Number(text.split(' ')[0]))).toEqual(only(x, y));
    });
  });

  it('offers every format of its table, and each reads back', async () => {
    await on(`${bases.http}/index.html`, {}, async (page) => {
      const get = async (name: string, nth = 0) => {
        const href = await page.locator('.board + .files').getByRole('link', { name, exact: true }).nth(nth).getAttribute('href');
        return (await page.request.get(`${bases.http}/${href}`)).body();
      };
      const shown = await column(page, 'worst_case');
      const [header = [], ...rows] = parseCsv((await get('CSV')).toString());
      const worst = rows.map((r) => (100 * Number(r[header.indexOf('worst_case')])).toFixed(1));
      expect(shown.map((t) => t.split(' ')[0])).toEqual(worst);
      expect(JSON.parse((await get('JSON')).toString()).rows.map((r: { model: string }) => r.model)).toEqual(await names(page));
      for (const value of worst) expect((await get('LaTeX')).toString()).toContain(value);
      expect(
        (await get('Markdown'))
          .toString()
          .split('\n')
          .filter((l) => l.startsWith('|')),
      ).toHaveLength(14);
      expect((await get('BibTeX')).toString()).toContain('madry2018towards');
      expect(parseCsv((await get('CSV', 1)).toString())).toHaveLength(1 + 12 * 100);
      expect((await get('npz')).subarray(0, 2).toString()).toBe('PK');
    });
  });

  it.each([
    ['index.html', 1440, 'light'],
    ['index.html', 375, 'dark'],
    ['models/trades-seed-0.html', 1440, 'dark'],
    ['compare.html', 768, 'dark'],
    ['methods.html', 768, 'light'],
    ['pictures-cifar10-linf-8-255.html', 1440, 'light'],
  ] as const)('axe finds nothing on %s at %i pixels, %s', async (path, width, colorScheme) => {
    await on(`${bases.http}/${path}`, { viewport: { width, height: 800 }, colorScheme }, async (page) => {
      if (path === 'compare.html') await page.locator('#result .headline').waitFor();
      const { violations } = await new AxeBuilder({ page }).options({ preload: false }).analyze();
      expect(violations.map((v) => `${v.impact} ${v.id}: ${v.nodes[0]?.html}`)).toEqual([]);
    });
  });

  it('works by keyboard', async () => {
    await on(`${bases.file}/index.html`, {}, async (page) => {
      await page.keyboard.press('Tab');
      expect(await page.evaluate('document.activeElement.textContent')).toBe('Skip to the content');
      await heading(page, 'pgd').focus();
      await page.keyboard.press('Enter');
      expect(await page.locator('th[data-key=pgd]').getAttribute('aria-sort')).toBe('descending');
    });
  });

  it('does not shift while a slow browser loads it', async () => {
    await on('about:blank', {}, async (page) => {
      const session = await page.context().newCDPSession(page);
      await session.send('Emulation.setCPUThrottlingRate', { rate: 15 });
      await page.goto(`${bases.http}/index.html#sort=clean&hide=4.5`);
      const shift = await page.evaluate<number>(
        `new Promise((done) => { let sum = 0; new PerformanceObserver((l) => { for (const e of l.getEntries()) sum += e.value; }).observe({ type: 'layout-shift', buffered: true }); setTimeout(() => done(sum), 150); })`,
      );
      expect(shift).toBe(0);
    });
  });

  it('prints the table without controls and without scrolling', async () => {
    await on(`${bases.file}/index.html`, {}, async (page) => {
      await page.emulateMedia({ media: 'print' });
      expect(await page.locator('#controls').isVisible()).toBe(false);
      expect(await page.evaluate(`getComputedStyle(document.querySelector('.board')).overflow`)).toBe('visible');
    });
  });

  it('shows the value of a mark on hover', async () => {
    await on(`${bases.file}/index.html`, {}, async (page) => {
      expect(await page.locator('figure svg .mark title').first().textContent()).toMatch(
        /: \d+\.\d % \[\d+\.\d–\d+\.\d\], .* training passes/,
      );
      expect(await page.locator('figure svg').first().getAttribute('role')).toBe('img');
    });
  });

  it('shows hostile names as text, on every kind of page', async () => {
    const base = pathToFileURL(join(folder, 'hostile')).href;
    await on(`${base}/index.html`, { viewport: { width: 375, height: 800 } }, async (page) => {
      page.on('dialog', () => expect.unreachable('a name opened a dialog'));
      const shown = (await names(page)).join('\n');
      for (const name of HOSTILE.slice(0, 3)) expect(shown).toContain(name);
      const links = await page.locator('#board td:nth-child(2) a').evaluateAll((all) => all.map((a) => String(a.getAttribute('href'))));
      for (const url of [
        `${base}/index.html`,
        ...links.slice(0, 4).map((href) => `${base}/${href}`),
        `${base}/compare.html`,
        `${base}/methods.html`,
        `${base}/attacks/pgd.html`,
        `${base}/${readdirSync(join(folder, 'hostile')).find((name) => name.startsWith('pictures-'))}`,
      ]) {
        await page.goto(url);
        if (url.endsWith('compare.html')) await page.locator('#result .headline').waitFor();
        expect(await page.evaluate('window.hacked')).toBeUndefined();
        expect(await page.evaluate('document.documentElement.scrollWidth'), url).toBe(375);
      }
    });
  });
});
