/** How a model is trained, whatever its defense: optimizer, schedule, augmentation, averaging and validation, as a suite gives them. */
import { z } from 'zod';
import { MOST_BATCH } from './most.ts';
import { MOST_IMAGES } from './selection.ts';

/** Longer than any training that was published. */
const MOST_EPOCHS = 100_000;

const fraction = z.number().min(0).max(1);
const beta = z.number().min(0).lt(1);

const constant = z.strictObject({ kind: z.literal('constant') });

const piecewise = z.strictObject({
  kind: z.literal('piecewise'),
  milestones: z
    .array(fraction)
    .max(1000)
    .default([0.75, 0.9])
    .describe('Fractions of the training at which the rate is multiplied by `factor`; TRADES drops at 75 % and 90 %'),
  factor: z.number().min(1e-12).max(1e3).default(0.1),
});

const step = z.strictObject({
  kind: z.literal('step'),
  milestones: z
    .array(z.number().int().min(0).max(MOST_EPOCHS))
    .max(1000)
    .default([75, 90])
    .describe("Epochs after which the rate is multiplied by `factor`: PyTorch's MultiStepLR, stepped after every epoch"),
  factor: z.number().min(1e-12).max(1e3).default(0.1),
});

const cosine = z.strictObject({
  kind: z.literal('cosine'),
  warmup: fraction.default(0).describe('Fraction of the training in which the rate grows linearly from 0'),
});

const oneCycle = z.strictObject({
  kind: z.literal('one-cycle'),
  warmup: fraction.default(0.25).describe('Fraction of the training in which the rate grows'),
  anneal: z
    .enum(['linear', 'cosine'])
    .default('linear')
    .describe("Shape of both halves: straight lines as in fast adversarial training (Wong et al. 2020), or PyTorch's default"),
  initialDivisor: z
    .number()
    .min(1)
    .max(1e12)
    .default(25)
    .describe("The first rate is `learningRate / initialDivisor`, the last one that over `finalDivisor`: PyTorch's OneCycleLR"),
  finalDivisor: z.number().min(1).max(1e12).default(1e4),
});

const simpleSchedule = z.discriminatedUnion('kind', [constant, piecewise, cosine, oneCycle]);

const sequence = z.strictObject({
  kind: z.literal('sequence'),
  /** Schedules one after the other, each run in full up to its fraction of the training; the last one ends at 1. */
  parts: z
    .array(z.strictObject({ until: fraction, schedule: simpleSchedule }))
    .min(1)
    .max(1000)
    .refine((parts) => parts.every((p, i) => p.until > (parts[i - 1]?.until ?? 0)), 'expected growing fractions in `until`')
    .refine((parts) => parts.at(-1)?.until === 1, 'expected the last `until` to be 1'),
});

const scheduleSchema = z.discriminatedUnion('kind', [constant, piecewise, step, cosine, oneCycle, sequence]);

/** An epoch whose weights are a model: the one with the highest validation accuracy, and the final one. */
export const CHECKPOINTS = ['best', 'last'] as const;

export const recipeSchema = z.strictObject({
  epochs: z.number().int().min(1).max(MOST_EPOCHS).default(12).describe('Passes over the training set, replays of a batch counted'),
  batchSize: z
    .number()
    .int()
    .min(2)
    .max(MOST_BATCH)
    .default(128)
    .describe('A last batch of one image is left out of its epoch where batch normalisation would see one value per channel'),
  optimizer: z.enum(['sgd', 'adamw']).default('sgd'),
  learningRate: z.number().min(1e-12).max(1e3).default(0.1).describe('The highest rate of the schedule'),
  momentum: z.number().min(0).lt(1).default(0.9).describe('Of `sgd`'),
  betas: z.tuple([beta, beta]).default([0.9, 0.999]).describe('Of `adamw`: decays of the averages of gradients and of their squares'),
  weightDecay: z
    .number()
    .min(0)
    .max(10)
    .default(5e-4)
    .describe("On every parameter, normalisation and biases included, as PyTorch's SGD and AdamW have it"),
  schedule: scheduleSchema.prefault({ kind: 'one-cycle' }),
  augment: z
    .enum(['crop-flip', 'flip', 'none'])
    .default('crop-flip')
    .describe('Random crop after padding with 4 zeros, and horizontal flip; or the flip alone'),
  normalize: z
    .enum(['dataset', 'none'])
    .default('dataset')
    .describe('By mean and deviation of the data set; or `none`: the network takes images in [0,1] as they are'),
  validation: z
    .number()
    .int()
    .min(0)
    .max(MOST_IMAGES)
    .default(500)
    .describe('Images cut from the end of the training set, to choose the best epoch; 0 keeps the last one'),
  validateEvery: z
    .number()
    .int()
    .min(1)
    .max(MOST_EPOCHS)
    .default(1)
    .describe('Epochs between validations; the last epoch is always validated'),
  averaging: z
    .union([z.literal('none'), z.strictObject({ ema: z.number().gt(0).lt(1) })])
    .default('none')
    .describe('`ema`: an exponential moving average of weights and batch statistics is validated and kept'),
  labelSmoothing: z.number().min(0).lt(1).default(0),
  gradientClip: z
    .union([z.literal('none'), z.number().min(1e-12).max(1e12)])
    .default('none')
    .describe('Largest L2 norm of the gradient of all parameters together'),
  earlyStop: z
    .union([z.literal('none'), z.number().int().min(1).max(MOST_EPOCHS)])
    .default('none')
    .describe('Validations without a better one before the training stops'),
  until: z
    .number()
    .gt(0)
    .lt(1)
    .optional()
    .describe('The part of its epochs after which training ends, in the middle of its schedule; the whole unless given'),
  keep: z.enum(CHECKPOINTS).default('best').describe('`best`: the epoch with the highest validation accuracy; `last`: the final weights'),
});

export type Recipe = z.infer<typeof recipeSchema>;
type Schedule = Recipe['schedule'];

/** What a network trained with a recipe's `normalize` subtracts and divides by, per channel. */
export function normalizationOf<N extends { readonly mean: readonly number[]; readonly std: readonly number[] }>(
  { mean, std }: N,
  normalize: unknown,
): Pick<N, 'mean' | 'std'> | { mean: number[]; std: number[] } {
  return normalize === 'none' ? { mean: mean.map(() => 0), std: std.map(() => 1) } : { mean, std };
}

/** From `a` to `b` as `t` goes from 0 to 1. */
function between(a: number, b: number, t: number, shape: 'cosine' | 'linear'): number {
  return shape === 'linear' ? a + (b - a) * t : b + ((a - b) * (1 + Math.cos(Math.PI * t))) / 2;
}

/** Factor on the learning rate at optimizer step `step` of `total`, which `epochs` epochs take. */
function factorAt(schedule: Schedule, step: number, total: number, epochs: number): number {
  switch (schedule.kind) {
    case 'constant':
      return 1;
    case 'piecewise':
      return schedule.factor ** schedule.milestones.filter((m) => step >= Math.round(m * total)).length;
    case 'step':
      return schedule.factor ** schedule.milestones.filter((m) => step >= Math.round((m * total) / epochs)).length;
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
        if (step < until) return factorAt(part.schedule, step - from, until - from, epochs);
        from = until;
      }
      return 0;
    }
  }
}

/** The learning rate of optimizer step `step` (from 0) of `total`. */
export function learningRateAt(recipe: Recipe, step: number, total: number): number {
  return recipe.learningRate * factorAt(recipe.schedule, step, total, recipe.epochs);
}
