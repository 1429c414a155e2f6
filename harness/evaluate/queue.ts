/** Which examples a member of an ensemble is asked about, in which order, and when it stops. */
import type { Member } from '../../attacks/members.ts';
import { type MemberOutcome, queryFlags } from './checks.ts';
import type { EvaluationInput } from './evaluation.ts';
import type { EvaluationState, MemberProgress } from './state.ts';

/** A member that asks the nearest first asks so many turns, at most. */
const TURNS = 20;

/** What a member before did, and whether it was asked about all that was left. */
export type Before = MemberOutcome & Pick<Member, 'when'>;

/** Sets up the queue of a member that has not begun: of the examples that are right and have something of their budget left. Returns how many. */
export function begin(
  { when }: Member,
  state: EvaluationState,
  input: Pick<EvaluationInput, 'standIn' | 'budget'>,
  before: readonly Before[],
): number {
  const { budget = Number.POSITIVE_INFINITY } = input;
  const open = state.robust.flatMap((r, id) => (r === '1' && (state.spent?.[id] ?? 0) < budget ? [id] : []));
  state.queue = open;
  if (when === 'masking' && !showsMasking(state, input, before)) state.queue = [];
  if (when === 'nearest' && open.length > 0) {
    state.queue = nearestFirst(open, state.bestLoss);
    state.turn = turnOf(Math.ceil(open.length / TURNS), open.length, open.length);
  }
  return state.queue.length;
}

/** What only the nearest were asked about says little of the rest. */
function showsMasking(
  { flags, robust }: EvaluationState,
  { standIn }: Pick<EvaluationInput, 'standIn'>,
  before: readonly Before[],
): boolean {
  const ofAll = before.filter(({ when }) => when === undefined);
  return standIn || flags.some(({ name }) => name === 'zero-gradient') || queryFlags(ofAll, robust.length).length > 0;
}

const turnOf = (size: number, waiting: number, left: number) => ({ size, waiting: Math.min(size, waiting), left });

/** Those first that a search came nearest to breaking, of equals and of those that none has told of the first of the data set. */
function nearestFirst(ids: readonly number[], bestLoss: EvaluationState['bestLoss'] = []): number[] {
  const of = (id: number) => bestLoss[id] ?? Number.NEGATIVE_INFINITY;
  // infinities have no difference
  return [...ids].sort((a, b) => (of(a) === of(b) ? a - b : of(b) > of(a) ? 1 : -1));
}

/** How many examples of the queue the member may be given at once. */
export const allowed = ({ turn }: Pick<EvaluationState, 'turn'>): number => turn?.waiting ?? Number.POSITIVE_INFINITY;

/** Takes away the first `count` of the queue, which the member was given; after a turn that broke nothing the rest leaves too, as if it had not entered. */
export function advance(state: EvaluationState, progress: MemberProgress, count: number): void {
  const queue = (state.queue ?? []).slice(count);
  state.queue = queue;
  const { turn } = state;
  if (!turn) return;
  turn.waiting -= count;
  if (turn.waiting > 0) return;
  if (progress.left < turn.left) {
    state.turn = turnOf(turn.size, queue.length, progress.left);
    return;
  }
  progress.entered -= queue.length;
  progress.left -= queue.length;
  state.queue = [];
}

/** What the search of a batch reached, for members that ask the nearest first: by the last search of all that was left. */
export function noteBestLoss({ when }: Member, state: EvaluationState, ids: readonly number[], told: ReadonlyMap<number, number>): void {
  // losses of other searches have other scales
  if (when) return;
  for (const [row, loss] of told) if (state.bestLoss) state.bestLoss[ids[row] as number] = loss;
}
