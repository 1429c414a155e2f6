/** Where an evaluation stands: what a killed cell needs to go on and end with the same record. */
import { z } from 'zod';
import { UnfitFile } from '../../records/plain-file.ts';
import { flagSchema, passesSchema } from '../../records/record.ts';
import type { EvaluationData } from './predict.ts';

/** Raised when the same bytes would mean something else: a state of another format is of no use. */
const FORMAT = 3;

const memberSchema = z.strictObject({
  attack: z.string(),
  entered: z.int().nonnegative(),
  left: z.int().nonnegative(),
  passes: passesSchema,
  overhead: passesSchema,
  wallMs: z.number().nonnegative(),
  /** Of an attack that is fitted to the model: what it chose. */
  choice: z.string().optional(),
  /** Survivors by iteration, summed over batches. */
  trace: z.record(z.string().regex(/^\d+$/), z.number()),
});

export type MemberProgress = z.infer<typeof memberSchema>;

const id = z.int().nonnegative();

const stateSchema = z.strictObject({
  /** `1` where no attack has broken the example yet. */
  robust: z.array(z.enum(['0', '1'])),
  predictions: z.array(z.int()),
  distances: z.array(z.number().nonnegative()),
  /** Where the search is watched: the distance of the nearest error that was asked about, null where there was none. */
  nearest: z.array(z.number().nonnegative().nullable()).optional(),
  /** Where there is a budget: what each example has used of it. */
  spent: z.array(z.int().nonnegative()).optional(),
  /** Where a member goes by it: the highest loss that the last search of all reached on each example that it left, null where none told. */
  bestLoss: z.array(z.number().nullable()).optional(),
  members: z.array(memberSchema),
  /** Examples that entered the current member and wait for their turn, in order; undefined before a member starts. */
  queue: z.array(id).optional(),
  /** Of a member that asks the nearest examples first: how many it asks at a turn, how many of this one wait, and how many were left at its start. */
  turn: z.strictObject({ size: z.int().positive(), waiting: z.int().nonnegative(), left: z.int().nonnegative() }).optional(),
  leaked: z.int().nonnegative(),
  /** Of all processes that have worked at it, up to this state, in ms; and beside it, in which they stood still. */
  wallMs: z.number().nonnegative().default(0),
  suspendedMs: z.number().nonnegative().default(0),
  flags: z.array(flagSchema),
  /** Ids of the kept examples; the pixels follow the JSON in the saved bytes. */
  kept: z.array(id),
});

export type EvaluationState = Omit<z.infer<typeof stateSchema>, 'queue'> & {
  queue: number[] | undefined;
  /** Pixels of the kept examples, each `h * w * c`. */
  adversarial: Float32Array[];
};

const savedSchema = z.strictObject({ ...stateSchema.shape, format: z.literal(FORMAT), robust: z.string().regex(/^[01]*$/) });

export function initialState(clean: string): EvaluationState {
  const n = clean.length;
  return {
    robust: [...clean].map((c) => (c === '1' ? '1' : '0')),
    predictions: new Array<number>(n).fill(-1),
    distances: new Array<number>(n).fill(0),
    members: [],
    queue: undefined,
    leaked: 0,
    wallMs: 0,
    suspendedMs: 0,
    flags: [],
    kept: [],
    adversarial: [],
  };
}

/** Bytes: length of the JSON as uint32, the JSON, the kept examples as float32. */
export function encodeState(state: EvaluationState): Uint8Array {
  const { adversarial, ...rest } = state;
  const json = Buffer.from(JSON.stringify({ format: FORMAT, ...rest, robust: rest.robust.join('') }));
  const header = Buffer.alloc(4);
  header.writeUInt32LE(json.length);
  return Buffer.concat([header, json, ...adversarial.map((a) => Buffer.from(a.buffer, a.byteOffset, a.byteLength))]);
}

type Saved = z.infer<typeof savedSchema>;

function fail(what: string): never {
  throw new UnfitFile(`is no state of this evaluation: ${what}`);
}

/** The JSON of a state, and the bytes after it. */
function split(bytes: Uint8Array): { json: unknown; rest: Uint8Array } {
  if (bytes.length < 4) fail(`expected the length of its JSON, got ${bytes.length} bytes`);
  const end = 4 + new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0, true);
  if (end > bytes.length) fail(`expected JSON up to byte ${end}, got ${bytes.length} bytes`);
  try {
    return { json: JSON.parse(Buffer.from(bytes.subarray(4, end)).toString()), rest: bytes.subarray(end) };
  } catch {
    return fail('expected JSON');
  }
}

function savedOf(json: unknown): Saved {
  const format = (json as { format?: unknown } | null)?.format;
  if (format !== FORMAT) fail(`expected format ${FORMAT}, got ${format === undefined ? 'none' : JSON.stringify(format)}`);
  const { data, error } = savedSchema.safeParse(json);
  const [issue] = error?.issues ?? [];
  return data ?? fail(`${issue?.path.join('.')}: ${issue?.message}`);
}

/** Of `data` and of the members with these labels, in their order. */
function checkFit(saved: Saved, { n }: EvaluationData, labels: readonly string[]): void {
  const { robust, predictions, distances, nearest = distances, spent = distances, bestLoss = distances, members, queue = [], kept } = saved;
  for (const { length } of [robust, predictions, distances, nearest, spent, bestLoss])
    if (length !== n) fail(`expected ${n} examples, got ${length}`);
  const outside = [...queue, ...kept].find((i) => i >= n);
  if (outside !== undefined) fail(`expected examples of 0..${n - 1}, got ${outside}`);
  const other = members.find(({ attack }, i) => attack !== labels[i]);
  if (other) fail(`expected the members ${labels.join(', ')} in this order, got ${other.attack}`);
  if (saved.queue && members.length === 0) fail('examples wait for a member that has not begun');
}

/** Throws `UnfitFile` where the bytes are no state of an evaluation on `data` by members with these `labels`, written in the format of this version. */
export function decodeState(bytes: Uint8Array, data: EvaluationData, labels: readonly string[]): EvaluationState {
  const { json, rest } = split(bytes);
  const saved = savedOf(json);
  checkFit(saved, data, labels);
  const size = data.shape.reduce((a, b) => a * b, 1);
  const { format, robust, kept, queue, ...same } = saved;
  if (rest.length !== 4 * size * kept.length) fail(`expected ${4 * size * kept.length} bytes of kept examples, got ${rest.length}`);
  const pixels = new Float32Array(new Uint8Array(rest).buffer);
  return {
    ...same,
    robust: [...robust] as EvaluationState['robust'],
    queue,
    kept,
    adversarial: kept.map((_, i) => pixels.slice(i * size, (i + 1) * size)),
  };
}
