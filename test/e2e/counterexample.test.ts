/** A reader's counterexample, the whole way: a run publishes, a reader attacks in the page and saves a file, the next report has a lower worst case. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { reportCommand } from '../../cli/commands/report.ts';
import { validateResultsCommand } from '../../cli/commands/validate-results.ts';
import { wasm } from '../../engines/wasm/index.ts';
import { FolderStore } from '../../records/folder-store.ts';
import type { CellRecord, ModelRecord } from '../../records/record.ts';
import { inProcess, TINY } from '../harness/run/in-process.ts';
import { browserPath, launch, NO_BROWSER } from '../site/browser.ts';

const SUITE = {
  ...TINY,
  recipe: 'recipe: { epochs: 6, validation: 8, batchSize: 20 }',
  attacks: 'attacks: [{ name: noise, draws: 1 }]',
  publish: 'publish: { adversarial: 12, weights: true }',
};

describe.skipIf(!browserPath)(browserPath ? 'a counterexample from the page' : `a counterexample from the page (${NO_BROWSER})`, () => {
  let folder: string;
  let browser: Browser;
  let model: ModelRecord;
  let cell: CellRecord;

  beforeAll(async () => {
    await wasm.init({ threads: 1, device: 'cpu' });
    folder = mkdtempSync(join(tmpdir(), 'rampart-counterexample-'));
    const { records } = await (await inProcess(new FolderStore(join(folder, 'results')), SUITE)).run();
    model = records.find((r): r is ModelRecord => r.kind === 'model') as ModelRecord;
    cell = records.find((r): r is CellRecord => r.kind === 'cell' && r.attack.name === 'noise') as CellRecord;
    expect(await reportCommand(join(folder, 'results'), { out: join(folder, 'site') })).toBe(0);
    // what others are given is a folder of records
    for (const name of ['run.json', 'id', 'claims']) rmSync(join(folder, 'results', name), { recursive: true, force: true });
    browser = await launch();
  }, 180_000);

  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const headline = (site: string) => {
    const page = readFileSync(join(folder, site, 'models/standard.html'), 'utf8');
    return Number(/, (\d+) of 12 test images/.exec(page)?.[1]);
  };

  /** Attacks images that the record counts as robust until one falls, and saves what was found. */
  async function saved(page: Page): Promise<string> {
    const idle = () => page.locator('#try[data-state=done]').waitFor({ timeout: 60_000 });
    await page.getByRole('button', { name: 'Load the images' }).click();
    await page.locator('.choices input').first().waitFor({ timeout: 60_000 });
    await idle();
    const robust = [...cell.outcomes.robust].flatMap((r, image) => (r === '1' ? [image] : []));
    for (const image of robust) {
      await page.locator(`.choices input[value="${image}"]`).check();
      // a search may be over before anyone looks whether it runs
      await page.locator('#try').evaluate((section) => section.setAttribute('data-state', 'asked'));
      await page.getByRole('button', { name: 'Attack', exact: true }).click();
      await idle();
      if ((await page.locator('.run').first().getAttribute('data-outcome')) !== 'broken') continue;
      await page.fill('[name=finder]', 'Ada');
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('button', { name: 'Save as a counterexample' }).click(),
      ]);
      mkdirSync(join(folder, 'results/counterexamples'), { recursive: true });
      await download.saveAs(join(folder, 'results/counterexamples', download.suggestedFilename()));
      return download.suggestedFilename();
    }
    throw new Error(`none of ${robust.length} images fell`);
  }

  it('is saved in the page, taken in, and lowers the worst case of the next report, with the name of who found it', async () => {
    const before = headline('site');
    expect(before).toBe([...cell.outcomes.robust].filter((r) => r === '1').length);
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(`${pathToFileURL(join(folder, 'site/try.html')).href}#model=standard&attack=pgd`);
    const file = await saved(page);
    await context.close();
    expect(file.startsWith(model.key)).toBe(true);
    expect(await validateResultsCommand(join(folder, 'results'), {})).toBe(0);
    expect(await reportCommand(join(folder, 'results'), { out: join(folder, 'next') })).toBe(0);
    expect(headline('next')).toBe(before - 1);
    expect(readFileSync(join(folder, 'next/models/standard.html'), 'utf8')).toContain('Found by <bdi>Ada</bdi>, with <bdi>pgd');
  });
});
