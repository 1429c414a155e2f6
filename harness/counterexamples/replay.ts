/** Takes counterexamples in: measures each point from its test image, runs it through the model, and refuses with the reason what is none. */
import { createTarget } from '../../attacks/target.ts';
import type { EngineInfo } from '../../engines/engine.ts';
import { RampartError } from '../../errors.ts';
import type { Classifier } from '../../models/classifier.ts';
import type { Counterexamples, TakenCounterexamples } from '../../records/evidence/counterexample.ts';
import type { RampartRecord } from '../../records/record.ts';
import type { Store } from '../../records/store.ts';
import { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';
import { checkBudget } from '../evaluate/checks.ts';
import { type Answer, answerOf } from '../evaluate/margin.ts';
import { RANDOMIZED_DRAWS } from '../evaluate/predict.ts';
import { type DataForm, loadClassifier } from '../job/load-model.ts';
import type { Registry } from '../suite/registry.ts';
import { claimAgainst, countedAs } from './claims.ts';
import type { TestImages } from './test-images.ts';

/** What it is looked at with. */
export interface Workbench {
  readonly records: readonly RampartRecord[];
  readonly store: Store;
  readonly registry: Registry;
  readonly engine: EngineInfo;
  /** The test images of data sets, by their hash; undefined where none can be seen. */
  readonly images: ReadonlyMap<string, TestImages>;
}

/** An image that is sent as text, or that another tool has divided, may be off by so much. */
const SAME_IMAGE = 1e-6;

const BATCH = 64;

const fail = (what: string) => new RampartError(`[counterexample] ${what}`);

/** Throws a RampartError with the reason where a point is none. */
export async function takeIn(found: Counterexamples, bench: Workbench): Promise<TakenCounterexamples['points']> {
  const claim = claimAgainst(found, bench.records);
  const counted = countedAs(claim, found);
  const seen = bench.images.get(found.dataset);
  if (!seen) throw fail('the test images of its data set are not here: images/ has no originals of a cell on them');
  const clean = originalsOf(found, seen);
  const { mean, std, shape } = seen;
  const dataset = { shape, classNames: claim.model.dataset.classNames, mean, std };
  const distances = await distancesOf(found, clean);
  const classifier = await classifierOf(claim.model.key, dataset, bench);
  try {
    const judged = await judge(found, classifier, claim.model.name);
    return judged.map(({ prediction, edge, ...answer }, i) => {
      const [image, label, margin] = [found.images[i] as number, found.labels[i] as number, -answer.margin];
      if (edge)
        throw fail(
          `image ${image} is on the boundary: two logits differ by ${Math.abs(margin).toExponential(1)}, another engine may decide otherwise`,
        );
      if (prediction === label) throw fail(`the model has image ${image} right: it takes the point for ${prediction}, its class`);
      const distance = Number((distances[i] as number).toFixed(6));
      return { image, label, prediction, distance, margin, counted: counted[i] as boolean };
    });
  } finally {
    classifier.dispose();
  }
}

/** The test images that the points belong to; throws where the file shows others. */
function originalsOf({ images, shape, clean }: Counterexamples, seen: TestImages): Float32Array {
  if (shape.join() !== seen.shape.join()) throw fail(`expected images of the shape [${seen.shape.join(', ')}], got [${shape.join(', ')}]`);
  const size = shape[0] * shape[1] * shape[2];
  const all = new Float32Array(images.length * size);
  for (const [i, image] of images.entries()) {
    const pixels = seen.pixels(image);
    if (!pixels) throw fail(`test image ${image} is not here: no cell publishes it`);
    const off = pixels.findIndex((v, at) => Math.abs(v - (clean[i * size + at] as number)) > SAME_IMAGE);
    if (off >= 0) throw fail(`its image is not test image ${image}: value ${off} is ${clean[i * size + off]}, expected ${pixels[off]}`);
    all.set(pixels, i * size);
  }
  return all;
}

/** Distances in the norm of the claim. Throws a BudgetError where a point is outside of the box or the ball. */
async function distancesOf({ images, shape, adversarial, threat }: Counterexamples, clean: Float32Array): Promise<Float32Array> {
  const [points, x] = [adversarial, clean].map((values) => tf.tensor4d(values, [images.length, ...shape])) as [tf.Tensor4D, tf.Tensor4D];
  try {
    return await checkBudget(points, x, threat, { attack: 'of a counterexample', ids: Int32Array.from(images) });
  } finally {
    tf.dispose([points, x]);
  }
}

async function classifierOf(key: string, dataset: DataForm, bench: Workbench): Promise<Classifier> {
  // what computes in bfloat16 rounds more than the edge is wide
  const engine = { ...bench.engine, precision: 'fp32' as const };
  return loadClassifier(key, dataset, { ...bench, engine, outside: [], report: () => undefined });
}

/** As which the model takes every point, and by how much the best of the other classes is above the right one; a random model by its mean probabilities. */
async function judge({ images, labels, shape, adversarial }: Counterexamples, classifier: Classifier, name: string) {
  const size = shape[0] * shape[1] * shape[2];
  const judged: Answer[] = [];
  for (let from = 0; from < images.length; from += BATCH) {
    const ids = images.slice(from, from + BATCH);
    const x = tf.tensor4d(adversarial.slice(from * size, (from + ids.length) * size), [ids.length, ...shape]);
    const target = createTarget(classifier, name, { rng: new Rng('counterexamples'), ids });
    const scores = tf.tidy(() => {
      if (!target.randomized) return target.logits(x);
      const draws = Array.from({ length: RANDOMIZED_DRAWS }, () => tf.softmax(target.logits(x)));
      return tf.addN(draws).div(RANDOMIZED_DRAWS) as tf.Tensor2D;
    });
    const values = (await scores.data()) as Float32Array;
    tf.dispose([x, scores]);
    target.settle();
    for (const [i, row] of ids.entries())
      judged.push(judgement(values.subarray(i * classifier.classes, (i + 1) * classifier.classes), labels[from + i] as number, row));
  }
  return judged;
}

/** Throws where the label is no class of the model. */
function judgement(scores: Float32Array, label: number, image: number): Answer {
  if (label >= scores.length) throw fail(`the class ${label} of image ${image} is not one of the ${scores.length} of the model`);
  return answerOf(scores, label);
}
