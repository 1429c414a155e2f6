/** What a site holds so that a reader can check a model's cells in the browser: the index of a model's evidence, and how bytes lie in a site. */
import { z } from 'zod';
import { SIZES } from '../../tensor/norms/index.ts';

export const EVIDENCE_FORMAT = 1;

/** Bytes of one piece: 1 MiB of base64. */
export const PIECE_BYTES = 786_432;

/** Most images of one file. */
export const MOST_IMAGES = 250;

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const path = z.string().regex(/^evidence\/[0-9a-z]+(\/\d+)?\.js$/);
const wholes = z.array(z.int().nonnegative()).readonly();

/** Bytes that lie in a site as `pieces`, in order; paths are from the site's root. */
const held = { bytes: z.int().nonnegative(), sha256: hash, pieces: z.array(path).readonly() };
export const heldSchema = z.strictObject(held);
export type Held = z.infer<typeof heldSchema>;

const ballSchema = z.strictObject({ norm: z.enum(SIZES), eps: z.number() });

const perChannel = z.array(z.number()).min(1).readonly();

/**
 * The evidence of one model. A `Held` of images is a safetensors file with the entry `images` `[k,h,w,c]`: values in [0,1], or whole numbers
 * to be divided by the file's `levels`.
 */
export const evidenceSchema = z.strictObject({
  format: z.literal(EVIDENCE_FORMAT),
  model: z.strictObject({
    key: z.string(),
    name: z.string(),
    weightsHash: hash,
    arch: z.string(),
    normalization: z.strictObject({ mean: perChannel, std: perChannel }),
    /** Of its batch normalisations, where it is not the family's. */
    bnEps: z.number().optional(),
    inputShape: z.tuple([z.int().min(1), z.int().min(1), z.int().min(1)]).readonly(),
    classNames: z.array(z.string()).readonly(),
    dataset: z.strictObject({ name: z.string(), hash: z.string() }),
  }),
  /** The file of weights as the run had it; absent where it is not published. */
  weights: heldSchema.optional(),
  /** Test images by their index in the test split, with their classes. */
  originals: z.array(z.strictObject({ ...held, indices: wholes, labels: wholes })).readonly(),
  /** Images that every cell of the threat model which is here leaves right: what a counterexample would refute. */
  claims: z.array(z.strictObject({ threat: ballSchema, images: wholes })).readonly(),
  cells: z
    .array(
      z.strictObject({
        key: z.string(),
        /** Its label. */
        attack: z.string(),
        threat: z.strictObject({ norm: z.enum(SIZES), eps: z.number() }),
        /** Images attacked, and those of them that the attack broke: right without it, wrong with it. */
        n: z.int(),
        broken: z.int(),
        /** Of the adversarial images that are here, in the order of the files: index in the test split, class, predicted class and distance in the record. */
        indices: wholes,
        labels: wholes,
        predictions: wholes,
        distances: z.array(z.number()).readonly(),
        adversarial: z.array(z.strictObject({ ...held, count: z.int().min(1) })).readonly(),
      }),
    )
    .readonly(),
});
export type Evidence = z.infer<typeof evidenceSchema>;
export type EvidenceCell = Evidence['cells'][number];

/** What a page of the site names of a model's evidence: the index, and how much there is. */
export interface EvidenceLink {
  readonly index: Held;
  /** Bytes of the file of weights; undefined where it is not published. */
  readonly weights: number | undefined;
  /** Adversarial images of all cells, and their bytes with those of the originals. */
  readonly images: number;
  readonly imageBytes: number;
}
