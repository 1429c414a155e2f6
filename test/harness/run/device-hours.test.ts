/** Hours of one device, against a plan's passes worked by hand. */
import { expect, test } from 'vitest';
import { deviceHours } from '../../../harness/run/device-hours.ts';
import { flops } from '../../../harness/run/plan.ts';
import { planFor } from './plans.ts';

const CHANGES = {
  datasets: 'datasets: [{ name: shapes, train: 300, test: 40 }]',
  architectures: 'architectures: [cnn-small, resnet-tiny]',
  recipe: 'recipe: { epochs: 2, validation: 0 }',
  defenses: 'defenses: [standard]',
  attacks: 'attacks: [fgsm]',
};

test('training is passes times operations over the speed, attacks half of it and at most all', async () => {
  const { plan } = await planFor(CHANGES);
  const { rows, total } = deviceHours(plan, { training: 100, attacks: 200 }, new Set());
  expect(rows.map(({ architecture, dataset, trainings }) => [architecture, dataset, trainings])).toEqual([
    ['cnn-small', 'shapes', 1],
    ['resnet-tiny', 'shapes', 1],
  ]);
  for (const row of rows) {
    const model = plan.models.find(({ job }) => job.arch.name === row.architecture);
    const macs = model?.work.multiplyAdds ?? 0;
    // 2 epochs of 300 images, forward and back, two operations to a multiply-add
    expect(row.training).toBeCloseTo((2 * macs * 2 * 300 * 2) / 1e9 / 100 / 3600, 12);
    const cells = plan.cells.filter((cell) => cell.model === model);
    const most = cells.reduce((sum, { work }) => sum + flops(work), 0) / 1e9 / 200 / 3600;
    expect(row.attacksAtMost).toBeCloseTo(most, 12);
    expect(row.attacks).toBeCloseTo(most / 2, 12);
  }
  expect(total.training).toBeCloseTo(
    rows.reduce((sum, { training }) => sum + training, 0),
    12,
  );
});

test('what is done takes no time, and a row without anything left is none', async () => {
  const { plan } = await planFor(CHANGES);
  const first = plan.models[0];
  const done = new Set([first, ...plan.cells.filter(({ model }) => model === first)].map((planned) => planned?.id as string));
  const { rows } = deviceHours(plan, { training: 1, attacks: 1 }, done);
  expect(rows.map(({ architecture }) => architecture)).toEqual(['resnet-tiny']);
});
