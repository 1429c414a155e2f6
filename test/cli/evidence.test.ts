/** What a run that publishes hands over to its site, read from the site's files as a reader does. */
import { beforeAll, expect, test } from 'vitest';
import { evidenceOf } from '../../cli/evidence.ts';
import { wasm } from '../../engines/wasm/index.ts';
import { parseEvidence, parseImages, whole } from '../../records/evidence/read.ts';
import { writeEvidence } from '../../records/evidence/write.ts';
import { FolderStore } from '../../records/folder-store.ts';
import { type CellRecord, indicesOf, type ModelRecord } from '../../records/record.ts';
import { freshFolder } from '../harness/folders.ts';
import { inProcess, TINY } from '../harness/run/in-process.ts';

beforeAll(async () => {
  await wasm.init({ threads: 1, device: 'cpu' });
});

const CURVE = {
  threats: 'threats: [{ norm: Linf, eps: [2/255, 8/255] }]',
  attacks: 'attacks: [{ name: pgd, steps: 4 }, { name: fgsm, n: 5 }]',
  publish: 'publish: { adversarial: 12, weights: true }',
};

async function ran() {
  const store = new FolderStore(freshFolder());
  const { records } = await (await inProcess(store, { ...TINY, ...CURVE })).run();
  return { store, records, model: records.find((r) => r.kind === 'model') as ModelRecord };
}

test('the site has the weights, every original once, and a point for every image that an attack broke, those of smaller radii too', async () => {
  const { store, records, model } = await ran();
  const source = await evidenceOf(records, store, true)(model);
  if (!source) throw new Error('nothing is published');
  const pieces = new Map<string, Uint8Array>();
  const add = (path: string, text: string) => pieces.set(path, Buffer.from(/","(.*)"\)/.exec(text)?.[1] ?? '', 'base64'));
  const { index } = writeEvidence(model, source, add);
  const read = (held: typeof index) =>
    whole(
      held,
      held.pieces.map((path) => pieces.get(path) as Uint8Array),
      'evidence',
    );
  const evidence = parseEvidence(read(index));
  expect(evidence.weights?.sha256).toBe(model.weightsHash);
  expect(evidence.model.normalization.mean.every((mean) => mean > 0 && mean < 1)).toBe(true);
  const originals = evidence.originals.flatMap(({ indices }) => indices);
  expect([...originals].sort((a, b) => a - b)).toEqual(Array.from({ length: 12 }, (_, i) => i));
  const cells = records.filter((r): r is CellRecord => r.kind === 'cell' && r.published !== undefined);
  expect(evidence.cells.map(({ key }) => key)).toEqual(cells.map(({ key }) => key));
  for (const [i, cell] of cells.entries()) {
    const { robust, distances } = cell.outcomes;
    const broken = indicesOf(cell).filter((_, at) => robust[at] === '0' && (distances[at] as number) > 0);
    const { indices, adversarial } = evidence.cells[i] as (typeof evidence.cells)[number];
    expect([...indices].sort((a, b) => a - b)).toEqual(broken);
    for (const held of adversarial)
      expect(parseImages(read(held), held.count, source.inputShape, 'points').pixels.length).toBeGreaterThan(0);
  }
  const taken = cells.filter(({ threat, attack }) => threat.eps === 8 / 255 && attack.name === 'pgd');
  expect(taken.length).toBe(1);
});

test('without weights where they are not to be published, and nothing of what a page cannot run', async () => {
  const { store, records, model } = await ran();
  expect((await evidenceOf(records, store, false)(model))?.weights).toBeUndefined();
  expect(await evidenceOf(records, store, true)({ ...model, wraps: 'f'.repeat(24) })).toBeUndefined();
  expect(await evidenceOf(records, new FolderStore(freshFolder()), true)(model)).toBeUndefined();
});
