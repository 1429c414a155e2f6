/** Which test files the torch engine, or a Python with PyTorch, can change: the second pass of CI, once both are there, runs these. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));

/** The places that look for the addon, and for that Python. */
const LOOK_FOR_MORE = ['engines/torch/load.ts', 'test/python.ts'];

/** Whether code of tests starts the built program, which looks for the addon in a process of its own. */
const startsProgram = (file: string) => file.startsWith('test/') && readFileSync(join(root, file), 'utf8').includes('dist/');

/** Paths from the root, in order: tests that reach, by whatever imports, what looks for more than Node, or that start what does. */
export async function engineFiles(): Promise<string[]> {
  const all = (readdirSync(join(root, 'test'), { recursive: true }) as string[]).filter((file) => file.endsWith('.test.ts'));
  const tests = all.map((file) => join('test', file)).sort();
  const { metafile } = await build({
    entryPoints: tests,
    absWorkingDir: root,
    outdir: 'build/none',
    bundle: true,
    splitting: true,
    write: false,
    metafile: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    external: ['#*'],
    logLevel: 'silent',
  });
  const reaches = (file: string, seen = new Set<string>()): boolean => {
    if (seen.has(file)) return false;
    seen.add(file);
    if (LOOK_FOR_MORE.includes(file) || startsProgram(file)) return true;
    return (metafile.inputs[file]?.imports ?? []).some((found) => !found.external && reaches(found.path, seen));
  };
  return tests.filter((file) => reaches(file));
}
