/** The checker without a browser: the verdicts on images that were broken, and on what was tampered with. */
import { beforeAll, describe, expect, it } from 'vitest';
import { check } from '../../browser/check.ts';
import { start } from '../../engines/wasm/start.ts';
import { answerOf, EDGE } from '../../harness/evaluate/margin.ts';
import { type EvidenceSource, writeEvidence } from '../../records/evidence/write.ts';
import { sha256 } from '../../records/hash.ts';
import type { ModelRecord } from '../../records/record.ts';
import { tf } from '../../tensor/tf.ts';
import { checked, type Published, published } from './evidence.ts';

let found: Published;

beforeAll(async () => {
  await start();
  found = await published({
    attacks: [
      ['fgsm', {}, 'Linf', 8 / 255],
      ['pgd', { steps: 10 }, 'L2', 0.5],
    ],
  });
});

/** What is left of the evidence after `change`, written and checked. */
async function checkedAfter(
  change: (source: EvidenceSource) => EvidenceSource = (s) => s,
  weights?: Uint8Array,
  model: ModelRecord = found.model,
) {
  const files = new Map<string, string>();
  const link = writeEvidence(model, change(found.source), (path, text) => files.set(path, text));
  return { ...(await checked(link.index, files, weights)), files, link };
}

/** The same with other pixels of the first cell. */
const withPixels = (change: (pixels: Float32Array) => void) => (source: EvidenceSource) => {
  const [first, ...rest] = source.cells as EvidenceSource['cells'][number][];
  const [block] = first?.blocks ?? [];
  if (!first || !block) throw new Error('no images');
  const pixels = Float32Array.from(block.pixels);
  change(pixels);
  return { ...source, cells: [{ ...first, blocks: [{ ...block, dtype: 'F32' as const, pixels }] }, ...rest] };
};

it('confirms every image that the attacks broke, in both norms, and leaves no tensors', async () => {
  const before = tf.memory().numTensors;
  const { counts, results, told } = await checkedAfter();
  const broken = found.source.cells.flatMap(({ blocks }) => blocks.flatMap(({ ids }) => ids));
  expect(broken.length).toBeGreaterThan(20);
  expect(counts).toEqual({ confirmed: broken.length, edge: 0, disputed: 0 });
  expect(results.map(({ image }) => image)).toEqual(broken);
  expect(results.every(({ margin = 1, prediction, label }) => margin < 0 && prediction !== label)).toBe(true);
  expect(told.find((what) => what.type === 'opened')).toMatchObject({ cells: [{ attack: 'fgsm', n: 64 }, { attack: 'pgd' }] });
  expect(tf.memory().numTensors).toBe(before);
});

it('disputes an image outside of the ball, one outside of the box, and one that is classified right, each with its reason', async () => {
  const { counts, results } = await checkedAfter(
    withPixels((pixels) => {
      pixels[0] = (pixels[0] as number) > 0.5 ? (pixels[0] as number) - 0.2 : (pixels[0] as number) + 0.2;
      pixels[3072] = -0.01;
      const original = found.source.originals[0]?.pixels as Float32Array;
      const third = found.source.cells[0]?.blocks[0]?.ids[2] as number;
      pixels.set(original.subarray(third * 3072, (third + 1) * 3072), 2 * 3072);
    }),
  );
  expect(counts.disputed).toBe(3);
  const [far, outside, right] = results;
  expect(far?.reason).toMatch(/expected Linf distance <= 0\.03137.*, got 0\.(16|17|18|19|2)/);
  expect(outside?.reason).toMatch(/distance|\[0,1\]/);
  expect(right).toMatchObject({ distance: 0, verdict: 'disputed' });
  expect(right?.reason).toMatch(/^classified right, as \w+, by a margin of/);
});

describe('weights', () => {
  it('are taken from a file of the reader where they are those of the record', async () => {
    const { counts } = await checkedAfter(({ weights: _, ...source }) => source, found.weights);
    expect(counts.confirmed).toBeGreaterThan(20);
    await expect(checkedAfter(({ weights: _, ...source }) => source)).rejects.toThrow(/bring their file/);
  });

  it('are refused with one bit changed, whoever brings them', async () => {
    const changed = Uint8Array.from(found.weights);
    changed[changed.length - 100] = (changed[changed.length - 100] as number) ^ 1;
    await expect(checkedAfter(undefined, changed)).rejects.toThrow(
      new RegExp(`not the weights of the record: expected SHA-256 ${found.model.weightsHash}, got ${sha256(changed)}`),
    );
  });

  it('are refused where they are of another architecture', async () => {
    const other = { ...found.model, arch: { ...found.model.arch, name: 'cnn-small' } };
    await expect(checkedAfter(undefined, undefined, other)).rejects.toThrow(/cnn-small/);
  });
});

it('disputes all images of a file that was changed or is missing, and goes on with the others', async () => {
  const { files, link } = await checkedAfter();
  const index = JSON.parse(Buffer.from(/","(.*)"/.exec(files.get(link.index.pieces[0] as string) ?? '')?.[1] ?? '', 'base64').toString());
  const [fgsm, pgd] = index.cells;
  const piece = fgsm.adversarial[0].pieces[0];
  files.set(piece, (files.get(piece) as string).replace(/.{4}"\);\n$/, 'AAAA");\n'));
  const changed = await checked(link.index, files);
  expect(changed.counts).toMatchObject({ disputed: fgsm.indices.length, confirmed: pgd.indices.length });
  expect(changed.results[0]?.reason).toMatch(/images of fgsm: expected \d+ bytes of SHA-256/);
  files.delete(piece);
  expect((await checked(link.index, files)).results[0]?.reason).toMatch(/cannot be read/);
});

it('stops where it is told to', async () => {
  const files = new Map<string, string>();
  const link = writeEvidence(found.model, found.source, (path, text) => files.set(path, text));
  const stop = new AbortController();
  const told: number[] = [];
  const { counts, stopped } = await check({
    index: link.index,
    load: async (path) => /","(.*)"/.exec(files.get(path) ?? '')?.[1],
    signal: stop.signal,
    tell: (what) => {
      if (what.type === 'images') stop.abort(told.push(what.done));
    },
  });
  expect(stopped).toBe(true);
  expect(told).toEqual([counts.confirmed]);
  expect(counts.confirmed).toBeLessThan(link.images);
});

it('disputes images whose originals are not published', async () => {
  const { counts, results } = await checkedAfter((source) => ({ ...source, originals: [] }));
  expect(counts.confirmed).toBe(0);
  expect(results[0]).toMatchObject({ verdict: 'disputed', reason: 'its original is not published' });
});

it('calls a margin of less than 1/10,000 of the largest logit one on the edge', () => {
  const edge = (logits: number[], label: number) => answerOf(Float32Array.from(logits), label);
  expect(edge([1, 10, 10 * (1 - EDGE / 2)], 1)).toMatchObject({ prediction: 1, edge: true });
  expect(edge([1, 10 * (1 - EDGE / 2), 10], 1)).toMatchObject({ prediction: 2, edge: true });
  expect(edge([1, 10, 10 * (1 - 2 * EDGE)], 1)).toMatchObject({ prediction: 1, edge: false });
  expect(edge([-20, 3, 2.999], 1).edge).toBe(true);
  // the first of equals, as in the harness
  expect(edge([5, 5], 1).prediction).toBe(0);
});
