/**
 * Files of counterexamples: points that a model takes for another class though a record counts their images as robust. One that a reader
 * found, or all that someone's own attack found. Nothing that such a file says is believed: whoever takes it in measures, and runs it again.
 */
import { z } from 'zod';
import { RampartError } from '../../errors.ts';
import { type Entry, readSafetensors, writeSafetensors } from '../../models/safetensors.ts';
import { SIZES } from '../../tensor/norms/index.ts';

/** What every such file says of itself. */
const KIND = 'counterexample 1';

/** More points than any test set has. */
const MOST = 100_000;

/** Controls, separators of lines, half characters, and marks that turn text around. */
const UNSEEN = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;
const shown = (most: number) =>
  z
    .string()
    .min(1)
    .max(most)
    .refine((text) => !UNSEEN.test(text), 'expected text without control characters');
const sha = z.string().regex(/^[0-9a-f]{64}$/, 'expected a SHA-256');
const number = z.string().max(40).transform(Number).pipe(z.number());
const count = number.pipe(z.int().nonnegative());

const metadataSchema = z.object({
  rampart: z.literal(KIND),
  model: shown(80),
  name: shown(200),
  weightsHash: sha,
  dataset: shown(200),
  norm: z.enum(SIZES),
  eps: number.pipe(z.number().nonnegative()),
  image: count.optional(),
  label: count.optional(),
  prediction: count.optional(),
  attack: shown(120).optional(),
  params: z.string().max(10_000).optional(),
  seed: shown(120).optional(),
  reference: shown(300).optional(),
  finder: shown(80).optional(),
});

export interface Counterexamples {
  /** As the record has them. */
  readonly model: { readonly key: string; readonly name: string; readonly weightsHash: string };
  /** Its hash. */
  readonly dataset: string;
  /** Of the claim. */
  readonly threat: { readonly norm: (typeof SIZES)[number]; readonly eps: number };
  /** Of every point: the index of its image in the test split, and its class. */
  readonly images: readonly number[];
  readonly labels: readonly number[];
  /** As which the finder saw it classified, of a single one. */
  readonly prediction?: number | undefined;
  readonly shape: readonly [h: number, w: number, c: number];
  /** `[k,h,w,c]`: the images, and the points. */
  readonly clean: Float32Array;
  readonly adversarial: Float32Array;
  /** How it was found, as the finder says: an attack's name, its parameters, and its seed. */
  readonly attack?: string | undefined;
  readonly params?: Readonly<Record<string, unknown>> | undefined;
  readonly seed?: string | undefined;
  /** Where the attack is described: an address, or a paper. */
  readonly reference?: string | undefined;
  readonly finder?: string | undefined;
}

/** Points that were taken in: measured, and run again. */
export interface TakenCounterexamples
  extends Pick<Counterexamples, 'model' | 'dataset' | 'threat' | 'attack' | 'params' | 'reference' | 'finder'> {
  /** Name of its file. */
  readonly file: string;
  readonly bytes: Uint8Array;
  /** `margin` is by how much the best other class is above the right one, in logits; `counted` says that the records count the image as robust. */
  readonly points: readonly {
    readonly image: number;
    readonly label: number;
    readonly prediction: number;
    readonly distance: number;
    readonly margin: number;
    readonly counted: boolean;
  }[];
}

/** The bytes of a file. One point names its image in the metadata, several theirs in the entries `images` and `labels`. */
export function writeCounterexamples(found: Counterexamples): Uint8Array {
  const { model, dataset, threat, images, labels, prediction, shape, clean, adversarial, params } = found;
  const k = images.length;
  const pixels = (data: Float32Array): Entry => ({ shape: [k, ...shape], data });
  const whole = (values: readonly number[]): Entry => ({ shape: [k], data: Float32Array.from(values), dtype: 'I32' });
  const entries = new Map([
    ['clean', pixels(clean)],
    ['adversarial', pixels(adversarial)],
  ]);
  if (k !== 1) entries.set('images', whole(images)).set('labels', whole(labels));
  const texts = {
    rampart: KIND,
    model: model.key,
    name: model.name,
    weightsHash: model.weightsHash,
    dataset,
    norm: threat.norm,
    eps: String(threat.eps),
    image: k === 1 ? String(images[0]) : undefined,
    label: k === 1 ? String(labels[0]) : undefined,
    prediction: prediction === undefined ? undefined : String(prediction),
    attack: found.attack,
    params: params && JSON.stringify(params),
    seed: found.seed,
    reference: found.reference,
    finder: found.finder,
  };
  const given = Object.entries(texts).filter((text): text is [string, string] => text[1] !== undefined);
  return writeSafetensors(entries, Object.fromEntries(given));
}

const fail = (what: string) => new RampartError(`[counterexample] ${what}`);

/** Reads such a file. Throws where it is none; whether it is true is not looked at. */
export function parseCounterexamples(bytes: Uint8Array): Counterexamples {
  const { entries, metadata } = readSafetensors(bytes, 'counterexample');
  const parsed = metadataSchema.safeParse(metadata);
  const [issue] = parsed.error?.issues ?? [];
  if (!parsed.success) throw fail(`its metadata do not fit: ${issue?.path.join('.')}: ${issue?.message}`);
  const { model: key, name, weightsHash, dataset, norm, eps, image, label, params, ...said } = parsed.data;
  const single = image !== undefined && label !== undefined;
  const images = single ? [image] : wholes(entries, 'images');
  const labels = single ? [label] : wholes(entries, 'labels');
  const { shape, pixels: clean } = pixelsOf(entries, 'clean', images.length);
  const { shape: other, pixels: adversarial } = pixelsOf(entries, 'adversarial', images.length);
  if (shape.join() !== other.join() || labels.length !== images.length)
    throw fail('its images, points and labels are not as many or not of one shape');
  if (new Set(images).size !== images.length) throw fail('an image is there twice');
  const { rampart: _, ...texts } = said;
  return {
    model: { key, name, weightsHash },
    dataset,
    threat: { norm, eps },
    images,
    labels,
    shape,
    clean,
    adversarial,
    ...(params !== undefined && { params: paramsOf(params) }),
    ...texts,
  };
}

function wholes(entries: ReadonlyMap<string, Entry>, name: string): number[] {
  const { shape = [], data = [] } = entries.get(name) ?? {};
  const values = [...data];
  if (shape.length !== 1 || values.length < 1 || values.length > MOST || !values.every((v) => Number.isSafeInteger(v) && v >= 0))
    throw fail(`expected the image and label in the metadata, or whole numbers as ${name}`);
  return values;
}

function pixelsOf(entries: ReadonlyMap<string, Entry>, name: string, k: number): { shape: Counterexamples['shape']; pixels: Float32Array } {
  const { shape = [], data } = entries.get(name) ?? {};
  const [count, h = 0, w = 0, c = 0] = shape;
  if (!data || shape.length !== 4 || count !== k || h < 1 || w < 1 || !(c === 1 || c === 3))
    throw fail(`expected ${k} images of 1 or 3 channels as ${name}, got ${data ? `the shape [${shape.join(', ')}]` : 'none'}`);
  if (!data.every(Number.isFinite)) throw fail(`a value of ${name} is no number`);
  return { shape: [h, w, c], pixels: data };
}

function paramsOf(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {}
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw fail('expected an object of parameters as JSON');
  return value as Record<string, unknown>;
}
