/** Builds the native addon against the libtorch that is found; with `--optional` its absence is no error. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, freemem } from 'node:os';
import { basename, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findLibtorch } from './find.mjs';

const native = fileURLToPath(new URL('./native/', import.meta.url));
const optional = process.argv.includes('--optional');
const sanitize = process.argv.find((a) => a.startsWith('--sanitize='))?.slice('--sanitize='.length) ?? '';
const compiler = process.env.CXX ?? 'g++';
const script = relative('.', fileURLToPath(import.meta.url));
const REMEDY = `apt-get install -y libtorch-dev libopenblas0-pthread && node ${/\s/.test(script) ? JSON.stringify(script) : script}`;

/** Prints and ends: an optional build leaves the other engines to work. */
function stop(message) {
  console.log(`[torch] ${message}`);
  process.exit(optional ? 0 : 1);
}

// npm shows nothing of what a dependency's script does: minutes of silence are worse than a command of one's own
if (optional && /[\\/]node_modules[\\/]/.test(native)) stop(`not built while npm installs this package; to have it: ${REMEDY}`);

const search = findLibtorch(process.env);
if (!search.found) {
  stop(
    [
      'no libtorch found, so this engine is not built; the other engines work without it.',
      ...search.tried.map((t) => `  looked for ${t.what}: ${t.outcome}`),
      `To have it: ${REMEDY}`,
    ].join('\n'),
  );
}
const { found } = search;

/** Headers of Node-API, which are the same for every Node, and their C++ side. */
function nodeHeaders() {
  const require = createRequire(import.meta.url);
  try {
    return [require('node-api-headers').include_dir, require('node-addon-api').include.replaceAll('"', '')];
  } catch {
    return stop('the npm packages node-api-headers and node-addon-api are not installed; run `npm ci` first');
  }
}

const FLAGS = [
  ...[`-std=c++${found.std}`, '-O2', '-fPIC', '-pthread', '-fopenmp', '-fexceptions', '-frtti', '-fno-trapping-math'],
  ...['-Wall', '-Wextra', '-Wno-deprecated-declarations', '-Wno-unused-parameter'],
  ...['-DNAPI_CPP_EXCEPTIONS', '-DNODE_GYP_MODULE_NAME=rampart_torch', `-D_GLIBCXX_USE_CXX11_ABI=${found.abi}`],
  ...(sanitize ? [`-fsanitize=${sanitize}`, '-fno-omit-frame-pointer', '-g'] : []),
];

const sources = readdirSync(native).filter((name) => name.endsWith('.cc'));
/** What asks CUDA for more than ATen does, a library of its own; built where CUDA's headers are. */
const CUDA = 'cuda/half.cc';

/** Equal when nothing that goes into the addon has changed. */
function stampOf() {
  const hash = createHash('sha256').update(JSON.stringify([found, compiler, FLAGS]));
  const files = [...readdirSync(native).sort(), CUDA];
  for (const file of files) if (/\.(cc|h)$/.test(file)) hash.update(file).update(readFileSync(join(native, file)));
  return hash.digest('hex');
}

// as load.ts has it: one folder for each libtorch that is tried
const named = sanitize ? `build/torch-${sanitize}/build` : (process.env.RAMPART_TORCH_BUILD ?? 'engines/torch/native/build');
const folder = resolve(fileURLToPath(new URL('../../', import.meta.url)), named);
const addon = join(folder, 'Release/rampart_torch.node');
const stampFile = join(folder, 'stamp.json');
const stamp = stampOf();
if (existsSync(addon) && existsSync(stampFile) && JSON.parse(readFileSync(stampFile, 'utf8')).stamp === stamp) {
  console.log(`[torch] up to date: libtorch ${found.version} (${found.source})`);
  process.exit(0);
}

/** Ends this process, with the errors that the compiler gave. */
function failed(why) {
  stop(['the build failed:', ...why.map((line) => `  ${line}`), 'the other engines work without it.'].join('\n'));
}

/** Resolves when the compiler ends well; else `fail` is told why. */
function run(args, fail = failed) {
  return new Promise((resolve) => {
    const child = spawn(compiler, args, { cwd: native, stdio: ['ignore', 'pipe', 'pipe'] });
    let log = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (chunk) => {
        log += chunk;
      });
    child.on('error', (error) => stop(`${compiler} did not start (${error.message}); install a compiler with: apt-get install -y g++`));
    child.on('close', (status, signal) => {
      if (status === 0) return resolve();
      const errors = log.split('\n').filter((line) => /error|not found|undefined reference|fatal/i.test(line));
      fail(signal ? [`${compiler} was ended by ${signal}; with fewer at a time: JOBS=1`] : errors.slice(0, 12));
      resolve();
    });
  });
}

/** As many compilers as processors, each with the memory that libtorch's headers take. */
function jobs() {
  const COMPILER_MEMORY = 2 ** 30;
  return Number(process.env.JOBS ?? Math.max(1, Math.min(availableParallelism(), Math.floor(freemem() / COMPILER_MEMORY))));
}

/** Runs `body` on all of `items`, so many at a time. */
async function inParallel(items, body) {
  const left = [...items];
  const worker = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await body(item);
  };
  await Promise.all(Array.from({ length: jobs() }, worker));
}

const begin = Date.now();
const seconds = () => `${Math.round((Date.now() - begin) / 1000)} s`;
let begun = 0;
const tell = () => console.log(`[torch] ${begun} of ${sources.length} files begun, ${seconds()}`);

console.log(`[torch] building against libtorch ${found.version} (${found.source}) in ${found.lib}; this takes a minute`);
const beat = setInterval(tell, 30_000);
// by name: the folder is one that the caller may have named
const half = join(folder, 'Release/rampart_torch_cuda.so');
for (const made of [stampFile, addon, half]) rmSync(made, { force: true });
mkdirSync(join(folder, 'Release'), { recursive: true });

// libtorch's headers are nine tenths of the work of every file: they are compiled once
const prefix = join(folder, 'prefix.h');
writeFileSync(
  prefix,
  ['<ATen/ATen.h>', '<ATen/Parallel.h>', '<c10/core/InferenceMode.h>'].map((header) => `#include ${header}\n`).join(''),
);
const include = [...nodeHeaders(), ...found.include].map((path) => `-I${path}`);
await run([...FLAGS, ...include, '-x', 'c++-header', prefix, '-o', `${prefix}.gch`]);
const objectOf = (source) => join(folder, `${basename(source, '.cc')}.o`);
await inParallel(sources, (source) => {
  begun++;
  tell();
  return run([...FLAGS, '-include', prefix, ...include, '-c', source, '-o', objectOf(source)]);
});
// CUDA's half is loaded by who asks for a GPU (native/addon.cc). One OpenMP for all: a second one has threads of its own and sees no loop of the first
const openmp = found.openmp && !compiler.includes('clang') ? found.openmp : undefined;
const flags = openmp ? FLAGS.filter((flag) => flag !== '-fopenmp') : FLAGS;
// a libtorch that lacks a symbol is refused as the addon loads, not where the symbol is called
const linked = ['-L', found.lib, `-Wl,-rpath,${found.lib}`, '-Wl,-z,now', '-ltorch_cpu', '-lc10', ...(openmp ? [openmp] : [])];
await run([...flags, '-shared', '-o', addon, ...sources.map(objectOf), ...linked]);
for (const source of sources) rmSync(objectOf(source));
if (found.cuda && found.include.some((path) => existsSync(join(path, 'cuda_runtime_api.h')))) {
  // a GPU is used without it too: on one stream for all, each kernel launched on its own
  const without = (why) => console.log(`[torch] without streams and graphs of CUDA: ${why[0] ?? CUDA}`);
  const libraries = ['-L', found.lib, `-Wl,-rpath,${found.lib}`, '-ltorch_cuda', '-lc10_cuda', '-ltorch_cpu', '-lc10'];
  await run([...flags, '-include', prefix, ...include, '-shared', '-o', half, CUDA, ...libraries], without);
}
rmSync(`${prefix}.gch`);
clearInterval(beat);
writeFileSync(stampFile, `${JSON.stringify({ stamp, found }, null, 2)}\n`);
console.log(`[torch] built ${addon} in ${seconds()}`);
