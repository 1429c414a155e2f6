/** A checkpoint from elsewhere in a suite: what its record says, and what happens where it is not what its user knows it to be. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { writeSafetensors } from '../../../models/safetensors.ts';
import { FolderStore } from '../../../records/folder-store.ts';
import { sha256 } from '../../../records/hash.ts';
import type { CellRecord, ModelRecord } from '../../../records/record.ts';
import type { tf } from '../../../tensor/tf.ts';
import { goldenBatch, goldenNetwork } from '../../golden.ts';
import { inProcess, TINY } from '../run/in-process.ts';

const golden = fileURLToPath(new URL('../../golden/model.safetensors', import.meta.url));
const dir = mkdtempSync(join(tmpdir(), 'rampart-imported-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** The suite of one imported model, attacked by FGSM on 12 drawn figures. */
async function runWith(name: string, more: string) {
  const { run } = await inProcess(new FolderStore(join(dir, name)), {
    ...TINY,
    architectures: '',
    recipe: '',
    defenses: '',
    models: `models: [{ name: theirs, weights: ${golden}, arch: resnet-tiny${more} }]`,
    attacks: 'attacks: [fgsm]',
  });
  const { records } = await run();
  return {
    again: run,
    model: records.find((r) => r.kind === 'model') as ModelRecord,
    clean: records.find((r) => r.kind === 'cell' && r.attack.name === 'clean') as CellRecord,
    fgsm: records.find((r) => r.kind === 'cell' && r.attack.name === 'fgsm') as CellRecord,
  };
}

test('an import that nothing was stated about is flagged; its record says which normalisation it runs with', async () => {
  const { model, fgsm } = await runWith('unverified', '');
  expect(model.flags.map((f) => f.name)).toEqual(['unverified-import']);
  expect(model.imported).toMatchObject({ file: 'model.safetensors', kind: 'safetensors', notes: [] });
  expect(model.imported?.normalization?.mean).toHaveLength(3);
  expect(fgsm.status).toBe('done');
});

test('what is known of it is held before any attack', async () => {
  const known = (await runWith('first', '')).clean.accuracy;
  const right = await runWith('right', `, expect: { clean: ${known} }`);
  expect(right.model.flags).toEqual([]);
  expect(right.fgsm.status).toBe('done');

  const off = known > 0.5 ? known - 0.25 : known + 0.25;
  const wrong = await runWith('wrong', `, expect: { clean: ${off} }`);
  expect(wrong.clean).toMatchObject({ status: 'failed' });
  expect(wrong.clean.error?.message).toContain(
    `[model theirs] expected a clean accuracy of ${off} +- 0.005 on these 12 images, got ${known}; check architecture, normalisation (mean `,
  );
  expect(wrong.fgsm).toMatchObject({ status: 'failed', error: { kind: 'dependency' } });
  expect((await runWith('wide', `, expect: { clean: ${off}, tolerance: 0.3 }`)).fgsm.status).toBe('done');
});

test('a model from elsewhere is checked before its attacks, and what that costs is told apart', async () => {
  const { clean, fgsm } = await runWith('checked', '');
  expect(clean.checks).toMatchObject({ images: 4, randomized: false, passes: { backward: 4 } });
  expect(clean.passes).toEqual({ forward: 12, backward: 0 });
  expect([clean.flags, fgsm.checks]).toEqual([[], undefined]);
});

test('one that was found to answer anew at every call is attacked as a randomised classifier', async () => {
  const { clean, fgsm, again } = await runWith('random', '');
  expect(fgsm.flags).toEqual([]);
  const store = new FolderStore(join(dir, 'random'));
  await store.writeRecord({ ...clean, checks: { images: 4, passes: { forward: 40, backward: 4 }, randomized: true } });
  rmSync(join(store.place, 'cells', `${fgsm.key}.json`));
  const attacked = (await again()).records.find((r) => r.key === fgsm.key) as CellRecord;
  expect(attacked.flags.map((f) => f.name)).toEqual(['randomized']);
  expect(attacked.outcomes).toEqual(fgsm.outcomes);
});

test('logits from where it comes from are the better proof: held before any attack, and on the record', async () => {
  const network = goldenNetwork();
  const { x } = goldenBatch(3);
  const logits = network.logits(x);
  const file = join(dir, 'reference.safetensors');
  const entry = (t: tf.Tensor) => ({ shape: [...t.shape], data: Float32Array.from(t.dataSync()) });
  writeFileSync(
    file,
    writeSafetensors(
      new Map([
        ['images', entry(x)],
        ['logits', entry(logits)],
      ]),
    ),
  );
  network.dispose();
  const right = await runWith('proved', `, expect: { logits: ${file} }`);
  expect(right.model.flags).toEqual([]);
  expect(right.model.imported?.reference).toEqual({ file: 'reference.safetensors', hash: sha256(readFileSync(file)) });
  expect(right.fgsm.status).toBe('done');

  const wrong = await runWith('disproved', `, bnEps: 0.01, expect: { logits: ${file} }`);
  expect(wrong.model.imported?.bnEps).toBe(0.01);
  expect(wrong.clean.error?.message).toContain('[model theirs] expected the logits of the reference to 0.0001 of the largest, got ');
  expect(wrong.fgsm).toMatchObject({ status: 'failed', error: { kind: 'dependency' } });
  expect(new Set([right.model.key, wrong.model.key, (await runWith('plain', '')).model.key]).size).toBe(3);
});
