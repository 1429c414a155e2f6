/** The quiz in a real browser, from the file system: asked by keyboard and mouse, counted beside the models. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { AxeBuilder } from '@axe-core/playwright';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { PNG } from 'pngjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { start } from '../../engines/wasm/start.ts';
import type { EvidenceSource } from '../../records/evidence/write.ts';
import type { CellRecord, ModelRecord, RampartRecord } from '../../records/record.ts';
import { quizPlans } from '../../reports/quiz/plan.ts';
import { buildSite } from '../../reports/site.ts';
import { buildView } from '../../reports/view/leaderboard.ts';
import { published } from '../browser/evidence.ts';
import { browserPath, launch, NO_BROWSER } from './browser.ts';

interface Quiz {
  readonly folder: string;
  readonly classNames: readonly string[];
  readonly questions: readonly { image: number; label: number; near: string; far?: string }[];
  readonly models: readonly { name: string; clean: string; near: string; far: string }[];
}

const EPS = 8 / 255;
const NAMED = { images: 64, originals: 'a'.repeat(64), points: 'b'.repeat(64) };

/** The golden network's records and evidence, as a run that publishes leaves them. */
async function material(radii: readonly number[]) {
  const found = await published({ attacks: radii.map((eps) => ['fgsm', {}, 'Linf', eps] as const) });
  const withNames = <R extends RampartRecord>(r: R): R =>
    found.source.cells.some(({ cell }) => cell === r) ? { ...r, published: NAMED } : r;
  const source: EvidenceSource = {
    ...found.source,
    cells: found.source.cells.map(({ cell, blocks }) => ({ cell: withNames(cell), blocks })),
  };
  return { records: found.records.map(withNames), source };
}

function quizOf(page: string | Uint8Array | undefined): Quiz {
  return JSON.parse(/data-quiz="([^"]*)"/.exec(String(page))?.[1]?.replaceAll('&quot;', '"') ?? '{}');
}

describe.skipIf(!browserPath)(browserPath ? 'the quiz' : `the quiz (${NO_BROWSER})`, () => {
  let folder: string;
  let browser: Browser;
  let quiz: Quiz;
  let model: ModelRecord;
  let cells: { clean: CellRecord; near: CellRecord; far: CellRecord };
  let drawn: Awaited<ReturnType<typeof buildSite>>;

  beforeAll(async () => {
    await start();
    const { records, source } = await material([EPS, 4 * EPS]);
    const attacked = records.filter((r): r is CellRecord => r.kind === 'cell');
    const at = (access: string, eps: number) =>
      attacked.find((c) => c.attack.access === access && (access === 'none' || c.threat.eps === eps));
    cells = { clean: at('none', 0), near: at('gradient', EPS), far: at('gradient', 4 * EPS) } as typeof cells;
    model = records.find((r): r is ModelRecord => r.kind === 'model') as ModelRecord;
    folder = await mkdtemp(join(tmpdir(), 'rampart-quiz-'));
    const files = await buildSite(records, { evidence: async () => source });
    await files.write(folder);
    quiz = quizOf(files.get('quiz.html'));
    const near = await material([EPS]);
    drawn = await buildSite(near.records, { evidence: async () => near.source });
    browser = await launch();
  }, 180_000);

  afterAll(async () => {
    await browser?.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function onQuiz<T>(options: BrowserContextOptions, work: (page: Page) => Promise<T>): Promise<T> {
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
    const page = await context.newPage();
    const errors: string[] = [];
    page.on('pageerror', (e) => errors.push(e.message));
    page.on('console', (m) => m.type() === 'error' && errors.push(m.text()));
    page.on('request', (r) => !r.url().startsWith(pathToFileURL(folder).href) && errors.push(`asks for ${r.url()}`));
    try {
      await page.goto(pathToFileURL(join(folder, 'quiz.html')).href);
      const result = await work(page);
      expect(errors).toEqual([]);
      return result;
    } finally {
      await context.close();
    }
  }

  /** Which image is shown, in which form. */
  async function shown(page: Page): Promise<{ at: number; form: string }> {
    const [, image, form = ''] = /(\d+)-(\w+)\.png$/.exec((await page.locator('#quiz .picture img').getAttribute('src')) ?? '') ?? [];
    return { at: quiz.questions.findIndex((q) => q.image === Number(image)), form };
  }

  const cellsOf = (page: Page, row: number) => page.locator(`#quiz .scores tbody tr:nth-child(${row}) td`).allTextContents();

  it('asks every image once, a third of them in each form, and counts the answers beside the models', async () => {
    await onQuiz({}, async (page) => {
      await page.getByRole('button', { name: 'Begin' }).click();
      const asked: { at: number; form: string }[] = [];
      for (const _ of quiz.questions) {
        const question = await shown(page);
        asked.push(question);
        expect(
          await page.locator('#quiz .picture img').evaluate((i: never) => (i as { decode(): Promise<void> }).decode().then(() => true)),
        ).toBe(true);
        const { label } = quiz.questions[question.at] as Quiz['questions'][number];
        // right, but for what is far: by mouse
        const said = question.form === 'far' ? (label + 1) % quiz.classNames.length : label;
        await page.locator('#quiz .classes button').nth(said).click();
      }
      const each = quiz.questions.length / 3;
      expect(new Set(asked.map(({ at }) => at)).size).toBe(quiz.questions.length);
      expect(await page.locator('#quiz .headline').textContent()).toBe(`You had ${2 * each} of ${3 * each} right.`);
      expect(await cellsOf(page, 1)).toEqual([`${each} of ${each}`, `${each} of ${each}`, `0 of ${each}`]);
      const right = (['clean', 'near', 'far'] as const).map((form) => {
        const own = asked
          .filter((question) => question.form === form)
          .map(({ at }) => (quiz.questions[at] as Quiz['questions'][number]).image);
        const held = own.filter(
          (image) => cells.clean.outcomes.robust[image] === '1' && (form === 'clean' || cells[form].outcomes.robust[image] === '1'),
        );
        return `${held.length} of ${each}`;
      });
      expect(await cellsOf(page, 2)).toEqual(right);
      expect(await page.locator('#quiz .answers li').count()).toBe(3 * each);
      const { violations } = await new AxeBuilder({ page }).options({ preload: false }).analyze();
      expect(violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)).toEqual([]);
    });
  });

  it('is answered by keyboard alone, may be ended early, and begins anew in another order', async () => {
    await onQuiz({}, async (page) => {
      await page.getByRole('button', { name: 'Begin' }).focus();
      await page.keyboard.press('Enter');
      const { at } = await shown(page);
      const { label } = quiz.questions[at] as Quiz['questions'][number];
      await page.keyboard.press(String((label + 1) % 10));
      expect(await page.locator('#quiz .place').textContent()).toBe(`Question 2 of ${quiz.questions.length}`);
      await page.getByRole('button', { name: 'I cannot tell' }).focus();
      await page.keyboard.press('Enter');
      await page.getByRole('button', { name: 'Show my score now' }).focus();
      await page.keyboard.press('Enter');
      expect(await page.locator('#quiz .headline').textContent()).toBe('You had 1 of 2 right.');
      expect(await page.locator('#quiz .answers').textContent()).toContain('you could not tell');
      // who hears the page is where the score is
      expect(await page.evaluate('document.activeElement.className')).toBe('score');
      await page.getByRole('button', { name: /^Once more/ }).click();
      expect(await page.locator('#quiz .place').textContent()).toBe(`Question 1 of ${quiz.questions.length}`);
      const { violations } = await new AxeBuilder({ page }).options({ preload: false }).analyze();
      expect(violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)).toEqual([]);
    });
  });

  it('fits a phone, in the dark too', async () => {
    await onQuiz({ viewport: { width: 360, height: 740 }, colorScheme: 'dark' }, async (page) => {
      await page.getByRole('button', { name: 'Begin' }).click();
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(360);
      await page.getByRole('button', { name: 'Show my score now' }).click();
      expect(await page.locator('#quiz .headline').textContent()).toBe('You were asked nothing.');
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(360);
      const { violations } = await new AxeBuilder({ page }).options({ preload: false }).analyze();
      expect(violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)).toEqual([]);
    });
  });

  it('says without scripts what they would bring', async () => {
    await onQuiz({ javaScriptEnabled: false }, async (page) => {
      expect(await page.getByText('The quiz needs scripts').isVisible()).toBe(true);
      expect(await page.locator('#quiz').isVisible()).toBe(false);
    });
  });

  it('draws the perturbation four times as large where the table has no attack at four times the radius', () => {
    const other = quizOf(drawn.get('quiz.html'));
    expect(other.questions.length).toBeGreaterThanOrEqual(6);
    expect(other.questions.every(({ far }) => far === undefined)).toBe(true);
    expect(other.models.every(({ far }) => /^-+$/.test(far))).toBe(true);
    for (const { image } of other.questions) {
      const [clean, near, far] = ['clean', 'near', 'far'].map((form) =>
        PNG.sync.read(Buffer.from(drawn.get(`${other.folder}/${image}-${form}.png`) as Uint8Array)),
      ) as unknown as [PNG, PNG, PNG];
      far.data.forEach((value, i) => {
        const [c, n] = [clean.data[i] as number, near.data[i] as number];
        expect(value).toBe(i % 4 === 3 ? 255 : Math.min(255, Math.max(0, c + 4 * (n - c))));
      });
    }
    expect(String(drawn.get('quiz.html'))).toContain('as the same perturbation four times as large');
    expect(drawn.get('index.html')).toContain('quiz.html');
  });

  it('takes no point of the smaller radius for one of the larger, where what the smaller broke was not attacked again', () => {
    const { dataset } = cells.far;
    const near = { ...cells.near, published: NAMED };
    const adopted = { ...cells.far, published: NAMED, outcomes: { ...cells.far.outcomes, distances: cells.near.outcomes.distances } };
    const own = { ...model, dataset: { ...model.dataset, hash: dataset.hash } };
    const plan = (far: CellRecord) => quizPlans(buildView([own, cells.clean, near, far]))[0];
    expect(plan({ ...cells.far, published: NAMED })?.items.every(({ far }) => far !== undefined)).toBe(true);
    expect(plan(adopted)?.items.length).toBeGreaterThan(0);
    expect(plan(adopted)?.items.filter(({ far }) => far !== undefined)).toEqual([]);
  });

  it('is not there where nothing is published', async () => {
    const { records } = await material([EPS]);
    const files = await buildSite(records);
    expect(files.paths().filter((path) => path.includes('quiz'))).toEqual([]);
    expect(files.get('index.html')).not.toContain('quiz');
  });
});
