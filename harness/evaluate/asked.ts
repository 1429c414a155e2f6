/** What comes of a model that cannot be asked for everything: attacks that it cannot answer are refused, and what counts is the image that it was asked about. */
import { mayAsk } from '../../attacks/attack.ts';
import type { Member } from '../../attacks/members.ts';
import { RampartError } from '../../errors.ts';
import type { Classifier } from '../../models/classifier.ts';
import { tf } from '../../tensor/tf.ts';
import { ASKED_FOR, answersOf, isRound, isWhole, notRound } from '../suite/access.ts';
import type { EvaluationInput } from './evaluation.ts';

type Subject = Pick<EvaluationInput, 'classifier' | 'name' | 'threat'>;

/** Throws where an attack asks for more than the model answers with, or where the ball is not one of rounded images. */
export function checkAsked({ classifier, name, threat }: Subject, members: readonly Member[]): void {
  const { access, levels } = classifier;
  const greedy = members.find(({ plugin }) => !mayAsk(plugin.access, access));
  if (greedy)
    throw new RampartError(
      `[attack ${greedy.label}] asks for ${ASKED_FOR[greedy.plugin.access]}, and ${name} answers with ${answersOf(access)} alone`,
    );
  const blind = classifier.features ? undefined : members.find(({ plugin }) => plugin.features);
  if (blind) throw new RampartError(`[attack ${blind.label}] asks for features, and ${name} shows none`);
  if (levels !== undefined && !isRound(threat, levels)) throw new RampartError(`[model ${name}] ${notRound(threat, levels)}`);
}

/** Throws where the images `[n,h,w,c]` are none that such a model can be asked about. */
export async function checkRounded(x: tf.Tensor4D, { classifier: { levels }, name }: Subject): Promise<void> {
  if (levels === undefined) return;
  const values = (await x.data()) as Float32Array;
  if (!values.every((v) => isWhole(v * levels)))
    throw new RampartError(`[model ${name}] rounds images to 1/${levels}, and those of the data set are finer`, {
      remedy: 'send them as float32, or give images of 8 bits',
    });
}

/** The images that were asked about: what is checked, judged and kept. Takes over `found`; the caller owns the result. */
export function asAsked(found: tf.Tensor4D, { levels }: Pick<Classifier, 'levels'>): tf.Tensor4D {
  if (levels === undefined) return found;
  const asked = tf.tidy(() => found.mul(levels).round().div(levels) as tf.Tensor4D);
  found.dispose();
  return asked;
}
