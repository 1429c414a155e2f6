/** Compiles the kernels in `assembly/` to `kernels.wasm` beside this file, and beside the compiled JavaScript where that is there. */
import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const here = new URL('.', import.meta.url);
const root = fileURLToPath(new URL('../../', here));
const output = fileURLToPath(new URL('kernels.wasm', here));
const FLAGS = ['--runtime', 'stub', '--importMemory', '--noExportMemory', '--enable', 'simd', '-O3', '--noAssert', '--use', 'abort='];
const DATA_SECTION = 11;

/** True when the module would write into the memory that it is given: the addresses there belong to another module. */
function hasData(bytes) {
  let at = 8;
  while (at < bytes.length) {
    const id = bytes[at++];
    let size = 0;
    for (let shift = 0, more = true; more; shift += 7) {
      const byte = bytes[at++];
      size |= (byte & 0x7f) << shift;
      more = byte >= 0x80;
    }
    if (id === DATA_SECTION) return true;
    at += size;
  }
  return false;
}

const asc = await import('assemblyscript/asc').catch(() => undefined);
if (asc === undefined) {
  console.error('assemblyscript is not installed (a development dependency): engines/wasm/kernels.wasm is left as it is');
} else {
  const { error, stderr } = await asc.main(['engines/wasm/assembly/index.ts', '--outFile', output, '--baseDir', root, ...FLAGS]);
  if (error) {
    console.error(stderr.toString());
    throw error;
  }
  if (hasData(await readFile(output))) throw new Error('kernels.wasm has a data section; keep constants out of engines/wasm/assembly');
  const dist = new URL('../../dist/engines/wasm/', here);
  await mkdir(dist, { recursive: true });
  await copyFile(output, new URL('kernels.wasm', dist));
}
