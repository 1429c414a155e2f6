/** A browser for tests of the pages: the system's Chromium, or none. */
import { existsSync } from 'node:fs';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { expect } from 'vitest';

const PATHS = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** The path of the browser; undefined where there is none, and then these tests are skipped. */
export const browserPath = PATHS.find((path) => path && existsSync(path));

export const NO_BROWSER = 'no Chromium: install it (apt-get install -y chromium) or set CHROMIUM=';

/** WebGPU on the processor: SwiftShader, which Chromium brings with it and gives to nobody who does not ask. */
export const SOFTWARE_GPU = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'];

/** The same with canvases that can be read back: without these, what was drawn by WebGPU reads as zeros. */
export const READABLE = ['--use-angle=swiftshader', '--enable-unsafe-swiftshader', '--enable-features=Vulkan', '--use-vulkan=swiftshader'];

/** Starts it with an empty profile, without anything that would use the network by itself, and without a GPU unless `gpu` says how. */
export function launch(gpu: readonly string[] = ['--disable-gpu']): Promise<Browser> {
  return chromium.launch({
    executablePath: browserPath ?? '',
    args: [
      '--headless=new',
      '--no-sandbox',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      ...gpu,
    ],
    ignoreDefaultArgs: ['--disable-gpu'],
  });
}

/** Opens a page in a context of its own and works on it. Fails on any error of a script or of the policy and, given the address of its site, on any request beyond that. */
export async function onPage<T>(
  { browser, url, site }: { browser: Browser; url: string; site?: string },
  options: BrowserContextOptions,
  work: (page: Page) => Promise<T>,
): Promise<T> {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
  const page = await context.newPage();
  const errors: string[] = [];
  page.on('pageerror', (e) => errors.push(e.message));
  // a JSON file has no icon to name, so the browser asks for one
  page.on('console', (m) => m.type() === 'error' && !m.location().url.endsWith('/favicon.ico') && errors.push(m.text()));
  page.on('request', (r) => site && !r.url().startsWith(site) && !r.url().startsWith('blob:') && errors.push(`asks for ${r.url()}`));
  try {
    await page.goto(url);
    const result = await work(page);
    expect(errors).toEqual([]);
    return result;
  } finally {
    await context.close();
  }
}
