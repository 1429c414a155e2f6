/** The schedule of ELLE-A, step by step by hand. */
import { describe, expect, test } from 'vitest';
import type { TrainingDefense } from '../../../defenses/defense.ts';
import { defense } from '../../../defenses/index.ts';
import { OnOff } from '../../../defenses/parts/on-off.ts';
import type { Network } from '../../../models/network.ts';
import { Rng } from '../../../tensor/rng.ts';

const made = (adaptive = true) => new OnOff({ lambda: 100, decay: 0.5, sensitivity: 2, adaptive });
const weights = (schedule: OnOff, errors: readonly number[]) =>
  errors.map((error) => {
    schedule.see(error);
    return schedule.now;
  });

describe('the weight', () => {
  test('is off until an error stands out among three or more, and halves afterwards', () =>
    // the fourth lies above mean 2 plus twice the deviation sqrt(2 / 3), which is 3.63; the sixth below mean 2.2 plus twice 1.17
    expect(weights(made(), [1, 2, 3, 4, 1, 4])).toEqual([0, 0, 0, 100, 50, 25]));
  test('does not turn on for the third error, whatever it is', () => expect(weights(made(), [1, 1, 50])).toEqual([0, 0, 0]));
  test('turns on for the smallest rise where all errors were equal, not for one more of them', () =>
    expect(weights(made(), [1, 1, 1, 1, 1.001])).toEqual([0, 0, 0, 0, 100]));
  test('stays what it is where it does not adapt', () => expect(weights(made(false), [1, 1, 1, 50])).toEqual([100, 100, 100, 100]));
});

test('a resumed ELLE-A knows the errors that it saw', () => {
  const plugin = defense('elle') as TrainingDefense;
  const setup = {
    network: {} as Network,
    threat: { norm: 'Linf', eps: 0.03 } as const,
    rng: new Rng('x'),
    batchSize: 8,
    images: 8,
    epochs: 2,
  };
  const errors = { shape: [4], data: Float32Array.of(1, 2, 3, 40) };
  const training = plugin.create(plugin.params.parse({}), setup);
  training.restore?.({ errors });
  expect(training.state?.()).toEqual({ errors });
});
