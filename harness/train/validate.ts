/** Accuracies on the validation split during training: clean, under FGSM and under PGD-10, on a frozen copy of the network. */
import type { Target, Threat } from '../../attacks/attack.ts';
import { crossEntropy } from '../../attacks/parts/losses.ts';
import { createTarget } from '../../attacks/target.ts';
import type { Dataset } from '../../datasets/dataset.ts';
import { type Ascent, ascend, uniformNoise } from '../../defenses/parts/craft.ts';
import type { Network } from '../../models/network.ts';
import { norm } from '../../tensor/norms/index.ts';
import type { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';
import { labelsOf, plainImages } from './augment.ts';

const PGD_STEPS = 10;

/** Fractions in [0,1]; no attacks in a norm without gradient steps. */
export interface Validation {
  readonly clean: number;
  readonly fgsm?: number;
  readonly pgd?: number;
}

function correct(target: Target, x: tf.Tensor4D, y: tf.Tensor1D): number {
  return tf.tidy(() => target.logits(x).argMax(1).equal(y).sum().dataSync()[0] as number);
}

/** Right answers of one batch after `ascent` from `x` moved by `noise`. */
function correctUnder(target: Target, x: tf.Tensor4D, y: tf.Tensor1D, ascent: Ascent, noise?: tf.Tensor4D): number {
  const start = tf.tidy(() => tf.clipByValue(noise ? x.add(noise) : x, 0, 1)) as tf.Tensor4D;
  const adversarial = ascend(target, x, start, crossEntropy(y), ascent);
  const count = correct(target, adversarial, y);
  tf.dispose([adversarial, ...(noise ? [noise] : [])]);
  return count;
}

/** Training images `ids` against the network as it is: FGSM with a full step, PGD-10 with steps of a quarter of eps from a random start. */
export async function validate(
  network: Network,
  data: Dataset,
  ids: Int32Array,
  threat: Threat,
  batchSize: number,
  rng: Rng,
): Promise<Validation> {
  const classifier = network.freeze();
  const target = createTarget(classifier, 'in validation');
  const { eps } = threat;
  const climbs = norm(threat.norm).step !== undefined;
  const count = { clean: 0, fgsm: 0, pgd: 0 };
  for (let from = 0; from < ids.length; from += batchSize) {
    const part = ids.subarray(from, from + batchSize);
    const x = tf.tensor4d(await plainImages(data.train, part), [part.length, ...data.shape]);
    const y = tf.tensor1d(labelsOf(data.train, part), 'int32');
    count.clean += correct(target, x, y);
    if (climbs) {
      count.fgsm += correctUnder(target, x, y, { norm: threat.norm, eps, step: eps, steps: 1 });
      const noise = uniformNoise(x, threat, rng.fork(from));
      count.pgd += correctUnder(target, x, y, { norm: threat.norm, eps, step: eps / 4, steps: PGD_STEPS }, noise);
    }
    tf.dispose([x, y]);
  }
  target.settle();
  classifier.dispose();
  const clean = count.clean / ids.length;
  return climbs ? { clean, fgsm: count.fgsm / ids.length, pgd: count.pgd / ids.length } : { clean };
}

/** What the epochs so far say about the fit to FGSM alone (Wong et al. 2020): PGD accuracy under half its best while FGSM's has not fallen. */
export function overfitsCatastrophically(history: readonly { validationFgsm?: number; validationPgd?: number }[]): boolean {
  const measured = history.flatMap(({ validationFgsm: fgsm, validationPgd: pgd }) =>
    fgsm === undefined || pgd === undefined ? [] : [{ fgsm, pgd }],
  );
  const now = measured.at(-1);
  if (!now) return false;
  const best = measured.reduce((a, b) => (b.pgd > a.pgd ? b : a));
  return best.pgd >= 0.1 && now.pgd < best.pgd / 2 && now.fgsm >= best.fgsm;
}
