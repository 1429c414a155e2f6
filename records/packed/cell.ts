/** A cell as its file has it: labels by the hash of their file, outcomes packed. In memory and on the site a record is whole (`record.ts`); files of before are too, and are read as they are. */
import { z } from 'zod';
import { UnfitFile } from '../plain-file.ts';
import { type AnyCellRecord, cellRecordSchema, RECORD_VERSION } from '../record.ts';
import type { Labels } from './labels.ts';
import { packBits, packNumbers, unpackBits, unpackNumbers } from './numbers.ts';

export const PACKED_VERSION = 2;

/** More images than any test set has: what is unpacked has room for no more, whatever a file says. */
const MOST_IMAGES = 2 ** 20;

/** Decimal digits of what is packed. */
const DIGITS = { predictions: 0, distances: 6, confidences: 4, nearest: 6 } as const;

export const packedCellSchema = z.strictObject({
  ...cellRecordSchema.omit({ indices: true }).shape,
  schema: z.literal(PACKED_VERSION),
  status: z.literal('done'),
  n: z.int().min(0).max(MOST_IMAGES),
  /** SHA-256 of the file of labels: which images these are, and their classes. */
  images: z.string().regex(/^[0-9a-f]{64}$/),
  /** Deflated bytes in base64: a bit per image, and whole numbers of 1, 2 or 4 bytes in units of 1, of 1e-6 and of 1e-4, little-endian. */
  outcomes: z.strictObject({
    robust: z.string(),
    predictions: z.string(),
    distances: z.string(),
    nearest: z.strictObject({ found: z.string(), distances: z.string() }).optional(),
    confidences: z.string().optional(),
  }),
});
export type PackedCell = z.infer<typeof packedCellSchema>;

/** What the file of a cell is to say; undefined for one that is kept whole, which has no outcomes or does not fit its own images. `images` is the hash of its labels. */
export function packCell(cell: AnyCellRecord, images: string): PackedCell | undefined {
  const { indices: _, outcomes, ...rest } = cell;
  const { robust, labels, predictions, distances, nearest, confidences } = outcomes;
  const bits = packBits(robust);
  const found = packBits(nearest?.found ?? '');
  const all = [robust, labels, predictions, distances, confidences ?? robust, nearest?.found ?? robust, nearest?.distances ?? distances];
  if (
    rest.status !== 'done' ||
    bits === undefined ||
    found === undefined ||
    cell.n > MOST_IMAGES ||
    all.some(({ length }) => length !== cell.n)
  )
    return undefined;
  return {
    ...rest,
    schema: PACKED_VERSION,
    status: 'done',
    images,
    outcomes: {
      robust: bits,
      predictions: packNumbers(predictions, DIGITS.predictions),
      distances: packNumbers(distances, DIGITS.distances),
      ...(nearest && { nearest: { found, distances: packNumbers(nearest.distances, DIGITS.nearest) } }),
      ...(confidences && { confidences: packNumbers(confidences, DIGITS.confidences) }),
    },
  };
}

/** The record whose file said `packed`, on the images that it names. Throws `UnfitFile` where they are not as many. */
export function unpackCell({ images: _, outcomes, ...rest }: PackedCell, { labels, indices }: Labels): AnyCellRecord {
  const { n } = rest;
  if (labels.length !== n) throw new UnfitFile(`expected ${n} outcomes.labels, got ${labels.length}`);
  const numbers = (name: keyof typeof DIGITS, text: string) => unpackNumbers(text, n, DIGITS[name]);
  return {
    ...rest,
    schema: RECORD_VERSION,
    ...(indices && { indices: [...indices] }),
    outcomes: {
      robust: unpackBits(outcomes.robust, n),
      labels: labels as number[],
      predictions: numbers('predictions', outcomes.predictions),
      distances: numbers('distances', outcomes.distances),
      ...(outcomes.nearest && {
        nearest: { found: unpackBits(outcomes.nearest.found, n), distances: numbers('nearest', outcomes.nearest.distances) },
      }),
      ...(outcomes.confidences !== undefined && { confidences: numbers('confidences', outcomes.confidences) }),
    },
  };
}
