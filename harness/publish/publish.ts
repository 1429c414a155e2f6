/** What a cell leaves for readers who check it: the originals of its first images, and those that the attack broke, rounded. */
import type { Dataset } from '../../datasets/dataset.ts';
import { unitFloats } from '../../datasets/split.ts';
import { ENCODINGS, exactEncoding, type PointBlock, writeOriginals, writePoints } from '../../records/published/images.ts';
import type { CellRecord } from '../../records/record.ts';
import type { Store } from '../../records/store.ts';
import type { Evaluation, EvaluationInput } from '../evaluate/evaluation.ts';
import { type RoundedPoint, roundedPoints } from './rounded.ts';

/** Keeps the images in the store and resolves with what the record says of them. `count` is of images, of which the broken ones are among `examples`. */
export async function publish(
  count: number,
  { ids, adversarial }: NonNullable<Evaluation['examples']>,
  input: EvaluationInput & { readonly isBounded: boolean },
  { mean, std }: Pick<Dataset, 'mean' | 'std'>,
  store: Pick<Store, 'putImages'>,
): Promise<NonNullable<CellRecord['published']>> {
  const { data, threat, batchSize, classifier, name, rng } = input;
  const { shape, labels, indices } = data;
  const images = Math.min(count, data.n);
  const all = Array.from({ length: images }, (_, i) => i);
  const indexOf = (id: number) => indices?.[id] ?? id;
  const clean = unitFloats(await data.read(all));
  const encoding = exactEncoding(clean);
  const originals = writeOriginals({ encoding, shape, pixels: clean, indices: all.map(indexOf), mean, std });

  const broken = ids.filter((id) => id < images);
  const size = shape.reduce((a, b) => a * b, 1);
  const points = await roundedPoints({
    images: broken.map(indexOf),
    labels: broken.map((id) => labels[id] as number),
    shape,
    clean: together(broken.map((id) => clean.subarray(id * size, (id + 1) * size))),
    // kept ones are in the order of their index: these come first
    adversarial: adversarial.subarray(0, broken.length * size),
    threat: input.isBounded ? threat : { ...threat, eps: Number.POSITIVE_INFINITY },
    subject: { classifier, name, rng },
    batchSize,
  });
  const blocks = ENCODINGS.flatMap((wanted): PointBlock[] => blockOf(wanted, broken, points, shape));
  return { images, originals: await store.putImages(originals), points: await store.putImages(writePoints(blocks)) };
}

function blockOf(encoding: RoundedPoint['encoding'], ids: readonly number[], points: readonly RoundedPoint[], shape: PointBlock['shape']) {
  const own = points.flatMap((point, i) => (point.encoding === encoding ? [{ id: ids[i] as number, values: point.values }] : []));
  if (own.length === 0) return [];
  return [{ encoding, shape, pixels: together(own.map(({ values }) => values)), ids: own.map(({ id }) => id) }];
}

function together(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
