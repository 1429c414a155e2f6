/** The scripts of a site with evidence: as they were bundled when the package was built, or bundled now from the sources. */
import { existsSync, readFileSync } from 'node:fs';

const found = new Map<string, Promise<string>>();

/** The text of a script, found once. */
function script(name: string, make: (bundle: typeof import('../browser/bundle.ts')) => Promise<string>): Promise<string> {
  const text = found.get(name) ?? find(name, make);
  found.set(name, text);
  return text;
}

async function find(name: string, make: (bundle: typeof import('../browser/bundle.ts')) => Promise<string>): Promise<string> {
  const built = new URL(`../browser/${name}`, import.meta.url);
  if (existsSync(built)) return readFileSync(built, 'utf8');
  // not loaded where it is not needed
  return make(await import('../browser/bundle.ts'));
}

/** The checker. */
export const checkerScript = () => script('checker.js', ({ bundleChecker }) => bundleChecker());

/** What browsers with WebGPU load beside it. */
export const webgpuScript = () => script('webgpu.js', ({ bundleWebgpu }) => bundleWebgpu());
