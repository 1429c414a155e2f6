import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';

const provenance = new URL('../../../harness/job/provenance.ts', import.meta.url).href;
const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;

/** Peaks in MB that a process of its own reads with 400 MB held, after they are released, and after the peak is forgotten. */
const SCRIPT = `import { forgetPeakMemory, peakMemoryMb } from ${JSON.stringify(provenance)};
let held = Buffer.alloc(400 * 2 ** 20, 1);
const peaks = [peakMemoryMb()];
held = undefined;
gc();
peaks.push(peakMemoryMb());
const forgotten = forgetPeakMemory();
peaks.push(peakMemoryMb());
console.log(JSON.stringify({ forgotten, peaks }));`;

test.skipIf(process.platform !== 'linux')('the peak of a job does not count what was released before it', () => {
  const args = ['--expose-gc', '--import', tsx, '--input-type=module', '--eval', SCRIPT];
  const { forgotten, peaks } = JSON.parse(
    execFileSync(process.execPath, args, { cwd: fileURLToPath(new URL('.', import.meta.url)), encoding: 'utf8' }),
  ) as { forgotten: boolean; peaks: [number, number, number] };
  const [full, released, forgot] = peaks;
  expect(full).toBeGreaterThan(400);
  // the kernel gathers its counters now and then, so the same peak may be read a little lower
  expect(released).toBeGreaterThan(400);
  expect(forgotten).toBe(true);
  expect(full - forgot).toBeGreaterThan(350);
});
