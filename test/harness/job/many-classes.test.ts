import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { processExecutor } from '../../../harness/run/local/process-executor.ts';
import { realPlan, wasmEngine } from '../run/real-plans.ts';

const plugin = fileURLToPath(new URL('./many-classes.ts', import.meta.url));

test('300 classes, trained on and attacked: what always says the last class is right on 7 of 20', { timeout: 200_000 }, async () => {
  const { settings, place, store, job, task } = await realPlan({
    plugins: `plugins: [${plugin}]`,
    datasets: 'datasets: [many-classes]',
    architectures: 'architectures: [cnn-small]',
    recipe: 'recipe: { epochs: 4, validation: 0, batchSize: 32, augment: none }',
    models: 'models: []',
    attacks: 'attacks: [fgsm]',
  });
  const executor = processExecutor(settings, place, { silenceMs: 100_000 });
  onTestFinished(() => executor.close());
  for (const name of ['standard', 'clean on standard', 'fgsm on standard'])
    await executor.run(await task(name), wasmEngine, new AbortController().signal, {});
  for (const name of ['clean on standard', 'fgsm on standard']) {
    const record = await store.record('cell', (await job(name)).key);
    expect(record?.outcomes.predictions.slice(0, 7)).toEqual(Array(7).fill(299));
    expect(record?.outcomes.labels).toEqual([...Array(7).fill(299), ...Array(13).fill(43)]);
    expect(record?.accuracy).toBe(0.35);
  }
});
