/** Where an evaluation stands: what a killed cell needs to go on and end with the same record. */
import type { Passes } from '../../attacks/attack.ts';
import { RampartError } from '../../errors.ts';
import type { Flag } from '../../records/record.ts';

export interface MemberProgress {
  attack: string;
  entered: number;
  left: number;
  passes: Passes;
  overhead: Passes;
  wallMs: number;
}

export interface EvaluationState {
  /** `1` where no attack has broken the example yet. */
  robust: string[];
  predictions: number[];
  distances: number[];
  members: MemberProgress[];
  /** Examples that entered the current member and wait for their turn, in order; undefined before a member starts. */
  queue: number[] | undefined;
  /** Survivors of the current member by iteration, summed over batches. */
  trace: Record<number, number>;
  /** Survivors of the members before, as `[iteration, survivors]`. */
  survivors: [number, number][];
  leaked: number;
  flags: Flag[];
  /** Ids of the kept examples; the pixels follow the JSON in the saved bytes. */
  kept: number[];
  adversarial: Float32Array[];
}

export function initialState(clean: string): EvaluationState {
  const n = clean.length;
  return {
    robust: [...clean],
    predictions: new Array<number>(n).fill(-1),
    distances: new Array<number>(n).fill(0),
    members: [],
    queue: undefined,
    trace: {},
    survivors: [],
    leaked: 0,
    flags: [],
    kept: [],
    adversarial: [],
  };
}

/** Bytes: length of the JSON as uint32, the JSON, the kept examples as float32. */
export function encodeState(state: EvaluationState): Uint8Array {
  const { adversarial, ...rest } = state;
  const json = Buffer.from(JSON.stringify({ ...rest, robust: rest.robust.join('') }));
  const header = Buffer.alloc(4);
  header.writeUInt32LE(json.length);
  return Buffer.concat([header, json, ...adversarial.map((a) => Buffer.from(a.buffer, a.byteOffset, a.byteLength))]);
}

/** `n` is the number of examples of the cell. Throws when the bytes are not a state of such a cell. */
export function decodeState(bytes: Uint8Array, n: number): EvaluationState {
  try {
    const length = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0, true);
    const saved = JSON.parse(Buffer.from(bytes.subarray(4, 4 + length)).toString()) as Omit<EvaluationState, 'robust' | 'adversarial'> & {
      robust: string;
    };
    const pixels = new Float32Array(new Uint8Array(bytes.subarray(4 + length)).buffer);
    const size = saved.kept.length > 0 ? pixels.length / saved.kept.length : 0;
    if (saved.robust.length !== n) throw new Error(`${saved.robust.length} examples, expected ${n}`);
    return { ...saved, robust: [...saved.robust], adversarial: saved.kept.map((_, i) => pixels.slice(i * size, (i + 1) * size)) };
  } catch (cause) {
    const what = cause instanceof Error ? cause.message : String(cause);
    throw new RampartError(`[evaluation] the checkpoint does not belong to this cell or is broken: ${what}`, {
      remedy: 'delete it and run again',
      cause,
    });
  }
}
