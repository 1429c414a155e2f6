/** In the place of the wasm backend's loader for threads, which need headers that a static host does not send. */
import { RampartError } from '../../errors.ts';

export const wasmWorkerContents = '';

export default function load(): never {
  throw new RampartError('[engine wasm] runs on one thread here');
}
