/** Bundles the checker for browsers: one script that needs nothing beside it, made of the same sources as everything else, and one for those with WebGPU. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { deflateRawSync } from 'node:zlib';
import { type BuildOptions, build, type Plugin } from 'esbuild';

/** `.ts` among the sources, `.js` where they are compiled. */
const EXTENSION = import.meta.url.endsWith('.ts') ? '.ts' : '.js';

const own = (path: string) => fileURLToPath(new URL(path + EXTENSION, import.meta.url));

/** What stands in for modules that a browser has not, or that would ask for files beside them. */
const STAND_INS: readonly (readonly [imported: RegExp, importer: RegExp, file: string])[] = [
  [/^#tensorflow$/, /./, 'tensorflow'],
  [/^node:crypto$/, /./, 'crypto'],
  [/^node:timers\/promises$/, /./, 'timers'],
  [/\/binary\.[jt]s$/, /wasm[\\/]memory\.[jt]s$/, 'inlined'],
  [/wasm-out\/tfjs-backend-wasm\.js$/, /backend_wasm\.js$/, 'factory'],
  [/wasm-out\/tfjs-backend-wasm-threaded-simd/, /./, 'no-threads'],
  [/locales\/index\.js$/, /zod/, 'nothing'],
];

const standIns: Plugin = {
  name: 'stand-ins',
  setup({ onResolve }) {
    for (const [imported, importer, file] of STAND_INS)
      onResolve({ filter: imported }, (at) =>
        importer.test(at.importer) ? { path: own(`./stand-ins/${file}`), sideEffects: true } : undefined,
      );
  },
};

/** TensorFlow.js of the first script in the second. */
const sharedCore: Plugin = {
  name: 'shared-core',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^@tensorflow\/tfjs-core$/ }, () => ({ path: 'core', namespace: 'shared-core' }));
    onLoad({ filter: /./, namespace: 'shared-core' }, () => ({ contents: 'module.exports = globalThis.rampartTensorFlow' }));
  },
};

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');

/** The text of the script. It defines `rampartWorker`, a function whose text is that of a worker. */
export async function bundleChecker(): Promise<string> {
  const backend = createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm/package.json');
  const binary = readFileSync(backend.replace(/package\.json$/, 'wasm-out/tfjs-backend-wasm-simd.wasm'));
  const kernels = readFileSync(new URL('../engines/wasm/kernels.wasm', import.meta.url));
  return script('rampartWorker', {
    entryPoints: [own('./worker')],
    plugins: [standIns],
    define: {
      RAMPART_BACKEND: JSON.stringify(base64(deflateRawSync(binary, { level: 9 }))),
      RAMPART_KERNELS: JSON.stringify(base64(kernels)),
    },
  });
}

/** The text of the script for browsers with WebGPU: `rampartWebgpu`, a function that gives TensorFlow.js in the worker its backend. */
export function bundleWebgpu(): Promise<string> {
  const entry = { contents: "import '@tensorflow/tfjs-backend-webgpu'", resolveDir: fileURLToPath(new URL('.', import.meta.url)) };
  return script('rampartWebgpu', { stdin: entry, plugins: [sharedCore] });
}

/** Bundled as the body of a function of that name. */
async function script(name: string, options: BuildOptions): Promise<string> {
  const { outputFiles } = await build({
    bundle: true,
    minify: true,
    platform: 'browser',
    format: 'iife',
    target: 'es2022',
    charset: 'utf8',
    legalComments: 'none',
    logLevel: 'silent',
    ...options,
    write: false,
  });
  return `function ${name}(){${outputFiles[0]?.text ?? ''}}\n`;
}
