/** What building the addon says where there is no libtorch. */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test, vi } from 'vitest';
import { torch } from '../../engines/torch/index.ts';
import { freshFolder } from '../harness/folders.ts';

const build = fileURLToPath(new URL('../../engines/torch/build.mjs', import.meta.url));
const nowhere = '/nonexistent/libtorch';

function run(...args: string[]) {
  return spawnSync(process.execPath, [build, ...args], { encoding: 'utf8', env: { ...process.env, LIBTORCH: nowhere } });
}

test('asked for, it fails and names the place, what it lacks and the command that supplies it', () => {
  const { status, stdout } = run();
  expect(status).toBe(1);
  expect(stdout).toContain(`LIBTORCH=${nowhere}: no ${nowhere}/lib/libtorch_cpu.so`);
  expect(stdout).toContain('apt-get install -y libtorch-dev libopenblas0-pthread');
});

test('while packages are installed, it says the same and fails nothing', () => {
  const { status, stdout } = run('--optional');
  expect(status).toBe(0);
  expect(stdout).toContain('the other engines work without it');
});

/** A folder that looks like libtorch to who searches for one. */
function likeLibtorch(): string {
  const root = freshFolder();
  for (const folder of ['lib', 'include/ATen']) mkdirSync(join(root, folder), { recursive: true });
  for (const [name, text] of [
    ['lib/libtorch_cpu.so', ''],
    ['include/ATen/ATen.h', ''],
    ['build-version', '2.5.1+cpu'],
  ] as const)
    writeFileSync(join(root, name), text);
  return root;
}

test('where libtorch is there and the addon is not, doctor names the command that builds it and no more', async () => {
  vi.stubEnv('RAMPART_TORCH_BUILD', 'build/nowhere');
  vi.stubEnv('LIBTORCH', likeLibtorch());
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
  expect(await torch.diagnose?.()).toEqual({
    usable: false,
    detail: 'libtorch 2.5.1+cpu (LIBTORCH) is here, its addon is not built',
    remedy: 'node engines/torch/build.mjs',
  });
  vi.stubEnv('LIBTORCH', '/nowhere');
  expect(await torch.diagnose?.()).toMatchObject({
    usable: false,
    remedy: 'apt-get install -y libtorch-dev libopenblas0-pthread && node engines/torch/build.mjs',
  });
});

test('a compile says what it begins, how far it is, and how it ended', () => {
  const compiler = join(freshFolder(), 'compiler.cjs');
  writeFileSync(
    compiler,
    `#!${process.execPath}
if (process.argv.includes('ascent.cc')) {
  console.error('ascent.cc:1: error: no');
  process.exit(1);
}`,
    { mode: 0o755 },
  );
  const { status, stdout } = spawnSync(process.execPath, [build, '--sanitize=nothing'], {
    encoding: 'utf8',
    env: { ...process.env, LIBTORCH: likeLibtorch(), CXX: compiler, JOBS: '1' },
  });
  const folder = fileURLToPath(new URL('../../build/torch-nothing', import.meta.url));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  expect(status).toBe(1);
  const lines = stdout.split('\n');
  expect(lines[0]).toMatch(/^\[torch\] building against libtorch 2\.5\.1\+cpu .*; this takes a minute$/);
  expect(lines[1]).toMatch(/^\[torch\] 1 of \d\d files begun, \d+ s$/);
  expect(lines[2]).toMatch(/^\[torch\] 2 of \d\d files begun, \d+ s$/);
  expect(stdout).toMatch(/the build failed:\n {2}ascent\.cc:1: error: no/);
});

/** A compiler that makes empty files, and notes in `log` what it was asked, a line each time. */
function notingCompiler(log: string): string {
  const compiler = join(freshFolder(), 'compiler');
  writeFileSync(compiler, `#!/bin/sh\necho "$@" >> '${log}'\nwhile [ "$1" != -o ]; do shift; done\n: > "$2"\n`, { mode: 0o755 });
  return compiler;
}

function linkedWith(libtorch: string): { args: string[]; folder: string } {
  const folder = freshFolder();
  const log = join(freshFolder(), 'log');
  writeFileSync(join(folder, 'mine.txt'), 'kept');
  const env = { ...process.env, LIBTORCH: libtorch, CXX: notingCompiler(log), RAMPART_TORCH_BUILD: folder };
  const { status, stdout } = spawnSync(process.execPath, [build], { encoding: 'utf8', env });
  expect(status, stdout).toBe(0);
  const calls = readFileSync(log, 'utf8').trim().split('\n');
  // CUDA's half is a second library, where this machine has the headers of it
  return { args: calls.find((call) => call.includes('rampart_torch.node'))?.split(' ') ?? [], folder };
}

test('RAMPART_TORCH_BUILD names the folder of the addon, whose other files stay', () => {
  const { folder } = linkedWith(likeLibtorch());
  expect(readdirSync(folder).sort()).toEqual(['Release', 'mine.txt', 'prefix.h', 'stamp.json']);
  expect(existsSync(join(folder, 'Release/rampart_torch.node'))).toBe(true);
});

test('the addon is bound to the CPU half of libtorch, and to its OpenMP', () => {
  const plain = linkedWith(likeLibtorch()).args;
  expect(plain.filter((arg) => arg.startsWith('-l'))).toEqual(['-ltorch_cpu', '-lc10']);
  expect(plain).toContain('-fopenmp');
  const packed = likeLibtorch();
  for (const name of ['libgomp-a34b3233.so.1', 'libtorch_cuda.so']) writeFileSync(join(packed, 'lib', name), '');
  const { args } = linkedWith(packed);
  expect(args.filter((arg) => arg.startsWith('-l'))).toEqual(['-ltorch_cpu', '-lc10']);
  // after the objects: the linker leaves out a library that nobody before it needs
  expect(args.at(-1)).toBe(join(packed, 'lib/libgomp-a34b3233.so.1'));
  expect(args).not.toContain('-fopenmp');
});

test('as a dependency it compiles nothing while npm installs, and names the command that does', () => {
  const folder = join(freshFolder(), 'node_modules/rampart/engines/torch');
  for (const part of ['build.mjs', 'find.mjs', 'native/addon.cc']) cpSync(join(build, '..', part), join(folder, part), { recursive: true });
  const { status, stdout } = spawnSync(process.execPath, [join(folder, 'build.mjs'), '--optional'], {
    encoding: 'utf8',
    env: { ...process.env, LIBTORCH: likeLibtorch() },
  });
  expect(status).toBe(0);
  expect(stdout).toMatch(/not built while npm installs this package; to have it: .* && node .*build\.mjs/);
  expect(existsSync(join(folder, 'native/build'))).toBe(false);
});
