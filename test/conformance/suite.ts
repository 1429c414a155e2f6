/** Bundles TensorFlow.js's test suite with our engines and runs it in a process of its own. */
import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import * as esbuild from 'esbuild';

export interface Outcome {
  /** Full names; a name that several specs share comes as often. */
  readonly passed: string[];
  readonly failed: { name: string; message: string }[];
}

const here = fileURLToPath(new URL('.', import.meta.url));
const out = fileURLToPath(new URL('../../build/conformance/', import.meta.url));

/** What CommonJS modules in the bundle expect to find. */
const BANNER = [
  "import { createRequire as bundleRequire } from 'node:module';",
  'const require = bundleRequire(import.meta.url);',
  "const __filename = (await import('node:url')).fileURLToPath(import.meta.url);",
  "const __dirname = (await import('node:path')).dirname(__filename);",
].join('\n');

/** The wasm engine's binaries are looked for beside the code, which is now the bundle. */
function copyBinaries(): void {
  const dist = dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm/package.json'));
  for (const folder of [join(dist, 'dist'), join(here, '../../engines/wasm')])
    for (const file of readdirSync(folder)) if (file.endsWith('.wasm')) copyFileSync(join(folder, file), join(out, file));
}

/** Without `ignoreAnnotations` the bundler drops most specs, whose modules say they have no side effects. */
async function bundle(): Promise<string> {
  const outfile = join(out, 'suite.mjs');
  await esbuild.build({
    entryPoints: [join(here, 'entry.mjs')],
    bundle: true,
    ignoreAnnotations: true,
    format: 'esm',
    platform: 'node',
    outfile,
    mainFields: ['module', 'main'],
    external: [
      'jasmine-core/*',
      'node-fetch',
      'util',
      'string_decoder',
      'crypto',
      'worker_threads',
      'webgpu',
      '@tensorflow/tfjs-node',
      '@tensorflow/tfjs-node-gpu',
      '@tensorflow/tfjs-backend-webgpu',
    ],
    logLevel: 'error',
    banner: { js: BANNER },
  });
  return outfile;
}

/** Runs every spec on `engine`. */
export async function runSuite(engine: string): Promise<Outcome> {
  mkdirSync(out, { recursive: true });
  copyBinaries();
  const results = join(out, `${engine}.json`);
  const script = join(here, 'jasmine.cjs');
  const environment = { ...process.env, RAMPART_CONFORMANCE: engine };
  await promisify(execFile)(process.execPath, [script, await bundle(), results], { env: environment, maxBuffer: 1 << 28 });
  return JSON.parse(readFileSync(results, 'utf8')) as Outcome;
}

/** Reasons, each with the specs left out for it. */
export function readSkips(engine: string): Record<string, string[]> {
  return createRequire(import.meta.url)(`./skips.${engine}.json`) as Record<string, string[]>;
}
