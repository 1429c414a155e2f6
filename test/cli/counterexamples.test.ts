/** Counterexamples in a folder of records: taken in, refused with the reason, and what the next report says. */
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { reportCommand } from '../../cli/commands/report.ts';
import { validateResultsCommand } from '../../cli/commands/validate-results.ts';
import { counterexamplesOf } from '../../cli/counterexamples.ts';
import { wasm } from '../../engines/wasm/index.ts';
import { checkPublished } from '../../harness/counterexamples/published.ts';
import { type Counterexamples, parseCounterexamples, writeCounterexamples } from '../../records/evidence/counterexample.ts';
import { FolderStore } from '../../records/folder-store.ts';
import { parseOriginals, parsePoints, writePoints } from '../../records/published/images.ts';
import type { CellRecord, ModelRecord, RampartRecord } from '../../records/record.ts';
import { buildView } from '../../reports/view/leaderboard.ts';
import { freshFolder } from '../harness/folders.ts';
import { inProcess, TINY } from '../harness/run/in-process.ts';

const N = 12;
const SUITE = { ...TINY, publish: `publish: { adversarial: ${N} }`, recipe: 'recipe: { epochs: 6, validation: 8, batchSize: 20 }' };

let dir: string;
let store: FolderStore;
let records: readonly RampartRecord[];
let model: ModelRecord;
let cell: CellRecord;
/** One per image that the records count as robust and a stronger attack broke. */
let points: Counterexamples[];
/** What the stronger attack left. */
let stronger: Awaited<ReturnType<typeof runOf>>;

const folders: string[] = [];

const cellOf = (all: readonly RampartRecord[], access: string) =>
  all.find((r): r is CellRecord => r.kind === 'cell' && r.attack.access === access) as CellRecord;

async function runOf(attacks: string) {
  const folder = new FolderStore(mkdtempSync(join(tmpdir(), 'rampart-counterexamples-')));
  folders.push(folder.place);
  const { records } = await (await inProcess(folder, { ...SUITE, attacks })).run();
  return { folder, records };
}

beforeAll(async () => {
  await wasm.init({ threads: 1, device: 'cpu' });
  const claimed = await runOf('attacks: [{ name: noise, draws: 1 }]');
  ({ folder: store, records } = claimed);
  dir = store.place;
  // as others copy it into a folder that they share
  for (const name of ['run.json', 'id', 'claims']) rmSync(join(dir, name), { recursive: true, force: true });
  model = records.find((r) => r.kind === 'model') as ModelRecord;
  cell = records.find((r): r is CellRecord => r.kind === 'cell' && r.attack.name === 'noise') as CellRecord;
  stronger = await runOf('attacks: [{ name: pgd, steps: 10 }]');
  const found = cellOf(stronger.records, 'gradient');
  const { shape, pixels, indices } = parseOriginals((await stronger.folder.images(found.published?.originals as string)) as Uint8Array);
  const size = shape.reduce((a, b) => a * b, 1);
  const blocks = parsePoints((await stronger.folder.images(found.published?.points as string)) as Uint8Array, found);
  points = blocks.flatMap((block) =>
    block.ids.flatMap((id, row) => {
      if (cell.outcomes.robust[id] !== '1') return [];
      return [
        {
          model: { key: model.key, name: model.name, weightsHash: model.weightsHash },
          dataset: cell.dataset.hash,
          threat: { norm: cell.threat.norm, eps: cell.threat.eps },
          images: [indices[id] as number],
          labels: [cell.outcomes.labels[id] as number],
          shape,
          clean: pixels.slice(id * size, (id + 1) * size),
          adversarial: block.pixels.slice(row * size, (row + 1) * size),
          attack: 'by hand',
          finder: 'Ada',
        },
      ];
    }),
  );
  expect(points.length).toBeGreaterThan(1);
});

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

beforeEach(() => rmSync(join(dir, 'counterexamples'), { recursive: true, force: true }));

function put(name: string, content: Counterexamples | Uint8Array): void {
  mkdirSync(join(dir, 'counterexamples'), { recursive: true });
  writeFileSync(join(dir, 'counterexamples', name), content instanceof Uint8Array ? content : writeCounterexamples(content));
}

/** What is taken in, and the reasons by file. */
async function taken() {
  const refused: Record<string, string> = {};
  const found = await counterexamplesOf(records, store, (file, reason) => {
    refused[file.replace('counterexamples/', '')] = reason;
  });
  return { found, refused };
}

const first = () => points[0] as Counterexamples;
const second = () => points[1] as Counterexamples;

test('one that holds is taken in, and the worst case of the next report is lower by it, with the name of its finder', async () => {
  put('a.safetensors', first());
  expect(await validateResultsCommand(dir, {})).toBe(0);
  const { found, refused } = await taken();
  expect(refused).toEqual({});
  expect(found.map(({ finder, points }) => [finder, points.length, points[0]?.counted])).toEqual([['Ada', 1, true]]);
  const [point] = found[0]?.points ?? [];
  expect(point?.prediction).not.toBe(first().labels[0]);
  expect(point?.distance).toBeLessThanOrEqual(first().threat.eps + 1e-6);
  const worst = (view: ReturnType<typeof buildView>) => view.boards[0]?.rows[0]?.worst?.k as number;
  expect(worst(buildView(records, found))).toBe(worst(buildView(records)) - 1);

  const site = freshFolder();
  expect(await reportCommand(dir, { out: site })).toBe(0);
  const page = readFileSync(join(site, 'models', `${buildView(records).models[0]?.slug}.html`), 'utf8');
  expect(page).toContain('Found by <bdi>Ada</bdi>, with <bdi>by hand</bdi>');
  expect(page).toContain(`${worst(buildView(records, found))} of ${N} test images`);
  const evidence = JSON.parse(readFileSync(join(site, 'counterexamples/a.safetensors.json'), 'utf8'));
  expect([evidence.finder, evidence.points[0].image]).toEqual(['Ada', first().images[0]]);
  expect(readFileSync(join(site, 'MANIFEST'), 'utf8')).toContain('counterexamples/a.safetensors\n');
});

const together = (all: readonly Counterexamples[]): Counterexamples => ({
  ...(all[0] as Counterexamples),
  images: all.flatMap((p) => p.images),
  labels: all.flatMap((p) => p.labels),
  clean: Float32Array.from(all.flatMap((p) => [...p.clean])),
  adversarial: Float32Array.from(all.flatMap((p) => [...p.adversarial])),
});

test("all of someone's own attack are one file, which is shown beside the others even where a reader was first", async () => {
  const attack = { ...together(points), attack: 'feature matching', reference: 'https://example.org/attack', finder: undefined };
  put('a.safetensors', first());
  put('b.safetensors', attack);
  const { found, refused } = await taken();
  expect(refused).toEqual({});
  const row = buildView(records, found).boards[0]?.rows[0];
  const before = buildView(records).boards[0]?.rows[0];
  expect(row?.worst?.k).toBe((before?.worst?.k as number) - points.length);
  expect(row?.against.map(({ counted }) => counted.length)).toEqual([1, points.length]);
  const site = freshFolder();
  expect(await reportCommand(dir, { out: site })).toBe(0);
  const page = readFileSync(join(site, 'models', `${buildView(records).models[0]?.slug}.html`), 'utf8');
  expect(page).toContain('<a href="https://example.org/attack" rel="nofollow noopener">');
  // the same attack of the same source is there once
  put('c.safetensors', { ...attack, ...together(points.slice(1, 2)), attack: attack.attack, reference: attack.reference });
  expect((await taken()).refused['c.safetensors']).toMatch(/repeats b.safetensors/);
});

const farther = (p: Counterexamples) => p.adversarial.map((v, i) => Math.min(1, Math.max(0, 3 * v - 2 * (p.clean[i] as number))));
const robust = () => cell.outcomes.robust.indexOf('0');

test.each<[string, () => Counterexamples, RegExp]>([
  [
    'a point outside of the ball',
    () => ({ ...first(), adversarial: farther(first()) }),
    /expected Linf distance <= 0.03137254901960784, got/,
  ],
  ['a point outside of the box', () => ({ ...first(), adversarial: first().adversarial.map((v) => v - 1) }), /expected .*, got/],
  ['an image that is right', () => ({ ...first(), adversarial: first().clean }), /the model has image \d+ right/],
  ['a model that is not here', () => ({ ...first(), model: { ...first().model, key: 'f'.repeat(24) } }), /its model f+ is not here/],
  ['other weights', () => ({ ...first(), model: { ...first().model, weightsHash: 'f'.repeat(64) } }), /is of weights f+, but the model/],
  ['other data', () => ({ ...first(), dataset: 'f'.repeat(64) }), /is of data f+, on which no record has this model/],
  [
    'another image in the place of its own',
    () => ({ ...first(), clean: second().clean, adversarial: second().adversarial }),
    /its image is not test image/,
  ],
  ['the image of another index', () => ({ ...first(), images: second().images, labels: second().labels }), /its image is not test image/],
  ['an image that was never attacked', () => ({ ...first(), images: [4000] }), /image 4000 is not among those that were attacked/],
  ['another class', () => ({ ...first(), labels: [(first().labels[0] as number) + 1] }), /the class of image \d+ is \d, not \d/],
  [
    'a radius that nobody claimed',
    () => ({ ...first(), threat: { norm: 'Linf', eps: 0.5 } }),
    /no record claims anything of this model in Linf 0.5/,
  ],
  ['another norm', () => ({ ...first(), threat: { norm: 'L2', eps: 0.5 } }), /no record claims anything/],
  [
    'an image that is broken already',
    () => ({ ...first(), images: [robust()], labels: [cell.outcomes.labels[robust()] as number] }),
    /no image of it is counted as robust: .* broke image/,
  ],
  [
    'one forged point among true ones',
    () => ({ ...together(points), adversarial: together([{ ...first(), adversarial: first().clean }, ...points.slice(1)]).adversarial }),
    /has image \d+ right/,
  ],
])('%s is refused', async (_what, forge, reason) => {
  put('forged.safetensors', forge());
  const { found, refused } = await taken();
  expect(found).toEqual([]);
  expect(refused).toEqual({ 'forged.safetensors': expect.stringMatching(reason) });
});

test('the validation of a folder with a forged one fails, and the report leaves it out', async () => {
  put('forged.safetensors', { ...first(), adversarial: first().clean });
  expect(await validateResultsCommand(dir, {})).toBe(1);
  const site = freshFolder();
  expect(await reportCommand(dir, { out: site })).toBe(1);
  expect(readFileSync(join(site, 'MANIFEST'), 'utf8')).not.toContain('counterexamples/');
});

test('copies, further points on the same image, and what is no such file are refused', async () => {
  put('a.safetensors', first());
  put('b.safetensors', { ...first(), finder: 'Eve' });
  put('c.safetensors', { ...first(), adversarial: first().adversarial.map((v, i) => (i === 0 ? (first().clean[0] as number) : v)) });
  put('d.safetensors', second());
  put('e.safetensors', Buffer.from('hello'));
  put('f.txt', Buffer.from('hello'));
  symlinkSync('a.safetensors', join(dir, 'counterexamples/g.safetensors'));
  const { found, refused } = await taken();
  expect(found.map(({ file }) => file)).toEqual(['a.safetensors', 'd.safetensors']);
  expect(refused).toEqual({
    'b.safetensors': expect.stringMatching(/repeats a.safetensors: the same points/),
    'c.safetensors': expect.stringMatching(
      /adds nothing: image \d+ is broken in a.safetensors already|has image \d+ right|on the boundary/,
    ),
    'e.safetensors': expect.stringMatching(/ends at byte 5/),
    'f.txt': expect.stringMatching(/not the name of a counterexample/),
    'g.safetensors': expect.stringMatching(/expected a plain file, got a link/),
  });
});

test('a point so near to the boundary that another engine may see it on the other side is refused', async () => {
  // halved until float32 has nothing between: the side that is wrong is on the boundary
  const { clean, adversarial } = first();
  let [right, wrong] = [0, 1];
  const at = (share: number) => clean.map((v, i) => v + share * ((adversarial[i] as number) - v));
  for (let i = 0; i < 26; i++) {
    const middle = (right + wrong) / 2;
    put('edge.safetensors', { ...first(), adversarial: at(middle) });
    if (/has image/.test((await taken()).refused['edge.safetensors'] ?? '')) right = middle;
    else wrong = middle;
  }
  put('edge.safetensors', { ...first(), adversarial: at(wrong) });
  expect((await taken()).refused['edge.safetensors']).toMatch(
    /is on the boundary: two logits differ by .*, another engine may decide otherwise/,
  );
});

test('published points that were moved out of the ball are refused', async () => {
  const { folder, records } = stronger;
  const attacked = cellOf(records, 'gradient');
  const reasons = async (move: (v: number) => number) => {
    const blocks = parsePoints((await folder.images(attacked.published?.points as string)) as Uint8Array, attacked);
    const moved = await folder.putImages(
      writePoints(blocks.map((block) => ({ ...block, encoding: 'f32', pixels: block.pixels.map(move) }))),
    );
    const changed = { ...attacked, published: { ...attacked.published, points: moved } } as CellRecord;
    const refused: string[] = [];
    await checkPublished([changed], folder, (_hash, reason) => refused.push(reason));
    return refused;
  };
  expect(await reasons((v) => v)).toEqual([]);
  expect(await reasons((v) => 0.8 * v)).toEqual([expect.stringMatching(/example \d+: expected Linf distance <= 0.03137254901960784, got/)]);
});

test('without the weights, or without the test images, nothing can be run again', async () => {
  put('a.safetensors', first());
  for (const path of [`artifacts/${model.weightsHash}`, `images/${cell.published?.originals}.safetensors`]) {
    renameSync(join(dir, path), join(dir, 'aside'));
    const { found, refused } = await taken();
    renameSync(join(dir, 'aside'), join(dir, path));
    expect(found).toEqual([]);
    expect(refused['a.safetensors']).toMatch(/the weights of .* is not there|the test images of its data set are not here/);
  }
});

test('a file comes out as it went in', () => {
  for (const one of [{ ...first(), prediction: 3, params: { steps: 4 }, seed: '7' }, together(points)]) {
    const { finder, ...read } = parseCounterexamples(writeCounterexamples(one));
    expect({ ...read, finder }).toEqual(one);
  }
});
