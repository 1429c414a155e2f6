/** Takes the pictures of `docs/` from a site of real records: `npx tsx test/site/screenshots.ts SITE docs`. */
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { browserPath, launch, NO_BROWSER } from './browser.ts';

const [site, out] = process.argv.slice(2);
if (!site || !out || !browserPath) {
  console.error(browserPath ? 'usage: npx tsx test/site/screenshots.ts SITE OUT' : NO_BROWSER);
  process.exit(2);
}

/** The front page light, dark and narrow, the comparison, and the page of the best model. */
async function takeAll(from: string, to: string): Promise<void> {
  const base = pathToFileURL(resolve(from)).href;
  await mkdir(to, { recursive: true });
  const browser = await launch();
  const shot = async (name: string, path: string, width: number, height: number, colorScheme: 'light' | 'dark') => {
    const context = await browser.newContext({ viewport: { width, height }, colorScheme });
    const page = await context.newPage();
    await page.goto(`${base}/${path}`);
    if (path.startsWith('compare')) await page.locator('#result .headline').waitFor();
    await page.screenshot({ path: join(to, `${name}.png`) });
    const links = await page.locator('.headline a').all();
    const first = (await links[0]?.getAttribute('href'))?.replace(/#.*/, '');
    await context.close();
    return first;
  };
  const best = await shot('leaderboard', 'index.html', 1280, 800, 'light');
  await shot('leaderboard-dark', 'index.html', 1280, 800, 'dark');
  await shot('leaderboard-phone', 'index.html', 375, 700, 'light');
  await shot('comparison', 'compare.html', 1280, 800, 'light');
  if (best) await shot('model', best, 1280, 800, 'light');
  await browser.close();
}

await takeAll(site, out);
