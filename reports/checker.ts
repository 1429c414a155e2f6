/** The checker that a site with evidence holds: as it was bundled when the package was built, or bundled now from the sources. */
import { existsSync, readFileSync } from 'node:fs';

let text: Promise<string> | undefined;

/** The text of its script. */
export function checkerScript(): Promise<string> {
  text ??= find();
  return text;
}

async function find(): Promise<string> {
  const built = new URL('../browser/checker.js', import.meta.url);
  if (existsSync(built)) return readFileSync(built, 'utf8');
  // not loaded where it is not needed
  const { bundleChecker } = await import('../browser/bundle.ts');
  return bundleChecker();
}
