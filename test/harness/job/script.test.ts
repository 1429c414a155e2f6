/** A TorchScript module in a suite: run as it is by the torch engine, refused by another, and what its record says. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { torch } from '../../../engines/torch/index.ts';
import { findBuilt } from '../../../engines/torch/load.ts';
import { FolderStore } from '../../../records/folder-store.ts';
import { sha256 } from '../../../records/hash.ts';
import type { CellRecord, ModelRecord } from '../../../records/record.ts';
import { freshFolder } from '../folders.ts';
import { inProcess, TINY } from '../run/in-process.ts';

/** 3x3, 3 to 10 channels, then the mean: for images of every size. */
const file = fileURLToPath(new URL('../../golden/torchscript/writes.pt', import.meta.url));
const PARAMETERS = 10 * 3 * 9 + 10;

async function runOn(engine?: Parameters<typeof inProcess>[2], more = '') {
  const suite = {
    ...TINY,
    architectures: '',
    recipe: '',
    defenses: '',
    models: `models: [{ name: theirs, torchscript: ${file}${more} }]`,
    attacks: 'attacks: [pgd]',
  };
  const { run } = await inProcess(new FolderStore(freshFolder()), suite, engine);
  const { records } = await run();
  return {
    model: records.find((r) => r.kind === 'model') as ModelRecord,
    clean: records.find((r) => r.kind === 'cell' && r.attack.name === 'clean') as CellRecord,
    pgd: records.find((r) => r.kind === 'cell' && r.attack.name === 'pgd') as CellRecord,
  };
}

test.skipIf(!findBuilt())(
  'on torch it is checked and attacked as any model from elsewhere; the record names file, libtorch and device',
  async () => {
    const { model, clean, pgd } = await runOn(torch);
    expect(model).toMatchObject({
      status: 'done',
      arch: { name: 'writes.pt', parameters: PARAMETERS },
      imported: { file: 'writes.pt', kind: 'torchscript' },
      weightsHash: sha256(readFileSync(file)),
      provenance: { engine: { name: 'torch', version: findBuilt()?.version, device: 'cpu' } },
      flags: [],
    });
    expect(clean.checks).toMatchObject({ images: 4, randomized: false, passes: { backward: 4 } });
    expect([clean.flags, pgd.status]).toEqual([[], 'done']);
  },
);

test.skipIf(!findBuilt())('what is known of it is held before any attack', async () => {
  const { clean, pgd } = await runOn(torch, ', expect: { clean: 1, tolerance: 0 }');
  expect(clean.error?.message).toMatch(/^\[model theirs\] expected a clean accuracy of 1 .* that the model takes them in \[0,1\]$/);
  expect(pgd).toMatchObject({ status: 'failed', error: { kind: 'dependency' } });
});

test('another engine names the one that can run it, and its cells fail alone', async () => {
  const { model, pgd } = await runOn();
  expect(model).toMatchObject({ status: 'failed', arch: { name: 'writes.pt', multiplyAdds: 0 }, extraData: false });
  expect(model.error?.message).toMatch(
    /^\[model\] writes\.pt is a TorchScript module, which the engine wasm cannot run; give --engine torch/,
  );
  expect(pgd).toMatchObject({ status: 'failed', error: { kind: 'dependency' } });
});
