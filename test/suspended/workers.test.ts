/** A run and its workers that are all stopped for longer than a worker may be silent, and continued. */
import { expect, test } from 'vitest';
import { realPlan, wasmEngine } from '../harness/run/real-plans.ts';
import { starting } from './stop.ts';

const SILENCE_MS = 4000;

const SLOW = {
  datasets: 'datasets: [{ name: shapes, train: 40, test: 400 }]',
  attacks: 'attacks: [{ name: square, queries: 200 }]',
};

test.skipIf(process.platform !== 'linux')(
  'the job goes on in its worker, and its record tells of the standstill',
  { timeout: 400_000 },
  async () => {
    const { settings, place, task, store, job } = await realPlan(SLOW);
    const watcher = starting('./watcher.mjs');
    expect(await watcher.next()).toBe('ready');
    const begin = async (name: string, silenceMs: number) =>
      watcher.child.send({ settings, place, engine: wasmEngine, task: await task(name), silenceMs });
    const end = async () => {
      for (;;) {
        const said = await watcher.next();
        if (said !== 'works') return said;
      }
    };
    // a worker that starts may be silent for longer, on a busy machine
    for (const name of ['borrowed', 'clean on borrowed']) {
      await begin(name, 200_000);
      expect(await end()).toBe('done');
    }
    await begin('square on borrowed', SILENCE_MS);
    expect(await watcher.next()).toBe('works');
    // long enough for its worker to tell it from a busy machine
    await watcher.standStill(12_000);
    expect(await end()).toBe('done');
    const { key } = await job('square on borrowed');
    expect(await store.record('cell', key)).toMatchObject({ status: 'done', suspendedMs: expect.any(Number) });
  },
);
