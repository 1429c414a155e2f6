/** Packages that are there when the user installed them: found without loading them, loaded by name. */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
/** The project that runs Rampart may have them too. */
const places = [fileURLToPath(new URL('.', import.meta.url)), process.cwd()];

/** The file that `name` resolves to, or undefined when it is not installed. Loads nothing. */
export function findPackage(name: string): string | undefined {
  try {
    return require.resolve(name, { paths: places });
  } catch {
    return undefined;
  }
}

/** Loads a CommonJS package found above, so that its `@tensorflow/tfjs` is the one in use here. */
export function requirePackage(name: string): unknown {
  return require(findPackage(name) ?? name);
}
