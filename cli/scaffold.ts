/** The files that `rampart new` writes: a working attack, a working defense, and a test of each that calls the family's contract suite. */

export interface Scaffold {
  readonly plugin: string;
  readonly test: string;
}

/** Starts as iterated FGSM: steps of full sign, projected, until every example of the batch has had its turn. */
export function attackFiles(name: string): Scaffold {
  const plugin = `/** ${name}: iterated FGSM of Kurakin et al. 2017 (arXiv 1607.02533), to start from; name your own source here and below. */
import { z } from 'zod';
import { GRADIENT_NORMS } from '../tensor/norms/index.ts';
import { defineAttack } from './attack.ts';
import { crossEntropy } from './parts/losses.ts';
import { search } from './parts/search/search.ts';
import { steepest } from './parts/step.ts';

const params = z.strictObject({
  steps: z.number().int().min(1).default(10).describe('gradient steps'),
});

export default defineAttack<z.infer<typeof params>>({
  name: '${name}',
  title: '${name}',
  paper: 'Kurakin et al. 2017 (arXiv 1607.02533)',
  references: [
    {
      key: 'kurakin2017physical',
      author: 'Kurakin, Alexey and Goodfellow, Ian J. and Bengio, Samy',
      title: 'Adversarial examples in the physical world',
      venue: 'International Conference on Learning Representations, Workshop Track',
      year: 2017,
      arxiv: '1607.02533',
    },
  ],
  version: 1,
  access: 'gradient',
  norms: GRADIENT_NORMS,
  params,
  streams: true,
  cost: ({ steps }) => ({ forward: steps + 1, backward: steps }),
  create: ({ steps }) => ({
    perturb: (batch, target, threat, run) =>
      search(batch, target, run, {
        attempts: 1,
        steps,
        start: (x) => x.clone(),
        step: steepest(threat, (2.5 * threat.eps) / steps),
        loss: (_, y) => crossEntropy(y),
      }),
  }),
});
`;
  const test = `import plugin from '../../attacks/${name}.ts';
import { testAttack } from '../contract/attack.ts';

testAttack(plugin, { steps: 3 });
`;
  return { plugin, test };
}

/** Starts as PGD adversarial training. */
export function defenseFiles(name: string): Scaffold {
  const plugin = `/** ${name}: PGD adversarial training of Madry et al. 2018 (arXiv 1706.06083), to start from; name your own source here and below. */
import { z } from 'zod';
import { crossEntropy } from '../attacks/parts/losses.ts';
import { MADRY_2018 } from '../attacks/parts/papers.ts';
import { GRADIENT_NORMS } from '../tensor/norms/index.ts';
import { tf } from '../tensor/tf.ts';
import { defineDefense } from './defense.ts';
import { ascend, uniformNoise } from './parts/craft.ts';

const params = z.strictObject({
  steps: z.number().int().min(1).default(7).describe('gradient steps per training example'),
});

export default defineDefense<z.infer<typeof params>>({
  name: '${name}',
  title: '${name}',
  paper: 'Madry et al. 2018 (arXiv 1706.06083)',
  references: [MADRY_2018],
  version: 1,
  kind: 'training',
  norms: GRADIENT_NORMS,
  params,
  cost: ({ steps }) => ({ forward: steps + 1, backward: steps + 1 }),
  create: ({ steps }, { threat }) => ({
    async craft({ x, y, rng }, { target }) {
      const start = tf.tidy(() => tf.clipByValue(x.add(uniformNoise(x, threat, rng)), 0, 1)) as tf.Tensor4D;
      return { adversarial: ascend(target, x, start, crossEntropy(y), { ...threat, step: threat.eps / 4, steps }) };
    },
    objective({ y }, { adversarial }, ctx) {
      const { logits } = ctx.forward(adversarial as tf.Tensor4D);
      return { loss: ctx.crossEntropy(logits, y), logits, terms: {} };
    },
  }),
});
`;
  const test = `import { describe } from 'vitest';
import plugin from '../../defenses/${name}.ts';
import { contract } from '../contract/defense.ts';

describe('${name}', () => contract(plugin, { steps: 2 }));
`;
  return { plugin, test };
}
