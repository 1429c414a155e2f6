/** Which libtorch is found where, and its version to the last digit. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { freshFolder } from '../harness/folders.ts';

interface Found {
  readonly found?: {
    readonly version: string;
    readonly source: string;
    readonly abi: string;
    readonly std: string;
    readonly include: string[];
    readonly openmp?: string;
  };
  readonly tried: readonly { readonly what: string; readonly outcome: string }[];
}
const finder = new URL('../../engines/torch/find.mjs', import.meta.url).href;
const { findLibtorch } = (await import(finder)) as { findLibtorch(env: Record<string, string>): Found };

const HEADER = '#define TORCH_VERSION_MAJOR 1\n#define TORCH_VERSION_MINOR 13\n#define TORCH_VERSION_PATCH 0\n';
const LIBRARY = { 'lib/libtorch_cpu.so': '', 'include/ATen/ATen.h': '', 'include/torch/csrc/api/include/torch/version.h': HEADER };

function put(files: Readonly<Record<string, string>>): string {
  const root = freshFolder();
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  return root;
}

test('a release says its version in build-version', () => {
  const root = put({ ...LIBRARY, 'build-version': '1.13.1+cu117\n' });
  expect(findLibtorch({ LIBTORCH: root }).found).toMatchObject({ version: '1.13.1+cu117', source: 'LIBTORCH' });
});

test('where nothing else says it, the headers do', () => {
  expect(findLibtorch({ LIBTORCH: put(LIBRARY) }).found?.version).toBe('1.13.0');
});

test('an installed PyTorch says its version in version.py', () => {
  const root = put({ ...LIBRARY, 'version.py': "from typing import Optional\n__version__ = '2.5.1+cpu'\ncuda: Optional[str] = None\n" });
  const python = join(put({ python: `#!/bin/sh\necho ${root}\necho 1\n` }), 'python');
  chmodSync(python, 0o755);
  expect(findLibtorch({ PYTHON: python }).found).toMatchObject({ version: '2.5.1+cpu', source: 'PYTHON', abi: '1' });
});

const installed = spawnSync('dpkg-query', ['--show', '--showformat=$' + '{Version}', 'libtorch-dev'], { encoding: 'utf8' });
test.skipIf(installed.status !== 0)("Debian's libtorch has the version of its package", () => {
  const python = '/nonexistent/python';
  expect(findLibtorch({ PYTHON: python }).found).toMatchObject({ version: installed.stdout.replace(/[+-].*/, ''), source: 'system' });
});

test('a folder that lacks something says what', () => {
  expect(findLibtorch({ LIBTORCH: '/nonexistent' }).tried).toEqual([
    { what: 'LIBTORCH=/nonexistent', outcome: 'no /nonexistent/lib/libtorch_cpu.so' },
  ]);
});

test.each([
  ['#error C++20 or later compatible compiler is required to use ATen.', '20'],
  ['#error C++14 or later compatible compiler is required to use ATen.', '17'],
  ['', '17'],
])('headers that say "%s" are compiled as C++%s', (text, std) => {
  expect(findLibtorch({ LIBTORCH: put({ ...LIBRARY, 'include/ATen/ATen.h': text }) }).found?.std).toBe(std);
});

test('with CUDA, its headers are those of the package beside PyTorch; without, none are looked for', () => {
  const cuda = { 'torch/lib/libtorch_cuda.so': '' };
  const files = {
    ...Object.fromEntries(Object.entries(LIBRARY).map(([name, text]) => [`torch/${name}`, text])),
    'nvidia/cudnn/include/cudnn.h': '',
    'nvidia/cu13/include/cuda_runtime_api.h': '',
  };
  const root = put({ ...files, ...cuda });
  expect(findLibtorch({ LIBTORCH: join(root, 'torch') }).found?.include).toContain(join(root, 'nvidia/cu13/include'));
  // what these include in turn is in no package of NVIDIA's; Triton brings it
  const triton = 'triton/backends/nvidia/include';
  const both = put({ ...files, ...cuda, [`${triton}/crt/host_config.h`]: '' });
  expect(findLibtorch({ LIBTORCH: join(both, 'torch') }).found?.include.slice(-2)).toEqual([
    join(both, 'nvidia/cu13/include'),
    join(both, triton),
  ]);
  const whole = put({ ...files, ...cuda, [`${triton}/crt/host_config.h`]: '', 'nvidia/cu13/include/crt/host_config.h': '' });
  expect(findLibtorch({ LIBTORCH: join(whole, 'torch') }).found?.include).not.toContain(join(whole, triton));
  const plain = put(files);
  expect(findLibtorch({ LIBTORCH: join(plain, 'torch') }).found?.include).not.toContain(join(plain, 'nvidia/cu13/include'));
});

test('an OpenMP that was renamed as it was packed is linked by its file; one that kept its name is found by it', () => {
  const renamed = put({ ...LIBRARY, 'lib/libgomp-a34b3233.so.1': '' });
  expect(findLibtorch({ LIBTORCH: renamed }).found?.openmp).toBe(join(renamed, 'lib/libgomp-a34b3233.so.1'));
  expect(findLibtorch({ LIBTORCH: put({ ...LIBRARY, 'lib/libgomp.so.1': '' }) }).found?.openmp).toBeUndefined();
});
