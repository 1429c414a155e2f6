/** Builds the native addon against the libtorch that is found; with `--optional` its absence is no error. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findLibtorch } from './find.mjs';

const native = fileURLToPath(new URL('./native/', import.meta.url));
const optional = process.argv.includes('--optional');
const sanitize = process.argv.find((a) => a.startsWith('--sanitize='))?.slice('--sanitize='.length) ?? '';
const script = relative('.', fileURLToPath(import.meta.url));
const REMEDY = `apt-get install -y libtorch-dev libopenblas0-pthread && node ${/\s/.test(script) ? JSON.stringify(script) : script}`;

/** Prints and ends: an optional build leaves the other engines to work. */
function stop(message) {
  console.log(`[torch] ${message}`);
  process.exit(optional ? 0 : 1);
}

/** node-gyp: what npm names, what npm carries, what is on the path. */
function nodeGyp() {
  const named = process.env.npm_config_node_gyp;
  if (named && existsSync(named)) return [process.execPath, named];
  const npm = process.env.npm_execpath;
  const candidates = [npm && join(dirname(npm), '../node_modules/node-gyp/bin/node-gyp.js')];
  for (const root of [dirname(process.execPath), join(dirname(process.execPath), '..')])
    candidates.push(join(root, 'lib/node_modules/npm/node_modules/node-gyp/bin/node-gyp.js'));
  const carried = candidates.find((c) => c && existsSync(c));
  return carried ? [process.execPath, carried] : ['node-gyp'];
}

/** Node's headers where Node itself is installed, so that none need be downloaded. */
function nodeDir() {
  const prefix = join(dirname(process.execPath), '..');
  return existsSync(join(prefix, 'include/node/node_api.h')) ? [`--nodedir=${prefix}`] : [];
}

/** Equal when nothing that goes into the addon has changed. */
function stampOf(found) {
  const hash = createHash('sha256').update(JSON.stringify([found, process.version, sanitize]));
  for (const file of readdirSync(native).sort()) if (/\.(cc|h|gyp)$/.test(file)) hash.update(file).update(readFileSync(join(native, file)));
  return hash.digest('hex');
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
try {
  createRequire(import.meta.url).resolve('node-addon-api');
} catch {
  stop('the npm package node-addon-api is not installed; run `npm ci` first');
}

/** The sources, where they are built: a build with a sanitizer has a copy of its own, so that the usual one stays. */
function workFolder() {
  if (!sanitize) return native;
  const folder = fileURLToPath(new URL(`../../build/torch-${sanitize}/`, import.meta.url));
  mkdirSync(folder, { recursive: true });
  for (const file of readdirSync(native)) if (/\.(cc|h|gyp)$/.test(file)) copyFileSync(join(native, file), join(folder, file));
  return folder;
}

const folder = workFolder();
const addon = join(folder, 'build/Release/rampart_torch.node');
const stampFile = join(folder, 'build/stamp.json');
const stamp = stampOf(found);
if (existsSync(addon) && existsSync(stampFile) && JSON.parse(readFileSync(stampFile, 'utf8')).stamp === stamp) {
  console.log(`[torch] up to date: libtorch ${found.version} (${found.source})`);
  process.exit(0);
}

/** Runs node-gyp, and says after each file, and every half minute, how far it is: the compiler is silent for minutes. */
function compile(command, args, cwd) {
  const files = readdirSync(cwd).filter((name) => name.endsWith('.cc')).length;
  const begin = Date.now();
  let [log, done] = ['', 0];
  const tell = () => console.log(`[torch] ${done} of ${files} files begun, ${Math.round((Date.now() - begin) / 1000)} s`);
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    const beat = setInterval(tell, 30_000);
    const end = (outcome) => {
      clearInterval(beat);
      resolve({ log, ...outcome });
    };
    const hear = (chunk) => {
      log += chunk;
      const begun = log.match(/^ *CXX\(target\)/gm)?.length ?? 0;
      if (begun === done) return;
      done = begun;
      tell();
    };
    child.stdout.setEncoding('utf8').on('data', hear);
    child.stderr.setEncoding('utf8').on('data', hear);
    child.on('error', (error) => end({ error }));
    child.on('close', (status) => end({ status }));
  });
}

console.log(`[torch] building against libtorch ${found.version} (${found.source}) in ${found.lib}; this takes a few minutes`);
const libraries = ['-ltorch', '-ltorch_cpu', '-lc10', ...(found.cuda ? ['-ltorch_cuda', '-lc10_cuda'] : [])].join(' ');
const defines = [
  `-Dtorch_include=${found.include.join(' ')}`,
  `-Dtorch_lib=${found.lib}`,
  `-Dtorch_libs=${libraries}`,
  `-Dtorch_abi=${found.abi}`,
  `-Dsanitize=${sanitize}`,
];
const [command, ...first] = nodeGyp();
const args = [...first, 'rebuild', '-j', process.env.JOBS ?? '2', ...nodeDir(), '--', ...defines];
const run = await compile(command, args, folder);
if (run.error) stop(`node-gyp did not start (${run.error.message}); install it with: npm i -g node-gyp`);
if (run.status !== 0) {
  const { log } = run;
  const first = log
    .split('\n')
    .filter((l) => /error|not found|gyp ERR/i.test(l))
    .slice(0, 12);
  const compiler = /make: not found|g\+\+: not found|c\+\+: not found|not found: make/.test(log);
  stop(
    [
      'the build failed:',
      ...first.map((l) => `  ${l}`),
      compiler ? 'a compiler is missing; install one with: apt-get install -y g++ make' : 'the other engines work without it.',
    ].join('\n'),
  );
}
writeFileSync(stampFile, `${JSON.stringify({ stamp, found }, null, 2)}\n`);
console.log(`[torch] built ${addon}`);
