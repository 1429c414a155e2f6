import { expect, test } from 'vitest';
import type { Work } from '../../../harness/run/plan-models.ts';
import { Calibration, expectedSeconds, Progress } from '../../../harness/run/progress.ts';
import { deviceOf, type RampartRecord } from '../../../records/record.ts';
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

test('what is left is shared by the speeds of the workers, each kind as its records say', async () => {
  const { plan, model, record } = await setting(1);
  const { registry } = await planFor();
  const cell = plan.cells[0];
  if (!cell || record.kind !== 'model') throw new Error('the plan is too small');
  const expected = expectedSeconds(model, cpuEngine);
  const on = (cpu: string, factor: number): RampartRecord => ({
    ...record,
    provenance: { ...record.provenance, host: { ...record.provenance.host, cpu } },
    cost: { ...record.cost, wallMs: 1000 * (factor * expected - 2) },
  });
  const [slow, fast] = [on('slow', 3), on('fast', 1)];
  const models = [0, 1, 2, 3, 4, 5].map((i) => ({ ...model, id: `${i}` }));
  const progress = new Progress({ models, cells: [], omitted: [] }, cpuEngine, 2);
  progress.ended(models[0] as typeof model, slow);
  progress.ended(models[1] as typeof model, fast);
  // one that is done at a time in 1, and one in 3 of what was expected: 4 in 3 of it
  progress.share([
    { device: deviceOf(slow.provenance), slots: 1 },
    { device: deviceOf(fast.provenance), slots: 1 },
  ]);
  expect(progress.timeLeft(0) / 1000).toBeCloseTo(3 * expected, 6);
  // three more of the fast ones do 13 in 3
  progress.share([
    { device: deviceOf(slow.provenance), slots: 1 },
    { device: deviceOf(fast.provenance), slots: 4 },
  ]);
  expect(progress.timeLeft(0) / 1000).toBeCloseTo((4 * 3 * expected) / 13, 6);
  // one that has done nothing yet is taken for the usual one, which takes 2
  progress.share([{ device: 'new', slots: 1 }]);
  expect(progress.timeLeft(0) / 1000).toBeCloseTo(4 * 2 * expected, 6);
  // shards of unlike machines each tell of their own
  const calibration = new Calibration(cpuEngine);
  const made = doneRecord(
    cell.job(
      () => 'weights',
      () => 'key',
    ),
    registry,
  );
  if (made.kind !== 'cell') throw new Error('not a cell');
  const part = expectedSeconds(cell, cpuEngine) / 2;
  const shard = (from: number, provenance: RampartRecord['provenance'], factor: number) => ({
    ...{ from, count: made.n / 2, provenance, wallMs: 1000 * (factor * part - 0.2) },
  });
  calibration.learn(cell, { ...made, shards: [shard(0, slow.provenance, 6), shard(made.n / 2, fast.provenance, 2)] });
  expect(calibration.seconds(cell)).toBeCloseTo(8 * part, 6);
  expect(calibration.speedOf(deviceOf(slow.provenance), 'cell')).toBeCloseTo(4 / 6, 9);
  expect(calibration.speedOf(deviceOf(fast.provenance), 'cell')).toBeCloseTo(4 / 2, 9);
});

test('of a cell in shards what is left is what no shard has done: those that run are taken at their word', async () => {
  const { plan } = await setting(1);
  const cell = plan.cells.find(({ label }) => label === 'pgd');
  if (!cell) throw new Error('the plan is too small');
  const progress = new Progress({ ...plan, models: [], cells: [cell] }, cpuEngine, 1);
  const whole = progress.timeLeft(0);
  progress.started(cell, 0, { from: 0, count: cell.n / 4 });
  progress.endedShard(cell, { from: 0, count: cell.n / 4 }, true);
  expect(progress.timeLeft(0)).toBeCloseTo((3 * whole) / 4, 6);
  progress.started(cell, 0, { from: cell.n / 4, count: cell.n / 4 });
  progress.reported(cell, { fraction: 0.5, detail: '' }, { from: cell.n / 4, count: cell.n / 4 });
  expect(progress.timeLeft(5000)).toBeCloseTo(whole / 2 + 5000, 6);
  // one that was stopped is to be done again
  progress.endedShard(cell, { from: cell.n / 4, count: cell.n / 4 }, false);
  expect(progress.timeLeft(5000)).toBeCloseTo((3 * whole) / 4, 6);
});

test('a model whose multiply-adds are not known is timed by its passes, one back for two forward', async () => {
  const { plan } = await setting(1);
  const { registry } = await planFor();
  const [clean, attack] = ['clean', 'pgd'].map((name) => plan.cells.find(({ label }) => label === name));
  if (!clean || !attack) throw new Error('the plan is too small');
  const unknown = <P extends { work: Work }>(planned: P): P => ({ ...planned, work: { ...planned.work, multiplyAdds: 0 } });
  const made = doneRecord(
    clean.job(
      () => 'weights',
      () => 'key',
    ),
    registry,
  );
  if (made.kind !== 'cell') throw new Error('not a cell');
  const calibration = new Calibration(cpuEngine);
  calibration.learn(unknown(clean), { ...made, passes: { forward: 40, backward: 0 }, wallMs: 3800 });
  // 0.1 s a pass
  const { forward, backward } = attack.work.passes;
  expect(calibration.seconds(unknown(attack))).toBeCloseTo(0.2 + 0.5 * 0.1 * (forward + 2 * backward), 6);
});
