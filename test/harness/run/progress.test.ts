import { expect, test } from 'vitest';
import { Calibration, expectedSeconds, Progress } from '../../../harness/run/progress.ts';
import type { RampartRecord } from '../../../records/record.ts';
import { doneRecord } from '../records.ts';
import { cpuEngine, planFor } from './plans.ts';

/** The models of the small suite, and the record of one that took so many seconds. */
async function setting(seconds: number) {
  const { plan, registry } = await planFor();
  const [model] = plan.models;
  if (!model) throw new Error('the plan is empty');
  const made = doneRecord(model.job, registry);
  if (made.kind !== 'model') throw new Error('not a model');
  const record: RampartRecord = { ...made, cost: { ...made.cost, wallMs: 1000 * seconds } };
  return { plan, model, record };
}

test('a measured job scales what is expected of others of its kind, overhead included', async () => {
  const { plan, model, record } = await setting(100);
  const calibration = new Calibration(cpuEngine);
  const other = plan.models[1];
  const cell = plan.cells[0];
  if (!other || !cell) throw new Error('the plan is too small');
  calibration.learn(model, record);
  const factor = 102 / expectedSeconds(model, cpuEngine);
  expect(calibration.seconds(other)).toBeCloseTo(expectedSeconds(other, cpuEngine) * factor, 6);
  expect(calibration.seconds(cell)).toBe(expectedSeconds(cell, cpuEngine));
});

test('before anything is measured, work is expected to take what the engine does in a second, and half of an attack to be spared', async () => {
  const { model, plan } = await setting(1);
  const cell = plan.cells[0];
  if (!cell) throw new Error('the plan is too small');
  // 3,000 forward passes of 10^9 multiply-adds: 6,000 GFLOP
  const work = { passes: { forward: 3000, backward: 0 }, multiplyAdds: 1e9 };
  const wasm = { name: 'wasm', device: 'cpu', threads: 2 };
  // at 20 GFLOP/s for training and 30 for attacks, by two threads, and what a job takes around its work
  expect(expectedSeconds({ ...model, work }, wasm)).toBeCloseTo(6000 / 20 / 2 + 2, 9);
  expect(expectedSeconds({ ...cell, work }, wasm)).toBeCloseTo(6000 / 30 / 2 / 2 + 0.2, 9);
  // a GPU has no threads to share the work
  expect(expectedSeconds({ ...model, work }, { name: 'torch', device: 'cuda:0', threads: 8 })).toBeCloseTo(6000 / 2000 + 2, 9);
});

test('a job that is half done needs as long again, whatever was expected', async () => {
  const { plan, model } = await setting(1);
  const progress = new Progress({ models: [model], cells: [], omitted: plan.omitted }, cpuEngine, 1);
  progress.started(model, 1000);
  progress.reported(model, { fraction: 0.5, detail: '' });
  expect(progress.timeLeft(61_000)).toBe(60_000);
});

test('what is left is shared among the slots, but no job is', async () => {
  const { plan, model } = await setting(1);
  const progress = new Progress({ ...plan, models: [model], cells: [] }, cpuEngine, 4);
  progress.started(model, 0);
  progress.reported(model, { fraction: 0.5, detail: '' });
  expect(progress.timeLeft(8000)).toBe(8000);
});

test('jobs that ended count as finished', async () => {
  const { plan, model, record } = await setting(1);
  const progress = new Progress(plan, cpuEngine, 1);
  expect([progress.finished, progress.total]).toEqual([0, 8]);
  progress.ended(model, record);
  expect(progress.finished).toBe(1);
});
