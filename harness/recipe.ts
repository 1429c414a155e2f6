/** How a model is trained, whatever its defense: optimizer, schedule, augmentation, averaging and validation, as a suite gives them. */
import { z } from 'zod';

const fraction = z.number().min(0).max(1);

const constant = z.strictObject({ kind: z.literal('constant') });

const piecewise = z.strictObject({
  kind: z.literal('piecewise'),
  /** Fractions of the training at which the rate is multiplied by `factor`; TRADES drops at 75 % and 90 %. */
  milestones: z.array(fraction).default([0.75, 0.9]),
  factor: z.number().positive().default(0.1),
});

const cosine = z.strictObject({
  kind: z.literal('cosine'),
  /** Fraction of the training in which the rate grows linearly from 0. */
  warmup: fraction.default(0),
});

const oneCycle = z.strictObject({
  kind: z.literal('one-cycle'),
  /** Fraction of the training in which the rate grows. */
  warmup: fraction.default(0.25),
  /** Shape of both halves: straight lines as in fast adversarial training (Wong et al. 2020), or PyTorch's default. */
  anneal: z.enum(['linear', 'cosine']).default('linear'),
  /** The first rate is `learningRate / initialDivisor`, the last one that over `finalDivisor`: PyTorch's OneCycleLR. */
  initialDivisor: z.number().min(1).default(25),
  finalDivisor: z.number().min(1).default(1e4),
});

const simpleSchedule = z.discriminatedUnion('kind', [constant, piecewise, cosine, oneCycle]);

const sequence = z.strictObject({
  kind: z.literal('sequence'),
  /** Schedules one after the other, each run in full up to its fraction of the training; the last one ends at 1. */
  parts: z
    .array(z.strictObject({ until: fraction, schedule: simpleSchedule }))
    .min(1)
    .refine((parts) => parts.every((p, i) => p.until > (parts[i - 1]?.until ?? 0)), 'expected growing fractions in `until`')
    .refine((parts) => parts.at(-1)?.until === 1, 'expected the last `until` to be 1'),
});

const scheduleSchema = z.discriminatedUnion('kind', [constant, piecewise, cosine, oneCycle, sequence]);

export const recipeSchema = z.strictObject({
  /** Passes over the training set, replays of a batch counted. */
  epochs: z.number().int().min(1).default(12),
  batchSize: z.number().int().min(2).default(128),
  optimizer: z.literal('sgd').default('sgd'),
  /** The highest rate of the schedule. */
  learningRate: z.number().positive().default(0.1),
  momentum: z.number().min(0).lt(1).default(0.9),
  /** On every parameter, normalisation and biases included, as PyTorch's SGD has it. */
  weightDecay: z.number().min(0).default(5e-4),
  schedule: scheduleSchema.prefault({ kind: 'one-cycle' }),
  /** Random crop after padding with 4 zeros, and horizontal flip. */
  augment: z.enum(['crop-flip', 'none']).default('crop-flip'),
  /** Images cut from the end of the training set, to choose the best epoch; 0 keeps the last one. */
  validation: z.number().int().min(0).default(500),
  /** Epochs between validations; the last epoch is always validated. */
  validateEvery: z.number().int().min(1).default(1),
  /** `ema`: an exponential moving average of weights and batch statistics is validated and kept. */
  averaging: z.union([z.literal('none'), z.strictObject({ ema: z.number().gt(0).lt(1) })]).default('none'),
  labelSmoothing: z.number().min(0).lt(1).default(0),
  /** Largest L2 norm of the gradient of all parameters together. */
  gradientClip: z.union([z.literal('none'), z.number().positive()]).default('none'),
  /** Validations without a better one before the training stops. */
  earlyStop: z.union([z.literal('none'), z.number().int().min(1)]).default('none'),
  /** `best`: the epoch with the highest validation accuracy; `last`: the final weights. */
  keep: z.enum(['best', 'last']).default('best'),
});

export type Recipe = z.infer<typeof recipeSchema>;
type Schedule = Recipe['schedule'];

/** From `a` to `b` as `t` goes from 0 to 1. */
function between(a: number, b: number, t: number, shape: 'cosine' | 'linear'): number {
  return shape === 'linear' ? a + (b - a) * t : b + ((a - b) * (1 + Math.cos(Math.PI * t))) / 2;
}

/** Factor on the learning rate at optimizer step `step` of `total`. */
function factorAt(schedule: Schedule, step: number, total: number): number {
  switch (schedule.kind) {
    case 'constant':
      return 1;
    case 'piecewise':
      return schedule.factor ** schedule.milestones.filter((m) => step >= Math.round(m * total)).length;
    case 'cosine': {
      const warmup = Math.round(schedule.warmup * total);
      if (step < warmup) return (step + 1) / warmup;
      return between(1, 0, (step - warmup) / Math.max(1, total - warmup), 'cosine');
    }
    case 'one-cycle': {
      const first = 1 / schedule.initialDivisor;
      const peak = schedule.warmup * total - 1;
      if (step <= peak) return between(first, 1, step / Math.max(1, peak), schedule.anneal);
      const t = Math.min(1, (step - peak) / Math.max(1, total - 1 - peak));
      return between(1, first / schedule.finalDivisor, t, schedule.anneal);
    }
    case 'sequence': {
      let from = 0;
      for (const part of schedule.parts) {
        const until = Math.round(part.until * total);
        if (step < until) return factorAt(part.schedule, step - from, until - from);
        from = until;
      }
      return 0;
    }
  }
}

/** The learning rate of optimizer step `step` (from 0) of `total`. */
export function learningRateAt(recipe: Recipe, step: number, total: number): number {
  return recipe.learningRate * factorAt(recipe.schedule, step, total);
}
