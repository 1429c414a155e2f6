/** Published images of a folder of records: each case is one change to a folder that fits. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { validateResults } from '../../../records/check-folder.ts';
import { sha256 } from '../../../records/hash.ts';
import { writeOriginals, writePoints } from '../../../records/published/images.ts';
import type { CellRecord, RampartRecord } from '../../../records/record.ts';
import { freshFolder } from '../../harness/folders.ts';
import { syntheticRecords } from '../../reports/synthetic.ts';

const N = 12;
let dir: string;
let records: RampartRecord[];
let cell: CellRecord;

function put(path: string, content: string | Uint8Array): void {
  mkdirSync(dirname(join(dir, path)), { recursive: true });
  writeFileSync(join(dir, path), content);
}

function putImages(bytes: Uint8Array): string {
  const hash = sha256(bytes);
  put(`images/${hash}.safetensors`, bytes);
  return hash;
}

const originals = (count: number, first = 0) =>
  writeOriginals({
    encoding: 'u8',
    shape: [2, 2, 1],
    pixels: new Float32Array(4 * count),
    indices: Array.from({ length: count }, (_, i) => first + i),
    mean: [0],
    std: [1],
  });

const points = (ids: number[], shape: readonly [number, number, number] = [2, 2, 1]) =>
  writePoints([{ encoding: 'u8', shape, pixels: new Float32Array(ids.length * shape[0] * shape[1]), ids }]);

/** Broken ones among the first. */
const broken = () => [...cell.outcomes.robust].flatMap((r, id) => (r === '0' && id < N ? [id] : []));

function publish(whole: Uint8Array, moved: Uint8Array): void {
  cell.published = { images: N, originals: putImages(whole), points: putImages(moved) };
  put(`cells/${cell.key}.json`, JSON.stringify(cell));
}

const refused = async () => (await validateResults(dir)).refused;

beforeEach(() => {
  dir = freshFolder();
  records = syntheticRecords({ models: 2, n: 50, attacks: ['pgd'] });
  for (const r of records) r.key = r.key.slice(0, 24);
  for (const r of records) if (r.kind === 'cell') r.model.key = r.model.key.slice(0, 24);
  for (const r of records) put(r.kind === 'model' ? `models/${r.key}/record.json` : `cells/${r.key}.json`, JSON.stringify(r));
  cell = records.find((r) => r.kind === 'cell' && r.attack.name === 'pgd' && /01|10/.test(r.outcomes.robust)) as CellRecord;
});

test('images that the record names are taken', async () => {
  expect(broken().length).toBeGreaterThan(1);
  publish(originals(N), points(broken()));
  expect(await refused()).toEqual([]);
});

test.each<[string, () => void, RegExp]>([
  ['images of no record', () => putImages(originals(3)), /no images of a cell that is here/],
  ['originals of other images', () => publish(originals(N, 1), points(broken())), /expected the first 12 images/],
  ['points of later images', () => publish(originals(N), points([cell.outcomes.robust.indexOf('0', N)])), /is not one of the first 12/],
  ['points of images that are robust', () => publish(originals(N), points([cell.outcomes.robust.indexOf('1')])), /that the attack broke/],
  ['points of another shape', () => publish(originals(N), points(broken(), [1, 4, 1])), /of the shape \[2, 2, 1\] of their originals/],
  [
    'another content than its name',
    () => {
      publish(originals(N), points(broken()));
      put(`images/${cell.published?.points}.safetensors`, points([]));
    },
    /expected SHA-256/,
  ],
  [
    'no originals',
    () => {
      publish(originals(N), points(broken()));
      rmSync(join(dir, `images/${cell.published?.originals}.safetensors`));
    },
    /the originals of its images, .*, are not here/,
  ],
  [
    'a name that is no hash',
    () => {
      publish(originals(N), points(broken()));
      renameSync(join(dir, `images/${cell.published?.points}.safetensors`), join(dir, 'images/mine.safetensors'));
    },
    /not the place of a record/,
  ],
])('refuses %s', async (_what, change, reason) => {
  change();
  expect((await refused()).map((r) => r.reason)).toEqual([expect.stringMatching(reason)]);
});
