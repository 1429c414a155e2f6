/** A browser for tests of the pages: the system's Chromium, or none. */
import { existsSync } from 'node:fs';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { expect } from 'vitest';

const PATHS = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** The path of the browser; undefined where there is none, and then these tests are skipped. */
export const browserPath = PATHS.find((path) => path && existsSync(path));

export const NO_BROWSER = 'no Chromium: install it (apt-get install -y chromium) or set CHROMIUM=';

/** Starts it with an empty profile, without anything that would use the network by itself. */
export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: browserPath ?? '',
    args: [
      '--headless=new',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
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
