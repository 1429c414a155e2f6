/** The authors' runs of APGD in `test/golden`: same start, same loss, same iterations. */
import type { Loss, Threat } from '../../../../attacks/attack.ts';
import { type ApgdResult, runToEnd } from '../../../../attacks/parts/apgd/apgd.ts';
import { APGD } from '../../../../attacks/parts/apgd/norms.ts';
import { dlr, targetedDlr } from '../../../../attacks/parts/dlr.ts';
import { crossEntropy } from '../../../../attacks/parts/losses.ts';
import { createTarget } from '../../../../attacks/target.ts';
import { tf } from '../../../../tensor/tf.ts';
import { goldenBatch, goldenJson, goldenNetwork, goldenTensor } from '../../../golden.ts';

export interface ApgdGolden {
  norm: Threat['norm'];
  eps: number;
  n_iter: number;
  loss_best: number[];
  robust: number[];
  target_rank?: number;
}

export function goldenRun(name: string): ApgdGolden {
  return goldenJson('attacks')[name] as unknown as ApgdGolden;
}

/** The reference's start: its noise scaled to norm 1 (as it is for L1), at radius eps. */
function start(x: tf.Tensor4D, { norm, eps }: ApgdGolden): tf.Tensor4D {
  const file = norm === 'Linf' ? 'uniform' : 'gauss';
  const noise = tf.tidy(() => {
    const raw = goldenTensor(`noise-${file}`, `noise_${file}`).slice(0, x.shape[0]) as tf.Tensor4D;
    if (norm === 'L1') return raw;
    const size = norm === 'Linf' ? raw.abs().max([1, 2, 3], true) : raw.square().sum([1, 2, 3], true).sqrt();
    return raw.div(size.add(1e-12)) as tf.Tensor4D;
  });
  return APGD[norm as keyof typeof APGD].start(x, noise, eps, false);
}

function lossOf(name: string, y: tf.Tensor1D, golden: ApgdGolden): Loss {
  if (name.startsWith('apgd_ce')) return crossEntropy(y);
  if (name.startsWith('apgd_dlr')) return dlr(y);
  const clean = goldenTensor('attacks', 'clean_logits').slice(0, y.shape[0]) as tf.Tensor2D;
  const rank = golden.target_rank as number;
  const t = tf
    .topk(clean, rank, true)
    .indices.slice([0, rank - 1], [-1, 1])
    .reshape([-1]) as tf.Tensor1D;
  return targetedDlr(y, t);
}

/** The same run here, on the first `n` images. */
export async function rerun(name: string, n: number): Promise<ApgdResult> {
  const golden = goldenRun(name);
  const { x, y } = goldenBatch(n);
  const network = goldenNetwork();
  const frozen = network.freeze();
  const from = start(x, golden);
  const options = {
    iterations: golden.n_iter,
    rho: 0.75,
    eotIterations: 1,
    largerEps: false,
    signal: new AbortController().signal,
  };
  const threat = { norm: golden.norm, eps: golden.eps };
  return runToEnd(createTarget(frozen, 'reference'), lossOf(name, y, golden), { x, y }, from, threat, options);
}
