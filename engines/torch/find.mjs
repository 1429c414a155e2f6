/** Finds libtorch: the folder of `LIBTORCH`; or the PyTorch of `PYTHON` or of `python3` on the path, or the system's. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';

/** Version as the package's own files give it, to the last digit: a release's `build-version`, the Python package's `version.py`. */
function versionIn(root) {
  const files = [
    ['build-version', /^(\d[\w.+-]*)/],
    ['version.py', /^__version__ = '(\d[\w.+-]*)'/m],
  ];
  for (const [name, pattern] of files) {
    const path = join(root, name);
    const version = existsSync(path) ? readFileSync(path, 'utf8').match(pattern)?.[1] : undefined;
    if (version) return version;
  }
  return undefined;
}

/** Version of the Debian package that owns a file, without Debian's own part: its headers may name the release before. */
function versionOfPackage(file) {
  const owner = spawnSync('dpkg-query', ['--search', realpathSync(file)], { encoding: 'utf8' });
  const name = owner.status === 0 ? owner.stdout.slice(0, owner.stdout.lastIndexOf(': ')) : undefined;
  if (!name) return undefined;
  const shown = spawnSync('dpkg-query', ['--show', name], { encoding: 'utf8' });
  return shown.stdout.match(/\t(?:\d+:)?(\d+(?:\.\d+)*)/)?.[1];
}

/** Version as the headers give it, or undefined. */
function versionOf(includes) {
  for (const include of includes)
    for (const header of ['torch/version.h', 'torch/csrc/api/include/torch/version.h']) {
      const path = join(include, header);
      if (!existsSync(path)) continue;
      const text = readFileSync(path, 'utf8');
      const part = (name) => text.match(new RegExp(`define TORCH_VERSION_${name} (\\d+)`))?.[1];
      if (part('MAJOR')) return `${part('MAJOR')}.${part('MINOR')}.${part('PATCH')}`;
    }
  return undefined;
}

/** The C++ that the headers ask for: 17 at least, which is ours. */
function standardOf(includes) {
  const header = includes.map((path) => join(path, 'ATen/ATen.h')).find(existsSync);
  const asked = header && readFileSync(header, 'utf8').match(/C\+\+(\d\d) or later/)?.[1];
  return String(Math.max(17, Number(asked ?? 17)));
}

/** Where the headers of CUDA are, of those places that are looked at: beside a PyTorch of pip in packages of its own, else with the toolkit. Those that a compiler's own headers (`crt`) lie beside need no second place; pip's come with Triton. */
function cudaHeaders(root) {
  const packages = join(root, '../nvidia');
  const beside = existsSync(packages) ? readdirSync(packages).map((name) => join(packages, name, 'include')) : [];
  const toolkit = [process.env.CUDA_HOME, '/usr/local/cuda'].flatMap((path) => (path ? [join(path, 'include')] : []));
  const found = [...beside, ...toolkit].find((path) => existsSync(join(path, 'cuda_runtime_api.h')));
  if (!found) return [];
  const whole = (path) => existsSync(join(path, 'crt/host_config.h'));
  const rest = whole(found) ? undefined : [join(root, '../triton/backends/nvidia/include'), ...toolkit].find(whole);
  return rest ? [found, rest] : [found];
}

/** A folder with `include` and `lib`, as libtorch comes and as the Python package is laid out. */
function inFolder(root, source, abi) {
  const include = [join(root, 'include'), join(root, 'include/torch/csrc/api/include')].filter(existsSync);
  const lib = join(root, 'lib');
  const library = join(lib, 'libtorch_cpu.so');
  if (!existsSync(library)) return { outcome: `no ${library}` };
  if (!existsSync(join(root, 'include/ATen/ATen.h'))) return { outcome: `no headers in ${join(root, 'include')}` };
  const config = join(root, 'share/cmake/Torch/TorchConfig.cmake');
  const fromConfig = existsSync(config) ? readFileSync(config, 'utf8').match(/_GLIBCXX_USE_CXX11_ABI=(\d)/)?.[1] : undefined;
  const cuda = existsSync(join(lib, 'libtorch_cuda.so'));
  const headers = cuda ? cudaHeaders(root) : [];
  // renamed when it was packed: the linker would not see that it is the compiler's own
  const openmp = readdirSync(lib).find((name) => /^libgomp-.*\.so/.test(name));
  return {
    found: {
      source,
      version: versionIn(root) ?? versionOf(include) ?? 'unknown',
      include: [...include, ...headers],
      std: standardOf(include),
      lib,
      abi: abi ?? fromConfig ?? '1',
      cuda,
      ...(openmp && { openmp: join(lib, openmp) }),
    },
  };
}

/** The PyTorch of a Python, which also says which ABI it was built with. */
function inPython(python, source) {
  const script = 'import torch, os; print(os.path.dirname(torch.__file__)); print(int(torch.compiled_with_cxx11_abi()))';
  const run = spawnSync(python, ['-c', script], { encoding: 'utf8' });
  if (run.error) return { outcome: `${python} does not start` };
  if (run.status !== 0) return { outcome: `${python} has no torch` };
  const [root, abi] = run.stdout.trim().split('\n');
  return inFolder(root, source, abi);
}

function inSystem() {
  const include = ['/usr/include', '/usr/include/torch/csrc/api/include'].filter(existsSync);
  if (!existsSync('/usr/include/ATen/ATen.h')) return { outcome: 'no /usr/include/ATen/ATen.h' };
  const folders = readdirSync('/usr/lib').map((name) => join('/usr/lib', name));
  const lib = ['/usr/lib', ...folders].find((folder) => existsSync(join(folder, 'libtorch_cpu.so')));
  if (!lib) return { outcome: 'headers, but no libtorch_cpu.so under /usr/lib' };
  const version = versionOfPackage(join(lib, 'libtorch_cpu.so')) ?? versionOf(include) ?? 'unknown';
  return { found: { source: 'system', version, include, std: standardOf(include), lib, abi: '1', cuda: false } };
}

/**
 * `{ found }`, or `{ tried }` with what each place lacked. A folder named by `LIBTORCH` is the only one looked at. Debian's PyTorch has
 * its libraries with the system's, so it is found there.
 */
export function findLibtorch(env) {
  const tried = [];
  const python = env.PYTHON
    ? ['the PyTorch of PYTHON', () => inPython(env.PYTHON, 'PYTHON')]
    : ['the PyTorch of python3', () => inPython('python3', 'python3')];
  const attempts = env.LIBTORCH
    ? [[`LIBTORCH=${env.LIBTORCH}`, () => inFolder(env.LIBTORCH, 'LIBTORCH')]]
    : [python, ['the system libtorch', inSystem]];
  for (const [what, attempt] of attempts) {
    const { found, outcome } = attempt();
    if (found) return { found, tried };
    tried.push({ what, outcome });
  }
  return { tried };
}
