/** The runs of adversarial-library in `test/golden`, whose distances searches for the smallest perturbation must have. */
import type { AttackPlugin } from '../../../../attacks/attack.ts';
import { createTarget } from '../../../../attacks/target.ts';
import { type NormName, norm } from '../../../../tensor/norms/index.ts';
import { Rng } from '../../../../tensor/rng.ts';
import { tf } from '../../../../tensor/tf.ts';
import { goldenBatch, goldenJson, goldenNetwork } from '../../../golden.ts';

interface Golden {
  norm: NormName;
  /** null where no error was found. */
  distance: (number | null)[];
}

/** Distances there of those of the first `n` images that are right at first, and which they are. */
export function wanted(name: string, n: number) {
  const { distance } = goldenJson('minimum-norm')[name] as unknown as Golden;
  const right = distance.slice(0, n).flatMap((d, i) => (d === 0 ? [] : [i]));
  return { right, want: right.map((i) => distance[i] ?? undefined) };
}

/** Distances here and there of the first `n` images that are right at first; undefined where no error was found. */
export async function rerun(plugin: AttackPlugin, params: unknown, name: string, n: number) {
  const golden = goldenJson('minimum-norm')[name] as unknown as Golden;
  const { x, y, labels, ids } = goldenBatch(n);
  const ball = norm(golden.norm);
  const target = createTarget(goldenNetwork().freeze(), 'reference');
  const found = await plugin.create(plugin.params.parse(params)).perturb(
    { x, y, labels, ids },
    target,
    // a radius that reaches every corner of the box
    { norm: golden.norm, eps: ball.ofOnes(32 * 32 * 3) },
    { rng: new Rng('golden'), signal: new AbortController().signal, batchSize: n, sources: new Map() },
  );
  const sizes = Array.from(ball.size(found.sub(x)).dataSync());
  const wrong = Array.from(tf.tidy(() => target.decisions(found).notEqual(y).dataSync()));
  const { right, want } = wanted(name, n);
  return { got: right.map((i) => (wrong[i] ? sizes[i] : undefined)), want };
}

/** The share of images whose distances agree to a hundredth, or that have none here nor there. */
export function agreement({ got, want }: { got: (number | undefined)[]; want: (number | undefined)[] }): number {
  const near = want.filter((w, i) => {
    const g = got[i];
    return w === undefined || g === undefined ? w === g : Math.abs(g - w) <= 0.01 * w;
  });
  return near.length / want.length;
}
