import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { FolderStore } from '../../../records/folder-store.ts';
import { freshFolder } from '../folders.ts';
import { inProcess } from '../run/in-process.ts';

const plugin = fileURLToPath(new URL('./many-classes.ts', import.meta.url));

test('300 classes, trained on and attacked: what always says the last class is right on 7 of 20', async () => {
  const { run } = await inProcess(new FolderStore(freshFolder()), {
    plugins: `plugins: [${plugin}]`,
    datasets: 'datasets: [many-classes]',
    architectures: 'architectures: [cnn-small]',
    recipe: 'recipe: { epochs: 4, validation: 0, batchSize: 32, augment: none }',
    defenses: 'defenses: [standard]',
    attacks: 'attacks: [fgsm]',
    engine: 'engine: { name: wasm, batchSize: 2, workers: 1 }',
  });
  const { records } = await run();
  const cells = records.filter((r) => r.kind === 'cell');
  expect(cells.map((r) => r.attack.name)).toEqual(['clean', 'fgsm']);
  for (const { outcomes, accuracy } of cells) {
    expect(outcomes.predictions.slice(0, 7)).toEqual(Array(7).fill(299));
    expect(outcomes.labels).toEqual([...Array(7).fill(299), ...Array(13).fill(43)]);
    expect(accuracy).toBe(0.35);
  }
});
