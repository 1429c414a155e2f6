/** The compiled kernels as bytes; a bundle for a browser has them inside of it. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { RampartError } from '../../errors.ts';

const binary = new URL('./kernels.wasm', import.meta.url);
export const BUILD_COMMAND = 'npm run build:wasm';

/** True when `npm run build:wasm` has run. */
export function kernelsBuilt(): boolean {
  return existsSync(binary);
}

/** Throws with the remedy where they are not there. */
export function kernelsBinary(): Uint8Array {
  if (!kernelsBuilt()) throw new RampartError(`[engine wasm] ${fileURLToPath(binary)} is missing`, { remedy: BUILD_COMMAND });
  return readFileSync(binary);
}
