import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { refusal, suiteWith } from '../suites.ts';

const plugin = fileURLToPath(new URL('./classes.ts', import.meta.url));
const on = (classes: number, attacks: string) => ({
  plugins: `plugins: [${plugin}]`,
  datasets: `datasets: [classes-${classes}]`,
  recipe: 'recipe: { validation: 0, batchSize: 4 }',
  attacks: `attacks: [${attacks}]`,
});

test('validate refuses an attack whose loss needs more classes than the data have', async () => {
  expect(await refusal(on(2, 'fgsm, apgd-t'))).toContain(
    'attacks[1]: expected at least 4 classes for apgd-t, got the 2 of classes-2; use one of',
  );
  expect(await refusal(on(3, 'apgd-t'))).toContain('expected at least 4 classes for apgd-t, got the 3 of classes-3');
  expect(await refusal(on(2, 'apgd-dlr'))).toContain('expected at least 3 classes for apgd-dlr, got the 2 of classes-2');
});

test('three classes are enough for the ratio, four for its targeted form, two for an ensemble', async () => {
  for (const changes of [on(3, 'apgd-dlr'), on(4, 'apgd-t'), on(2, 'autoattack')])
    expect((await suiteWith(changes)).suite.attacks).toHaveLength(1);
});
