/** An evaluation out of the evaluations of its parts: what belongs to an example is taken over, what was counted is added up. */
import { pick } from '../../datasets/split.ts';
import { RampartError } from '../../errors.ts';
import type { ImageRange } from '../../records/shard.ts';
import type { EvaluationInput, EvaluationPart } from './evaluation.ts';
import { type Wanted, wantedOf } from './kept.ts';
import type { EvaluationData } from './predict.ts';
import { decodeState, type EvaluationState, type MemberProgress } from './state.ts';

/** The examples of a range. */
function rangeOf(data: EvaluationData, { from, count }: ImageRange): EvaluationData {
  const places = Array.from({ length: count }, (_, i) => from + i);
  return { ...pick(data, places), shape: data.shape, indices: places.map((i) => data.indices?.[i] ?? i) };
}

/** The evaluation of a range of the examples; its checkpoint ends as an `EvaluationPart`. */
export function partOf(whole: EvaluationInput, range: ImageRange): EvaluationInput {
  const { from, count } = range;
  const { data, clean, cleanPredictions, smaller, keepAmong } = whole;
  const cut = <T extends string | readonly unknown[]>(all: T) => all.slice(from, from + count) as T;
  return {
    ...whole,
    isPart: true,
    checkpoint: undefined,
    data: rangeOf(data, range),
    clean: cut(clean),
    ...(keepAmong !== undefined && { keepAmong: Math.max(0, keepAmong - from) }),
    ...(cleanPredictions && { cleanPredictions: cut(cleanPredictions) }),
    ...(smaller && {
      smaller: {
        eps: smaller.eps,
        robust: cut(smaller.robust),
        predictions: cut(smaller.predictions),
        distances: cut(smaller.distances),
        nearest: smaller.nearest && { found: cut(smaller.nearest.found), distances: cut(smaller.nearest.distances) },
      },
    }),
  };
}

/**
 * Sets what was found of `parts` into the state of the evaluation on `data`, which has attacked nothing yet: of ranges that together are all
 * examples, each ended by the members with these `labels`. The `wanted` broken examples are kept. Throws where a part is missing or not ended.
 */
export async function putTogether(
  state: EvaluationState,
  parts: readonly EvaluationPart[],
  data: EvaluationData,
  labels: readonly string[],
  wanted: Wanted,
): Promise<void> {
  checkCover(
    parts.map(({ range }) => range),
    data.n,
  );
  state.members = labels.map(unspent);
  const kept: { id: number; pixels: Float32Array }[] = [];
  for (const { range, state: saved } of parts) {
    const part = await saved.load((bytes) => decodeState(bytes, rangeOf(data, range), labels));
    const { from, count } = range;
    if (!part || part.queue || part.members.length < labels.length)
      throw new RampartError(`[evaluation] the part of examples ${from} to ${from + count - 1} is not there`, {
        remedy: 'run the suite again',
      });
    for (let i = 0; i < count; i++) {
      state.robust[from + i] = part.robust[i] as '0' | '1';
      state.predictions[from + i] = part.predictions[i] as number;
      state.distances[from + i] = part.distances[i] as number;
      for (const kind of ['nearest', 'spent'] as const)
        if (state[kind] && part[kind]) (state[kind] as (number | null)[])[from + i] = part[kind][i] as number | null;
    }
    state.leaked += part.leaked;
    part.members.forEach((member, i) => {
      add(state.members[i] as MemberProgress, member);
    });
    kept.push(...part.kept.map((id, i) => ({ id: from + id, pixels: part.adversarial[i] as Float32Array })));
  }
  const first = wantedOf(
    kept.sort((a, b) => a.id - b.id),
    wanted,
  );
  state.kept = first.map(({ id }) => id);
  state.adversarial = first.map(({ pixels }) => pixels);
}

/** Throws unless every example is in one range, and in one alone. */
function checkCover(ranges: readonly ImageRange[], n: number): void {
  let next = 0;
  for (const { from, count } of [...ranges].sort((a, b) => a.from - b.from)) {
    if (from !== next) throw new RampartError(`[evaluation] expected a part from example ${next}, got one from ${from}`);
    next = from + count;
  }
  if (next !== n) throw new RampartError(`[evaluation] expected parts of ${n} examples, got ${next}`);
}

function unspent(attack: string): MemberProgress {
  const none = { forward: 0, backward: 0 };
  return { attack, entered: 0, left: 0, passes: { ...none }, overhead: { ...none }, wallMs: 0, trace: {} };
}

function add(sum: MemberProgress, { entered, left, passes, overhead, wallMs, trace }: MemberProgress): void {
  sum.entered += entered;
  sum.left += left;
  sum.wallMs += wallMs;
  for (const kind of ['forward', 'backward'] as const) {
    sum.passes[kind] += passes[kind];
    sum.overhead[kind] += overhead[kind];
  }
  for (const [iteration, survivors] of Object.entries(trace)) sum.trace[iteration] = (sum.trace[iteration] ?? 0) + survivors;
}
