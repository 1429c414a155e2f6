/** The features of a model as what a search climbs: losses of what its last layer takes, errors by its logits as always. */
import { RampartError } from '../../../errors.ts';
import type { tf } from '../../../tensor/tf.ts';
import type { AttackRun, Batch, Target, TargetFeatures } from '../../attack.ts';
import { answering, gradientOf } from '../../target.ts';
import { averagedTarget } from '../expectation.ts';
import { inFullPasses } from './climb.ts';

/** Throws where the model shows none. */
export function featuresOf({ features }: Target): TargetFeatures {
  if (!features) throw new RampartError('[attack] asks for features, and the model shows none');
  return features;
}

/** Features of the clean images `[n,width]`, one forward pass each. The caller owns them. */
export function cleanFeatures(batch: Batch, { linearize }: TargetFeatures, run: AttackRun): Promise<tf.Tensor2D> {
  return inFullPasses(batch, run, (x, whose) => {
    const pass = linearize(x, whose);
    const features = pass.logits.clone();
    pass.dispose();
    return features;
  });
}

/** `target` with gradients of losses that are given features `[n,width]` in the place of logits, averaged over `draws` passes. */
export function climbedByFeatures(target: Target, draws: number): Target {
  const features = featuresOf(target);
  const { linearize } = features;
  const gradient: Target['gradient'] = (x, loss, whose) => gradientOf(linearize(x, whose), loss);
  const averaged = averagedTarget({ ...target, linearize, gradient }, draws);
  return answering(averaged, {
    ...averaged,
    gradient(x, loss, whose) {
      const { logits: mean, ...found } = averaged.gradient(x, loss, whose);
      // the last layer is affine: the logits of mean features are the mean of the logits
      const logits = features.logits(mean);
      mean.dispose();
      return { ...found, logits };
    },
  });
}
