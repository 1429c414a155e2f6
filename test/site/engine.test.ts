/** The engine in a real browser: WebGPU on the adapter that Chromium plays on the processor, and WebAssembly where there is none, it is slower, or it is wrong. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { AxeBuilder } from '@axe-core/playwright';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LOGITS_APART } from '../../browser/engine.ts';
import { attackLive } from '../../browser/live.ts';
import { start } from '../../engines/wasm/start.ts';
import { writeSite } from '../../reports/site.ts';
import { type Published, published } from '../browser/evidence.ts';
import { goldenNetwork } from '../golden.ts';
import { browserPath, launch, NO_BROWSER, onPage, READABLE, SOFTWARE_GPU } from './browser.ts';

/** A GPU on a processor that others use compiles its shaders for a while. */
const SLOW = { timeout: 400_000 };
const PATIENT = { timeout: 300_000 };

const THREAT = { norm: 'Linf', eps: 8 / 255 } as const;
const WEBGPU = /^Engine: WebGPU \(google swiftshader\), its logits are those of WebAssembly to (\de-\d) of the largest\.$/;

describe.skipIf(!browserPath)(browserPath ? 'the engine' : `the engine (${NO_BROWSER})`, () => {
  let folder: string;
  let browser: Browser;
  let gpu: Browser;
  let found: Published;
  let broken: number;
  let base: string;

  beforeAll(async () => {
    await start();
    found = await published({ n: 20 });
    broken = found.source.cells.reduce((n, { blocks }) => n + blocks.reduce((m, { ids }) => m + ids.length, 0), 0);
    folder = await mkdtemp(join(tmpdir(), 'rampart-engine-'));
    await writeSite(found.records, folder, { evidence: async () => found.source });
    [browser, gpu] = await Promise.all([launch(), launch([...SOFTWARE_GPU, ...READABLE])]);
    base = pathToFileURL(folder).href;
  }, 600_000);

  afterAll(async () => {
    await browser?.close();
    await gpu?.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** Checks the model on the engine asked for; resolves with what the page says of it and with what it loaded beside the evidence. */
  async function checked(page: Page, engine: string) {
    const asked: string[] = [];
    page.on('request', (r) => /\/assets\/.*\.js$/.test(r.url()) && asked.push(r.url().replace(/.*\/assets\//, '')));
    await page.selectOption('#check [name=engine]', engine);
    await page.locator('#check .go').click();
    await page.locator('#check[data-state=done]').waitFor(PATIENT);
    return { told: await page.locator('#check .told').textContent(), engine: await page.locator('#check .engine').textContent(), asked };
  }

  /** The verdicts of a check by image. */
  const verdicts = (page: Page) =>
    page
      .locator('#check .each tr[data-verdict]')
      .evaluateAll((rows) => rows.map((row) => `${row.querySelector('th')?.textContent} ${row.getAttribute('data-verdict')}`));

  it('says of every image on WebGPU what it says on WebAssembly', SLOW, async () => {
    const site = base;
    await onPage({ browser: gpu, url: `${site}/models/hardened.html`, site }, {}, async (page) => {
      const { told, engine, asked } = await checked(page, 'webgpu');
      expect(engine).toMatch(WEBGPU);
      expect(Number(WEBGPU.exec(engine ?? '')?.[1])).toBeLessThanOrEqual(LOGITS_APART);
      expect(told).toMatch(new RegExp(`^All ${broken} images checked in .* s: ${broken} confirmed, 0 on the edge, 0 disputed\\.$`));
      expect(asked).toEqual(['checker.js', 'webgpu.js']);
      const there = await verdicts(page);
      const { violations } = await new AxeBuilder({ page }).options({ preload: false }).include('#check').analyze();
      expect(violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)).toEqual([]);
      expect((await checked(page, 'wasm')).engine).toBe('Engine: WebAssembly.');
      expect(await verdicts(page)).toEqual(there);
    });
  });

  it('attacks on WebGPU as it does in Node, and changes to WebAssembly when told to', SLOW, async () => {
    const network = goldenNetwork();
    const classifier = network.freeze();
    const params = {
      pgd: { steps: 4, restarts: 1 },
      fgsm: {},
      'apgd-ce': { iterations: 4, restarts: 1 },
      square: { queries: 6, restarts: 1 },
    };
    await onPage({ browser: gpu, url: `${base}/try.html` }, {}, async (page) => {
      const idle = () => page.locator('#try[data-state=done]').waitFor(PATIENT);
      await page.selectOption('#try [name=engine]', 'webgpu');
      await page.getByRole('button', { name: 'Load the images' }).click();
      await page.locator('.choices input').first().waitFor(PATIENT);
      await idle();
      await page.locator('.choices input[value="4"]').check();
      for (const [attack, given] of Object.entries(params)) {
        await page.selectOption('[name=attack]', attack);
        for (const [name, value] of Object.entries(given)) await page.fill(`.params [name=${name}]`, String(value));
        await page.locator('#try').evaluate((form) => form.setAttribute('data-state', 'asked'));
        await page.getByRole('button', { name: 'Attack', exact: true }).click();
        await idle();
        expect(await page.locator('.told').textContent()).toMatch(/^Done/);
        const pixels = found.source.originals[0]?.pixels.subarray(4 * 3072, 5 * 3072) as Float32Array;
        const label = found.source.cells[0]?.cell.outcomes.labels[4] as number;
        const input = { classifier, name: 'model', pixels, label, image: 4, threat: THREAT, seed: '0', step: () => undefined };
        const { outcome } = await attackLive({ ...input, attack: { name: attack, params: given }, signal: new AbortController().signal });
        expect([attack, await page.locator('.run').getAttribute('data-outcome')]).toEqual([attack, outcome]);
        expect(await page.locator('.run .engine').textContent()).toMatch(WEBGPU);
      }
      await page.selectOption('#try [name=engine]', 'wasm');
      await page.getByRole('button', { name: 'Attack', exact: true }).click();
      await expect.poll(() => page.locator('.run .engine').textContent(), PATIENT).toBe('Engine: WebAssembly.');
      await idle();
    });
    classifier.dispose();
    network.dispose();
  });

  /** What `make` of the arguments `a` and the kernel's own function `own` does in the place of `kernel`, in the script of the backend. */
  const replaced = (kernel: string, make: string) => `;(() => {
    const { getKernel, registerKernel, unregisterKernel } = rampartTensorFlow;
    const { kernelFunc: own, ...rest } = getKernel('${kernel}', 'webgpu');
    const neg = getKernel('Neg', 'webgpu');
    unregisterKernel('${kernel}', 'webgpu');
    registerKernel({ ...rest, kernelFunc: (a) => { ${make} } });
  })()`;

  /** What the model's page says where the GPU's pullback of a convolution is `make`. */
  async function saidWith(make: string, engine: string) {
    const script = join(folder, 'assets/webgpu.js');
    const text = await readFile(script, 'utf8');
    await writeFile(script, text.replace(/\}\n$/, `${replaced('Conv2DBackpropInput', make)}}\n`));
    try {
      return await onPage({ browser: gpu, url: `${base}/models/hardened.html` }, {}, (page) => checked(page, engine));
    } finally {
      await writeFile(script, text);
    }
  }

  it('takes WebAssembly by itself where the GPU is slower', SLOW, async () => {
    const slowly = 'for (const until = performance.now() + 500; performance.now() < until;); return own(a);';
    const { engine, told } = await saidWith(slowly, 'auto');
    expect(engine).toMatch(/^Engine: WebAssembly: WebGPU \(google swiftshader\) is slower here, \d+ ms against \d+ ms\.$/);
    expect(told).toContain(`${broken} confirmed`);
  });

  it('refuses a GPU whose input gradient is wrong, and goes on with WebAssembly', SLOW, async () => {
    const { engine, told } = await saidWith('return neg.kernelFunc({ inputs: { x: own(a) }, backend: a.backend });', 'webgpu');
    expect(engine).toMatch(
      /^Engine: WebAssembly: WebGPU \(google swiftshader\) failed its self-check: the gradient differs by \S+ of its length\.$/,
    );
    expect(told).toContain(`${broken} confirmed, 0 on the edge, 0 disputed`);
  });

  it('refuses a browser that gives back zeros where it is read at once', SLOW, async () => {
    const blind = await launch(SOFTWARE_GPU);
    try {
      await onPage({ browser: blind, url: `${base}/models/hardened.html` }, {}, async (page) => {
        const { engine, told } = await checked(page, 'webgpu');
        expect(engine).toMatch(/ failed its self-check: logits that are read at once differ by 1\.0e\+0 of the largest\.$/);
        expect(told).toContain(`${broken} confirmed`);
      });
    } finally {
      await blind.close();
    }
  });

  it.each([
    ['no GPU', '', 'no GPU answers to WebGPU', false],
    ['no WebGPU', 'Object.defineProperty(Navigator.prototype, "gpu", { get: () => undefined })', 'this browser has no WebGPU here', false],
    ['a GPU that fails', 'navigator.gpu.requestAdapter = async () => { throw new Error("lost") }', 'no GPU answers to WebGPU', false],
    [
      'a GPU that the page gets and its worker not',
      'navigator.gpu.requestAdapter = async () => ({ info: { vendor: "of a test" } })',
      'WebGPU did not run: [engine webgpu] the GPU did not start',
      true,
    ],
  ] as const)('says in words that it takes WebAssembly where there is %s', SLOW, async (_, stub, reason, loads) => {
    for (const engine of ['auto', 'webgpu'] as const)
      await onPage({ browser, url: 'about:blank' }, {}, async (page) => {
        if (stub !== '') await page.addInitScript(stub);
        await page.goto(`${base}/models/hardened.html`);
        const { engine: said, told, asked } = await checked(page, engine);
        expect(said).toBe(`Engine: WebAssembly: ${reason}.`);
        expect(told).toContain(`${broken} confirmed`);
        expect(asked.includes('webgpu.js')).toBe(loads);
      });
  });
});
