import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { torch } from '../../../engines/torch/index.ts';
import type { EngineRef } from '../../../harness/job/engine.ts';
import type { Executor } from '../../../harness/run/executor.ts';
import { comparable } from '../../../records/store.ts';
import { freshFolder } from '../folders.ts';
import { processExecutor } from './built.ts';
import { type RealPlan, realPlan, wasmEngine, workers } from './real-plans.ts';

const never = new AbortController().signal;
const TIMEOUT = { timeout: 200_000 };
const noLinux = process.platform !== 'linux';

/** An executor that is closed after the test, and a way to run jobs of a plan on it by name. */
function executing(
  { settings, place, task }: RealPlan,
  { engine = wasmEngine, silenceMs = 100_000 }: { engine?: EngineRef; silenceMs?: number } = {},
) {
  const executor: Executor = processExecutor(settings, place, { silenceMs });
  onTestFinished(() => executor.close());
  const run = async (name: string, onProgress: () => void = () => undefined, signal = never) =>
    executor.run(await task(name), engine, signal, { progress: onProgress });
  return { executor, run };
}

test.skipIf(noLinux)('a process whose job ended well does the next one, until the executor is closed', TIMEOUT, async () => {
  const { executor, run } = executing(await realPlan());
  await run('borrowed');
  const [first, ...others] = workers();
  expect(first).toBeGreaterThan(0);
  expect(others).toEqual([]);
  for (const name of ['clean on borrowed', 'fgsm on borrowed']) {
    await run(name);
    expect(workers()).toEqual([first]);
  }
  await executor.close();
  expect(workers()).toEqual([]);
});

test.skipIf(noLinux)('two jobs at the same time have two processes, and both are kept', TIMEOUT, async () => {
  const plan = await realPlan({ attacks: 'attacks: [fgsm, noise]' });
  const { executor, run } = executing(plan);
  await run('borrowed');
  await run('clean on borrowed');
  await Promise.all([run('fgsm on borrowed'), run('noise on borrowed')]);
  expect(workers().length).toBe(2);
  await executor.close();
  expect(workers()).toEqual([]);
});

test.skipIf(noLinux)('a process that died while it waited costs no job', TIMEOUT, async () => {
  const { run } = executing(await realPlan());
  await run('borrowed');
  const [first] = workers();
  process.kill(first as number, 'SIGKILL');
  await run('clean on borrowed');
  expect(workers().length).toBe(1);
  expect(workers()).not.toEqual([first]);
});

test.skipIf(noLinux)('a process that its job has left large ends', TIMEOUT, async () => {
  const plan = await realPlan({ datasets: 'datasets: [{ name: shapes, train: 40, test: 1500 }]' });
  // the memory of wasm never shrinks: here, to where all images at once fitted
  const task = async (name: string) => ({ job: await plan.job(name), batchSize: 1500 });
  const { run } = executing({ ...plan, task });
  await run('borrowed');
  expect(workers().length).toBe(1);
  await run('clean on borrowed');
  expect(workers()).toEqual([]);
});

/** `square` takes many batches, long enough to be caught at it. */
const SLOW = {
  datasets: 'datasets: [{ name: shapes, train: 40, test: 400 }]',
  attacks: 'attacks: [fgsm, { name: square, queries: 200 }]',
};

test.skipIf(noLinux)('a process that is killed at its job costs that job and no other', TIMEOUT, async () => {
  const plan = await realPlan(SLOW);
  const { run } = executing(plan);
  await run('borrowed');
  await run('clean on borrowed');
  const [victim] = workers();
  let other: Promise<void> | undefined;
  let done = false;
  const killed = run('square on borrowed', () => {
    other ??= run('fgsm on borrowed');
    if (done || workers().length < 2) return;
    done = true;
    process.kill(victim as number, 'SIGKILL');
  });
  await expect(killed).rejects.toMatchObject({ kind: 'killed', message: 'the worker was killed by SIGKILL', fatal: false });
  await other;
  expect(workers().length).toBe(1);
  expect(workers()).not.toContain(victim);
});

test.skipIf(noLinux)('an interrupted job ends its process', TIMEOUT, async () => {
  const { run } = executing(await realPlan(SLOW));
  await run('borrowed');
  await run('clean on borrowed');
  const abort = new AbortController();
  await expect(run('square on borrowed', () => abort.abort(new Error('enough')), abort.signal)).rejects.toThrow('enough');
  expect(workers()).toEqual([]);
});

test.skipIf(noLinux)('a job that fails ends its process', TIMEOUT, async () => {
  const plan = await realPlan();
  const { executor, run } = executing(plan);
  await run('borrowed');
  const clean = await plan.job('clean on borrowed');
  if (clean.kind !== 'cell') throw new Error('the clean cell is one');
  const changed = { ...clean, images: { ...clean.images, hash: 'another' } };
  await executor.run({ job: changed, batchSize: 2 }, wasmEngine, never, {});
  expect((await plan.store.record('cell', clean.key))?.error?.message).toMatch('its files changed');
  expect(workers()).toEqual([]);
});

test.skipIf(noLinux)('training has a process of its own, before and after', TIMEOUT, async () => {
  const { run } = executing(await realPlan());
  await run('borrowed');
  const [first] = workers();
  await run('standard', () => expect(workers()).not.toContain(first));
  expect(workers()).toEqual([]);
});

test.skipIf(noLinux)('a plug-in from outside the package leaves no process behind for other jobs', TIMEOUT, async () => {
  const file = join(freshFolder(), 'stays.mjs');
  writeFileSync(
    file,
    `export default { name: 'stays', title: 'Stays', paper: '', version: 1, access: 'scores', norms: ['Linf'],
      params: { parse: () => ({}), safeParse: () => ({ success: true, data: {} }) },
      cost: () => ({ forward: 0, backward: 0 }), create: () => ({ perturb: async (batch) => batch.x.clone() }) };`,
  );
  const plan = await realPlan({ plugins: `plugins: [${file}]`, attacks: 'attacks: [fgsm, stays]' });
  const { run } = executing(plan);
  await run('borrowed');
  await run('clean on borrowed');
  await run('fgsm on borrowed');
  expect(workers().length).toBe(1);
  await run('stays on borrowed');
  expect(workers()).toEqual([]);
});

const EVERY_KIND = {
  datasets: 'datasets: [{ name: shapes, train: 160, test: 16 }]',
  models: 'models: []',
  defenses: 'defenses: [standard, bit-depth]',
  attacks: `attacks:
  - { name: pgd, steps: 5 }
  - { name: square, queries: 40 }
  - { name: fab, iterations: 5, restarts: 1 }
  - { name: transfer, sources: [standard], steps: 3 }`,
};

/** Records and kept examples, without times. */
async function results({ store, plan }: RealPlan): Promise<unknown> {
  const records = await store.records();
  expect(records.length).toBe(plan.models.length + plan.cells.length);
  return Promise.all(records.map(async (r) => [comparable(r), r.kind === 'cell' && (await store.examples(r))]));
}

for (const [engine, absent] of [
  [wasmEngine, undefined],
  [{ ...wasmEngine, name: 'torch' }, (await torch.probe()).usable ? undefined : 'its addon is not built'],
] as const)
  test.skipIf(absent)(
    `${engine.name}: one process for all cells, in the other order, and one for each give the same bits`,
    { timeout: 300_000 },
    async () => {
      const inOrder = async (order: (names: readonly string[]) => readonly string[], closing: boolean) => {
        const plan = await realPlan(EVERY_KIND, engine);
        const { executor, run } = executing(plan, { engine });
        const { models, clean, attacks } = plan.names;
        for (const name of [...models, ...order(clean), ...order(attacks)]) {
          await run(name);
          if (closing) await executor.close();
        }
        return results(plan);
      };
      const wanted = await inOrder((names) => names, true);
      expect(await inOrder((names) => [...names].reverse(), false)).toEqual(wanted);
    },
  );
