/** The broken examples whose pixels a cell keeps. */
import { tf } from '../../tensor/tf.ts';
import type { EvaluationState } from './state.ts';

/** Keeps the pixels of the first `wanted` broken examples by index, whichever member broke them. */
export async function keepBroken(
  state: Pick<EvaluationState, 'kept' | 'adversarial'>,
  wanted: number,
  adversarial: tf.Tensor4D,
  ids: readonly number[],
  broken: readonly boolean[],
): Promise<void> {
  const room = (id: number) => state.kept.length < wanted || id < Math.max(...state.kept);
  const rows = ids.flatMap((id, i) => (wanted > 0 && broken[i] && room(id) ? [i] : [])).slice(0, wanted);
  if (rows.length === 0) return;
  const picked = tf.tidy(() => adversarial.gather(tf.tensor1d(rows, 'int32')));
  const pixels = (await picked.data()) as Float32Array;
  picked.dispose();
  const size = pixels.length / rows.length;
  const all = [
    ...state.kept.map((id, i) => ({ id, pixels: state.adversarial[i] as Float32Array })),
    ...rows.map((row, i) => ({ id: ids[row] as number, pixels: pixels.slice(i * size, (i + 1) * size) })),
  ];
  const best = all.sort((a, b) => a.id - b.id).slice(0, wanted);
  state.kept = best.map((e) => e.id);
  state.adversarial = best.map((e) => e.pixels);
}
