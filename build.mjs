/** Compiles the package to `dist/`, where sources have changed since it was last done, and takes away what sources that are gone left there. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(fileURLToPath(import.meta.url));
const dist = join(root, 'dist');
const stampFile = join(dist, 'stamp.txt');
const { include } = JSON.parse(readFileSync(join(root, 'tsconfig.build.json'), 'utf8'));

/** Files below a folder, as paths from the package's root. */
function below(folder) {
  const found = readdirSync(join(root, folder), { recursive: true, withFileTypes: true });
  return found.filter((entry) => entry.isFile()).map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)));
}

const folders = include.filter((pattern) => pattern.includes('/')).map((pattern) => pattern.slice(0, pattern.indexOf('/')));
const top = readdirSync(root).filter((name) => /\.ts$/.test(name) && name !== 'vitest.config.ts');
const sources = [...top, ...folders.flatMap(below).filter((path) => path.endsWith('.ts'))];

/** Equal when nothing that goes into `dist/` has changed. */
function stampOf() {
  const hash = createHash('sha256');
  const others = ['build.mjs', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json', 'engines/wasm/build.mjs'];
  for (const path of [...sources, ...others].sort()) hash.update(path).update(readFileSync(join(root, path)));
  return hash.digest('hex');
}

const stamp = stampOf();
const built = existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp && existsSync(join(root, 'engines/wasm/kernels.wasm'));
if (!built) {
  rmSync(stampFile, { force: true });
  for (const script of [['engines/wasm/build.mjs'], ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json']]) {
    const { status } = spawnSync(process.execPath, script, { cwd: root, stdio: 'inherit' });
    if (status !== 0) process.exit(status ?? 1);
  }
  const kept = new Set(sources.flatMap((path) => ['.js', '.js.map', '.d.ts'].map((end) => join('dist', path.replace(/\.ts$/, end)))));
  for (const made of ['engines/wasm/kernels.wasm', 'browser/checker.js', 'browser/webgpu.js']) kept.add(join('dist', made));
  for (const path of below('dist')) if (!kept.has(path)) rmSync(join(root, path));
  const { bundleChecker, bundleWebgpu } = await import('./dist/browser/bundle.js');
  writeFileSync(join(dist, 'browser/checker.js'), await bundleChecker());
  writeFileSync(join(dist, 'browser/webgpu.js'), await bundleWebgpu());
  writeFileSync(stampFile, stamp);
}
