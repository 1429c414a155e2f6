/** A browser for tests of the pages: the system's Chromium, or none. */
import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

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
