import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { engineFiles } from './engine-files.ts';

test('what looks for the addon, through helpers too, or starts the program is run with it, and what only draws pages is not', async () => {
  const files = await engineFiles();
  const below = (folder: string) =>
    readdirSync(fileURLToPath(new URL(folder, import.meta.url)))
      .filter((file) => file.endsWith('.test.ts'))
      .map((file) => `test/${folder}/${file}`);
  expect(files).toEqual(expect.arrayContaining([...below('e2e'), 'test/torch/training.test.ts', 'test/conformance/conformance.test.ts']));
  expect(files).toEqual(expect.arrayContaining(['test/defenses/reference.test.ts', 'test/harness/run/workers.test.ts']));
  expect(files.filter((file) => /^test\/(reports|site|tensor)\//.test(file))).toEqual([]);
});
