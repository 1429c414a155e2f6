/** What an attack is given before it attacks: the model with random numbers of its own, and a look at a few images where it wants one. */
import type { Access, Attack, AttackRun, Batch, Fitted, Target } from '../../attacks/attack.ts';
import type { Member } from '../../attacks/members.ts';
import { createTarget } from '../../attacks/target.ts';
import { tf } from '../../tensor/tf.ts';
import { awakeNow } from '../awake.ts';
import { leakedTensors } from './checks.ts';
import type { EvaluationInput } from './evaluation.ts';
import { batchOf } from './predict.ts';
import type { EvaluationState, MemberProgress } from './state.ts';

/** The classifier for one batch, with random numbers of its own for this use of it. */
export function targetFor({ classifier, name, rng }: EvaluationInput, use: string, { ids }: Pick<Batch, 'ids'>, access?: Access): Target {
  return createTarget(classifier, name, { rng: rng.fork(use), ids }, access);
}

/**
 * The attack of a member, fitted to the model where it wants to be: on the first images that are right, whoever broke them since. What that
 * used is overhead of the member, once: one that was stopped and goes on makes the same choice again.
 */
export async function readyAttack(
  input: EvaluationInput,
  { label, plugin, params }: Member,
  state: EvaluationState,
  progress: MemberProgress,
): Promise<Attack> {
  const attack = plugin.create(params);
  const few = plugin.few?.(params);
  if (!few || !attack.fit) return attack;
  const right = [...input.clean].flatMap((c, id) => (c === '1' ? [id] : []));
  const batch = await batchOf(input.data, right.slice(0, few));
  const use = `${label}/fit`;
  const target = targetFor(input, use, batch, plugin.access);
  const run: AttackRun = { rng: input.rng.fork(use), signal: input.signal, batchSize: input.batchSize, sources: new Map() };
  const began = awakeNow();
  try {
    const { value: fitted, leaked } = await leakedTensors<Fitted>(0, async () => {
      const fitted = await (attack.fit as NonNullable<Attack['fit']>)(batch, target, input.threat, run);
      target.settle();
      return fitted;
    });
    if (progress.choice === undefined) {
      for (const kind of ['forward', 'backward'] as const) progress.overhead[kind] += target.passes[kind] + target.overhead[kind];
      progress.wallMs += awakeNow() - began;
      state.leaked += Math.max(0, leaked);
    }
    progress.choice = fitted.choice;
    return fitted.attack;
  } finally {
    tf.dispose([batch.x, batch.y]);
  }
}
