/** What was measured of a model to find masked gradients, on a few of the test images that it gets right: figures alone, judged by `checks.ts`. */
import { z } from 'zod';
import { SIZES } from '../../tensor/norms/index.ts';

/** Losses that attacks climb. */
export const LOSSES = ['margin', 'cross-entropy', 'probability margin', 'difference of logits ratio'] as const;
export type LossMeasured = (typeof LOSSES)[number];

const count = z.int().nonnegative();
/** Along one axis of a picture: whatever a file says, no more are drawn. */
const MOST_PLACES = 64;
const places = z.array(z.number()).max(MOST_PLACES);

const robust = z.string().regex(/^[01]*$/);

export const gradientsSchema = z.strictObject({
  /** Of the images of `n`: no gradient in any pixel, and one that is smaller than a 1e12th of the margin's. */
  losses: z.partialRecord(z.enum(LOSSES), z.strictObject({ zero: count, vanishing: count })),
  /** Median over images: the distance of neighbouring float32 numbers at the largest logit, over the range of the logits. */
  resolution: z.number(),
});

export const repeatsSchema = z.strictObject({
  passes: count,
  /** The furthest two answers to the same image lie apart, over the largest logit. */
  spread: z.number(),
  /** Images whose predicted class was not always the same. */
  changed: count,
});

/**
 * Of the largest logit. Kernels that add in another order from call to call (atomics of a GPU) leave answers to one image some 1e-6 apart, what
 * draws leaves them some 1e-2.
 */
const SPREAD = 1e-4;

/** Whether two answers to one image lie further apart than rounding leaves them. */
export const answersAnew = ({ spread }: { readonly spread: number }): boolean => spread > SPREAD;

/** Pairs of an image and a direction: all, those whose differences stand out of the rounding, and those of these that agree with the gradient. */
export const differencesSchema = z.strictObject({ images: count, pairs: count, decided: count, agree: count });

/** Margins, wrong minus right, over the range of the image's own logits: of steps along the gradient and along a random direction, mean over the images. */
export const linesSchema = z
  .strictObject({
    /** Lengths of the steps, over the radius. */
    at: places,
    gradient: places,
    random: places,
    /** Images on which a step of a quarter of the radius raises the margin less along the gradient than along the random direction. */
    overtaken: count,
  })
  .refine(({ at, gradient, random }) => gradient.length === at.length && random.length === at.length, 'expected a margin at every length');

/** The same margins of one image over the plane of both directions: `values[i][j]` at `at[i]` along the gradient and `at[j]` along the other. */
export const surfaceSchema = z
  .strictObject({ image: count, at: places, values: z.array(places).max(MOST_PLACES) })
  .refine(({ at, values }) => [values, ...values].every(({ length }) => length === at.length), 'expected a margin at every place');

/** Planes of as many images at most. */
const MOST_PLANES = 16;

/** What a short attack left, a character per image; each attack begins at the images and adopts nothing. */
export const probeSchema = z.strictObject({ eps: z.number(), robust });

export const probesSchema = z.strictObject({
  oneStep: probeSchema,
  manySteps: probeSchema,
  /** Images still right after so many of its steps. */
  survivors: z
    .array(z.tuple([count, count]))
    .min(2)
    .max(MOST_PLACES),
  /** A second start, on what the first left. */
  restart: probeSchema,
  /** Queries alone, on what both starts left. */
  queries: probeSchema.optional(),
  /** Growing radii, the last of which spans the box. */
  radii: z.array(probeSchema).max(MOST_PLACES),
});

export const passesSchema = z.strictObject({ forward: z.number().nonnegative(), backward: z.number().nonnegative() });

export const diagnosisSchema = z.union([
  z.strictObject({
    status: z.literal('done'),
    /** The images that were looked at, by their index in the test split. */
    images: z.array(count),
    threat: z.strictObject({ kind: z.literal('ball').optional(), norm: z.enum(SIZES), eps: z.number() }),
    /** Whether its gradient is that of a stand-in for a step without one, as its defense says (BPDA). */
    standIn: z.boolean(),
    /** Whether it says that it draws random numbers. */
    declaredRandom: z.boolean(),
    gradients: gradientsSchema,
    repeats: repeatsSchema,
    differences: differencesSchema.optional(),
    lines: linesSchema.optional(),
    surfaces: z.array(surfaceSchema).max(MOST_PLANES).optional(),
    probes: probesSchema.optional(),
    /** What it cost beside the passes of the cell. */
    passes: passesSchema,
    wallMs: z.number(),
  }),
  /** Nothing was measured, and why. */
  z.strictObject({ status: z.literal('none'), reason: z.string() }),
]);

export type Diagnosis = z.infer<typeof diagnosisSchema>;
export type Measured = Extract<Diagnosis, { status: 'done' }>;
export type Probes = z.infer<typeof probesSchema>;

/** Whether the model of this clean cell was found to answer anew at every call without saying so. */
export function isRandomUnsaid({ diagnosis }: { readonly diagnosis?: Diagnosis | undefined }): boolean {
  return diagnosis?.status === 'done' && !diagnosis.declaredRandom && answersAnew(diagnosis.repeats);
}

/** Whether a model is asked as one that answers anew at every call, by its clean cell: its own word aside. */
export function isAskedAsRandom(clean: {
  readonly checks?: { readonly randomized: boolean } | undefined;
  readonly diagnosis?: Diagnosis | undefined;
}): boolean {
  return clean.checks?.randomized === true || isRandomUnsaid(clean);
}
