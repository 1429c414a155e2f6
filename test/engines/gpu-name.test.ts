/** What the driver calls the GPUs of a machine. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { gpuName } from '../../engines/torch/index.ts';
import { freshFolder } from '../harness/folders.ts';

/** The driver's folder, with a GPU of each model. */
function driver(...models: string[]): string {
  const folder = freshFolder();
  for (const [i, model] of models.entries()) {
    mkdirSync(join(folder, `0000:0${i}:00.0`));
    writeFileSync(join(folder, `0000:0${i}:00.0`, 'information'), `Model: \t\t ${model}\nIRQ:   \t\t 255\nGPU UUID: \t GPU-1\n`);
  }
  return folder;
}

test('is their model where all are of one; of several kinds none is told, nor where there is no driver', () => {
  expect(gpuName(driver('NVIDIA H100 80GB HBM3', 'NVIDIA H100 80GB HBM3'))).toBe('NVIDIA H100 80GB HBM3');
  expect(gpuName(driver('NVIDIA H100 80GB HBM3', 'Tesla T4'))).toBeUndefined();
  expect(gpuName(driver())).toBeUndefined();
  expect(gpuName(join(freshFolder(), 'none'))).toBeUndefined();
});
