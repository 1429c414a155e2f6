/** What the torch engine warns of, and what it says when the addon and the library are of two releases. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { torch } from '../../engines/torch/index.ts';
import { checkRelease, findBuilt, loadBinding } from '../../engines/torch/load.ts';
import { loadedBlas, type Surroundings, surroundings, warningsOf } from '../../engines/torch/slow.ts';
import { freshFolder } from '../harness/folders.ts';

const LIBRARY = { config: 'Build settings: BLAS_INFO=mkl, TORCH_VERSION=2.15.0, ', onednn: true, threads: 2 };
const AROUND: Surroundings = { processors: 2, libraries: ['/usr/lib/libopenblasp-r0.3.21.so', '/usr/lib/libgomp.so.1.0.0'], env: {} };

test('nothing is warned of where nothing is slow', () => {
  expect(warningsOf(LIBRARY, AROUND)).toEqual([]);
  const kept = { ...AROUND, libraries: ['/usr/lib/libjemalloc.so.2'], env: { MALLOC_CONF: 'dirty_decay_ms:-1,muzzy_decay_ms:-1' } };
  expect(warningsOf(LIBRARY, kept)).toEqual([]);
  expect(warningsOf({ ...LIBRARY, threads: 1 }, { ...AROUND, env: { OMP_WAIT_POLICY: 'ACTIVE' } })).toEqual([]);
});

test.each([
  ['the reference BLAS', LIBRARY, { libraries: ['/usr/lib/x86_64-linux-gnu/blas/libblas.so.3.11.0'] }, /^the BLAS is the reference one/],
  ['no oneDNN', { ...LIBRARY, onednn: false }, {}, /^this libtorch has no oneDNN/],
  ['more threads than processors', { ...LIBRARY, threads: 3 }, {}, /^3 threads on 2 processors: .*--threads/],
  ['threads that spin', LIBRARY, { env: { OMP_WAIT_POLICY: 'active' } }, /^threads spin while they wait \(OMP_WAIT_POLICY=active\)/],
  [
    'jemalloc as it comes',
    LIBRARY,
    { libraries: ['/usr/lib/x86_64-linux-gnu/libjemalloc.so.2', '/usr/lib/libopenblasp-r0.3.21.so'], env: { MALLOC_CONF: 'narenas:2' } },
    /libjemalloc\.so\.2 gives memory back .* MALLOC_CONF=dirty_decay_ms:-1,muzzy_decay_ms:-1$/,
  ],
])('of %s it warns, with what mends it', (_, library, around, message) => {
  const warnings = warningsOf(library, { ...AROUND, ...around });
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toMatch(message);
});

test('the BLAS is the one that was loaded, else the one that libtorch was built with', () => {
  expect(loadedBlas(LIBRARY, AROUND)).toEqual({ name: '/usr/lib/libopenblasp-r0.3.21.so', reference: false });
  expect(loadedBlas(LIBRARY, { libraries: ['/venv/nvidia/cu13/lib/libcublas.so.13'] })).toEqual({ name: 'mkl', reference: false });
  // LAPACK's half of Debian's OpenBLAS is called libblas too
  const debian = ['/usr/lib/x86_64-linux-gnu/openblas-pthread/libblas.so.3', '/usr/lib/x86_64-linux-gnu/openblas-pthread/libopenblas.so.0'];
  expect(loadedBlas(LIBRARY, { libraries: debian }).reference).toBe(false);
});

test('the libraries of this process are those that are mapped', () => {
  const { libraries, processors } = surroundings();
  if (process.platform === 'linux') expect(libraries.some((path) => /\/libc[-.]/.test(path))).toBe(true);
  expect(processors).toBeGreaterThan(0);
});

const BUILT = { addon: '/build/rampart_torch.node', version: '2.14.0', source: 'python3', lib: '/venv/torch/lib', cuda: false };

test('a library of another release than the headers is refused, with the command that builds the addon again', () => {
  expect(() => checkRelease({ version: '2.14.0', config: LIBRARY.config }, BUILT)).toThrow(
    /was built for libtorch 2\.14\.0, and \/venv\/torch\/lib holds 2\.15\.0 now; node .*build\.mjs$/,
  );
  checkRelease({ version: '2.15.0', config: LIBRARY.config }, BUILT);
  checkRelease({ version: '2.15.0', config: 'a library that says nothing' }, BUILT);
});

/** Has the engine find an addon of `version` that is no library. */
function stubAddon(version: string, lib: string): void {
  const folder = freshFolder();
  mkdirSync(join(folder, 'Release'));
  writeFileSync(join(folder, 'Release/rampart_torch.node'), 'nothing');
  writeFileSync(join(folder, 'stamp.json'), JSON.stringify({ found: { version, source: 'system', lib, cuda: false } }));
  vi.stubEnv('RAMPART_TORCH_BUILD', folder);
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
}

describe('an addon that does not load', () => {
  test('says what it was built for; where the library still is, a new build mends it', () => {
    stubAddon('2.14.0', freshFolder());
    expect(() => loadBinding(1)).toThrow(/built for libtorch 2\.14\.0, does not load against that in .*; node .*build\.mjs$/);
  });

  test('where the library is gone, it is installed first', () => {
    stubAddon('2.14.0', '/nonexistent/lib');
    expect(() => loadBinding(1)).toThrow(/apt-get install -y libtorch-dev .* && node .*build\.mjs$/);
  });
});

test('doctor names a newer libtorch beside the one that the addon is built on', async () => {
  stubAddon('1.13.1', '/usr/lib');
  const root = freshFolder();
  for (const folder of ['lib', 'include/ATen']) mkdirSync(join(root, folder), { recursive: true });
  for (const file of ['lib/libtorch_cpu.so', 'include/ATen/ATen.h']) writeFileSync(join(root, file), '');
  writeFileSync(join(root, 'build-version'), '2.15.0+cpu');
  vi.stubEnv('LIBTORCH', root);
  expect(await torch.diagnose?.()).toEqual({
    usable: true,
    detail:
      'libtorch 1.13.1 (system) in /usr/lib; libtorch 2.15.0+cpu (LIBTORCH) is here too, which a new build takes: node engines/torch/build.mjs',
  });
  writeFileSync(join(root, 'build-version'), '1.13.1');
  expect(await torch.diagnose?.()).toEqual({ usable: true, detail: 'libtorch 1.13.1 (system) in /usr/lib' });
});

test.skipIf(!findBuilt())('a start on a GPU names what is missing: the device, or the half of libtorch that drives it', () => {
  const { binding, built } = loadBinding(1);
  // what is loaded by then is no hindrance to the CPU
  onTestFinished(() => binding.start(1, 'cpu', false));
  expect(() => binding.start(1, 'cuda:99', false)).toThrow(
    built.cuda ? /sees \d+ CUDA devices$/ : /sees 0 CUDA devices: libtorch_cuda\.so/,
  );
});
