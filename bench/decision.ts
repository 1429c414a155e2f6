/** Decision attacks on the reference model: how near to each image a misclassified point was after so many decisions. `tsx bench/decision.ts ENGINE ATTACK NORM [IMAGES] [key=value]`; bench/decision_peer.py gives the same of the authors and of libraries. */
import { fileURLToPath } from 'node:url';
import type { AttackPlugin, Batch, Target } from '../attacks/attack.ts';
import { attack as attackNamed } from '../attacks/index.ts';
import { BOUNDARY } from '../attacks/parts/decision/geometry.ts';
import { createTarget } from '../attacks/target.ts';
import { chooseEngine } from '../engines/choose.ts';
import { Rng } from '../tensor/rng.ts';
import { tf } from '../tensor/tf.ts';
import { goldenEntries, goldenNetwork, goldenTensor } from '../test/golden.ts';

export interface Watch {
  readonly norm: keyof typeof BOUNDARY;
  readonly images: number;
  /** Numbers of decisions at which to look, ascending; the attack ends at the last. */
  readonly marks: readonly number[];
}

/** The first `n` of the 256 images that the model classifies right. */
function rightImages(target: Target, n: number): Batch {
  const all = Int32Array.from(goldenEntries('first256').get('labels')?.data ?? []);
  const images = tf.tidy(() => goldenTensor('first256', 'images').div(255)) as tf.Tensor4D;
  const predicted = tf.tidy(() => target.decisions(images).dataSync());
  const rows = Array.from(all.keys()).filter((i) => predicted[i] === all[i]);
  const ids = Int32Array.from(rows.slice(0, n));
  const labels = ids.map((r) => all[r] as number);
  const x = tf.gather(images, [...ids]);
  images.dispose();
  return { x, y: tf.tensor1d(labels, 'int32'), labels, ids };
}

/** For every mark, the smallest distance of a misclassified point from each image. */
export async function distancesAt(plugin: AttackPlugin, params: object, { norm, images, marks }: Watch): Promise<Float64Array[]> {
  const classifier = goldenNetwork().freeze();
  const target = createTarget(classifier, 'reference', undefined, plugin.access);
  const batch = rightImages(target, images);
  const clean = batch.x.dataSync() as Float32Array;
  const d = clean.length / images;
  const asked = new Int32Array(images);
  const best = new Float64Array(images).fill(Number.POSITIVE_INFINITY);
  const at = marks.map(() => new Float64Array(images));
  const watched: Target = {
    ...target,
    decisions(x, whose = []) {
      const answer = target.decisions(x, whose);
      const [points, predicted] = [x.dataSync() as Float32Array, answer.dataSync()];
      whose.forEach(({ row }, i) => {
        const point = points.subarray(i * d, (i + 1) * d);
        const distance = BOUNDARY[norm].distance(point, clean.subarray(row * d, (row + 1) * d));
        if (predicted[i] !== batch.labels[row]) best[row] = Math.min(best[row] as number, distance);
        asked[row] = (asked[row] as number) + 1;
        const mark = marks.indexOf(asked[row] as number);
        if (mark >= 0) (at[mark] as Float64Array)[row] = best[row] as number;
      });
      return answer;
    },
  };
  const run = { rng: new Rng('decision'), signal: new AbortController().signal, batchSize: 128, sources: new Map() };
  const attack = plugin.create(plugin.params.parse({ queries: marks.at(-1), ...params }));
  // a radius of nothing: it asks to the end
  (await attack.perturb(batch, watched, { norm, eps: 0 }, run)).dispose();
  tf.dispose([batch.x, batch.y]);
  classifier.dispose();
  return at;
}

function median(values: Float64Array): number {
  const sorted = values.toSorted();
  return ((sorted[(sorted.length - 1) >> 1] as number) + (sorted[sorted.length >> 1] as number)) / 2;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [engine = 'auto', name = 'hopskipjump', norm = 'L2', images = '32', ...given] = process.argv.slice(2);
  console.log((await chooseEngine(engine, { threads: 1 })).why);
  const params = Object.fromEntries(given.map((g) => g.split('=')).map(([key, value]) => [key, Number(value)]));
  const watch = { norm: norm as Watch['norm'], images: Number(images), marks: [1000, 2000, 5000] };
  const began = performance.now();
  const at = await distancesAt(attackNamed(name) as AttackPlugin, params, watch);
  const told = at.map((distances, i) => `${median(distances).toFixed(4)} after ${watch.marks[i]}`);
  console.log(`${name} ${norm}: median distance ${told.join(', ')} (${Math.round((performance.now() - began) / 1000)} s)`);
}
