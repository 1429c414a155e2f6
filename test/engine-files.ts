/** Which test files the torch engine can change: the second pass of CI, once its addon is built, runs these. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));

/** The one place that looks for the addon. */
const LOOKS_FOR_ADDON = 'engines/torch/load.ts';

/** Whether code of tests starts the built program, which looks for the addon in a process of its own. */
const startsProgram = (file: string) => file.startsWith('test/') && readFileSync(join(root, file), 'utf8').includes('dist/');

/** Paths from the root, in order: tests that reach, by whatever imports, what looks for the addon, or that start what does. */
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
    if (file === LOOKS_FOR_ADDON || startsProgram(file)) return true;
    return (metafile.inputs[file]?.imports ?? []).some((found) => !found.external && reaches(found.path, seen));
  };
  return tests.filter((file) => reaches(file));
}
