/** The authors' runs of FAB in `test/golden`, from the image itself. */
import type { Threat } from '../../../../attacks/attack.ts';
import { smallestDistances } from '../../../../attacks/parts/fab/fab.ts';
import { createTarget } from '../../../../attacks/target.ts';
import { tf } from '../../../../tensor/tf.ts';
import { goldenBatch, goldenJson, goldenNetwork, goldenTensor } from '../../../golden.ts';

interface FabGolden {
  norm: Threat['norm'];
  n_iter: number;
  distance: number[];
}

/** Distances here and there, with the places of their images in the batch, for those among the first `n` that are right at first; 0 where no error was met, as the authors report it. */
export async function rerunFab(name: string, n: number): Promise<{ ids: number[]; got: number[]; want: number[] }> {
  const golden = goldenJson('attacks')[name] as unknown as FabGolden;
  const { x, y, labels } = goldenBatch(n);
  const clean = goldenTensor('attacks', 'clean_logits').slice(0, n) as tf.Tensor2D;
  const right = Array.from(clean.argMax(1).dataSync()).flatMap((c, i) => (c === labels[i] ? [i] : []));
  const rows = tf.tensor1d(right, 'int32');
  const toward = name.startsWith('fab_t2')
    ? (tf.topk(clean, 2, true).indices.slice([0, 1], [-1, 1]).reshape([-1]) as tf.Tensor1D)
    : undefined;
  const target = createTarget(goldenNetwork().freeze(), 'reference');
  const got = await smallestDistances(target, { x: x.gather(rows), y: y.gather(rows) }, toward?.gather(rows), golden.norm, {
    alphaMax: 0.1,
    eta: 1.05,
    beta: 0.9,
    iterations: golden.n_iter,
    signal: new AbortController().signal,
  });
  return { ids: right, got: Array.from(got, (d) => (Number.isFinite(d) ? d : 0)), want: right.map((i) => golden.distance[i] as number) };
}
