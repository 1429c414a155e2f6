/**
 * Loads a plug-in file, TypeScript or JavaScript, from anywhere: in a project of any type, or outside of one. The file and the files that
 * it imports by path become one module whose `rampart` and `zod` are those of this process, so that nothing has to be installed beside it.
 */
import { mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, extname, join, relative, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { BuildFailure, Loader, OnLoadResult, Plugin } from 'esbuild';
import { RampartError } from '../../errors.ts';
import { sha256 } from '../../records/hash.ts';
import { readFileOf } from './source/files.ts';

/** A file of a plug-in. */
export interface Part {
  /** From the folder of the file that exports the plug-in, with forward slashes. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

export interface LoadedFile {
  readonly exported: unknown;
  /** The file itself, then those that it imports by path: together, wherever they lie, they are the same plug-in. */
  readonly parts: readonly Part[];
  /** SHA-256 of the file; where it imports others by path, of the list of them all with the hash of each. */
  readonly source: string;
}

/** What a plug-in imports by name and gets from this process: a second copy would have other classes and other tensors. */
const OWN: Readonly<Record<string, () => Promise<object>>> = {
  rampart: () => import('../../index.ts'),
  zod: () => import('zod'),
};

/** Where a loaded module finds them. */
const HANDED = 'rampart.modules';

const LOADERS: Readonly<Record<string, Loader>> = { '.ts': 'ts', '.mts': 'ts', '.cts': 'ts', '.js': 'js', '.mjs': 'js' };

/** Longest file of a plug-in. */
const MOST_BYTES = 16 * 2 ** 20;

/** Throws RampartError with the path where the file cannot be read, is not valid, or fails as it is loaded. */
export async function importPlugin(path: string): Promise<LoadedFile> {
  readFileOf('plugin', path, MOST_BYTES);
  const folder = await mkdtemp(join(tmpdir(), 'rampart-plugin-'));
  try {
    const bundle = join(folder, `${basename(path, extname(path))}.mjs`);
    const { text, parts } = await bundled(path, bundle);
    await writeFile(bundle, text);
    // a failing line is then shown where it stands in the user's file
    process.setSourceMapsEnabled(true);
    const module = (await import(pathToFileURL(bundle).href)) as { default?: unknown };
    return { exported: module.default, parts, source: identityOf(parts) };
  } catch (cause) {
    throw new RampartError(`[plugin ${path}] cannot be loaded: ${reasonOf(cause)}`, { cause });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function bundled(path: string, outfile: string): Promise<{ text: string; parts: Part[] }> {
  const { build, stop } = await import('esbuild');
  const read = new Map<string, Uint8Array>();
  try {
    const { outputFiles } = await build({
      entryPoints: [path],
      outfile,
      bundle: true,
      write: false,
      format: 'esm',
      platform: 'node',
      target: 'node20',
      sourcemap: 'inline',
      logLevel: 'silent',
      // a project's own settings must not decide what a plug-in computes
      tsconfigRaw: {},
      plugins: [modules(path), files(read)],
    });
    return { text: outputFiles[0]?.text ?? '', parts: partsOf(await realpath(path), read) };
  } finally {
    await stop();
  }
}

function partsOf(entry: string, read: ReadonlyMap<string, Uint8Array>): Part[] {
  const parts = [...read].map(([file, bytes]) => ({ path: relative(dirname(entry), file).split(sep).join('/'), bytes }));
  const rank = ({ path }: Part) => (path === basename(entry) ? '' : path);
  return parts.sort((a, b) => (rank(a) < rank(b) ? -1 : 1));
}

function identityOf(parts: readonly Part[]): string {
  const [only, ...others] = parts.map(({ path, bytes }) => [path, sha256(bytes)] as const);
  if (only && others.length === 0) return only[1];
  return sha256(JSON.stringify([only, ...others].sort((a, b) => ((a?.[0] ?? '') < (b?.[0] ?? '') ? -1 : 1))));
}

/** Imports by name: our own are handed over, Node's are left, and the rest are packages where the importing file finds them. */
function modules(entry: string): Plugin {
  return {
    name: 'modules',
    setup(build) {
      const ahead = { inner: true };
      build.onResolve({ filter: /^[^./#]/ }, async ({ path, kind, resolveDir, importer, pluginData }) => {
        if (kind === 'entry-point' || pluginData === ahead || isBuiltin(path) || path === entry) return undefined;
        if (Object.hasOwn(OWN, path)) return { path, namespace: HANDED };
        const found = await build.resolve(path, { kind, resolveDir, importer, pluginData: ahead });
        return found.errors.length > 0 ? { errors: found.errors } : { path: pathToFileURL(found.path).href, external: true };
      });
      build.onLoad({ filter: /./, namespace: HANDED }, async ({ path }) => ({ contents: await handedOver(path), loader: 'js' }));
    },
  };
}

/** A module that exports what the module of that name exports in this process. */
async function handedOver(name: string): Promise<string> {
  const module = await (OWN[name] as () => Promise<object>)();
  const shared = globalThis as { [HANDED]?: Record<string, object> };
  shared[HANDED] = { ...shared[HANDED], [name]: module };
  const names = Object.keys(module);
  return [
    `const module = globalThis[${JSON.stringify(HANDED)}][${JSON.stringify(name)}];`,
    ...names.map((key, i) => `const value${i} = module[${JSON.stringify(key)}];`),
    `export { ${names.map((key, i) => `value${i} as ${key}`).join(', ')} };`,
  ].join('\n');
}

/** Files of the user's, noted in `read`; each keeps its own place as `import.meta` tells it. */
function files(read: Map<string, Uint8Array>): Plugin {
  return {
    name: 'files',
    setup(build) {
      build.onLoad({ filter: /./, namespace: 'file' }, async ({ path }): Promise<OnLoadResult> => {
        const bytes = await readFile(path);
        read.set(path, bytes);
        const loader = LOADERS[extname(path)];
        if (!loader) return { contents: bytes, loader: 'default' };
        const own = { url: pathToFileURL(path).href, filename: path, dirname: dirname(path) };
        const define = Object.fromEntries(Object.entries(own).map(([key, value]) => [`import.meta.${key}`, JSON.stringify(value)]));
        const options = { loader, define, sourcefile: path, sourcemap: 'inline', tsconfigRaw: {} } as const;
        return build.esbuild.transform(bytes, options).then(
          ({ code }) => ({ contents: code, loader: 'js' }),
          ({ errors }: BuildFailure) => ({ errors }),
        );
      });
    },
  };
}

/** Of a file that is not valid, every place; else the reason. */
function reasonOf(cause: unknown): string {
  const { errors } = cause as Partial<BuildFailure>;
  if (!errors) return cause instanceof Error ? cause.message : String(cause);
  return errors.map(({ text, location: at }) => (at ? `${at.file}:${at.line}:${at.column + 1}: ${text}` : text)).join('\n  ');
}
