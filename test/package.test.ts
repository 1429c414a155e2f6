/** What `npm pack` would put into the package: what it needs to run, and nothing that was built for this machine. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const below = (folder: string) =>
  (readdirSync(`${root}/${folder}`, { recursive: true, withFileTypes: true }) as { isFile(): boolean; parentPath: string; name: string }[])
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath}/${entry.name}`.slice(root.length).replace(/^\//, ''));

/** Sources that are compiled into the package, `bench/` apart. */
function sources(): string[] {
  const { include } = JSON.parse(readFileSync(`${root}/tsconfig.build.json`, 'utf8')) as { include: string[] };
  const folders = include.filter((p) => p.includes('/')).map((p) => p.slice(0, p.indexOf('/')));
  const top = readdirSync(root).filter((name) => name.endsWith('.ts') && name !== 'vitest.config.ts');
  return [...top, ...folders.flatMap(below)].filter((p) => p.endsWith('.ts') && !/^(bench|engines\/wasm\/assembly)\//.test(p));
}

const native = below('engines/torch/native').filter((path) => /\.(cc|h)$/.test(path) && !path.includes('/build/'));

test('the package holds the compiled sources, what builds the addon, suites and templates, and nothing else', { timeout: 120_000 }, () => {
  const { stdout, stderr, status } = spawnSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: root, encoding: 'utf8' });
  expect(status, stderr).toBe(0);
  const parsed = JSON.parse(stdout) as { files: { path: string }[] }[] | Record<string, { files: { path: string }[] }>;
  const [packed] = Object.values(parsed) as { files: { path: string }[] }[];
  const compiled = sources().flatMap((path) => [`dist/${path.replace(/\.ts$/, '.js')}`, `dist/${path.replace(/\.ts$/, '.d.ts')}`]);
  expect(packed?.files.map(({ path }) => path).sort()).toEqual(
    [
      'LICENSE',
      'README.md',
      'package.json',
      ...compiled,
      'dist/engines/wasm/kernels.wasm',
      'dist/browser/checker.js',
      'dist/browser/webgpu.js',
      'engines/torch/build.mjs',
      'engines/torch/find.mjs',
      'models/outside/python/live.py',
      ...native,
      ...below('suites'),
      ...below('templates'),
      ...below('tensor').filter((path) => /\.m(js|ts)$/.test(path)),
    ].sort(),
  );
});
