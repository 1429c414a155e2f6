/** The files that `rampart new` writes: a working plug-in of each family, and its test, which calls the family's contract suite. */

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

/** Starts as images of noise that are brighter in one of four corners. */
export function datasetFiles(name: string): Scaffold {
  const plugin = `/** ${name}: gray images that are brighter in one of four corners, to start from; read files of your own in read(). */
import { z } from 'zod';
import { Rng } from '../tensor/rng.ts';
import { defineDataset, type Split } from './dataset.ts';
import { limited } from './split.ts';

const SIDE = 16;
const CORNERS = ['upper left', 'upper right', 'lower left', 'lower right'];
const COUNT = { train: 2000, test: 400 };

const params = z.strictObject({
  seed: z.number().int().nonnegative().default(0).describe('another seed is another data set of the same kind'),
});

/** One image, \`SIDE * SIDE\` bytes. */
function draw(out: Uint8Array, label: number, rng: Rng): void {
  for (let i = 0; i < out.length; i++) {
    const corner = 2 * Number(i >= out.length / 2) + Number(i % SIDE >= SIDE / 2);
    out[i] = rng.int(160) + (corner === label ? 80 : 0);
  }
}

/** Images are made when they are read: nothing but the labels is held. */
function split(part: 'train' | 'test', n: number, seed: number): Split {
  const labels = Int32Array.from({ length: n }, (_, i) => i % CORNERS.length);
  return {
    n,
    labels,
    async read(places) {
      const size = SIDE * SIDE;
      const out = new Uint8Array(places.length * size);
      for (let i = 0; i < places.length; i++) {
        const place = places[i] as number;
        const rng = new Rng(\`${name}/\${seed}/\${part}/\${place}\`);
        draw(out.subarray(i * size, (i + 1) * size), labels[place] as number, rng);
      }
      return out;
    },
  };
}

export default defineDataset<z.infer<typeof params>>({
  name: '${name}',
  title: '${name}',
  source: 'generated from a seed',
  version: 1,
  shape: [SIDE, SIDE, 1],
  classes: CORNERS.length,
  counts: COUNT,
  params,
  load: async ({ seed }, { limit }) => ({
    name: '${name}',
    shape: [SIDE, SIDE, 1],
    classNames: CORNERS,
    mean: [0.39],
    std: [0.22],
    train: split('train', limited(COUNT.train, limit?.train), seed),
    test: split('test', limited(COUNT.test, limit?.test), seed),
  }),
  files: async () => [],
  check: async () => ({ usable: true, detail: 'generated here, no files' }),
});
`;
  const test = `import plugin from '../../datasets/${name}.ts';
import { testDataset } from '../contract/dataset.ts';

testDataset(plugin);
`;
  return { plugin, test };
}

/** Starts as a plain convolutional network. */
export function architectureFiles(name: string): Scaffold {
  const plugin = `/** ${name}: 3x3 convolutions of stride 2 with batch normalisation, averaged over space, to start from; name your own source here and below. */
import { z } from 'zod';
import { defineArchitecture } from './architecture.ts';
import { GraphBuilder } from './graph/graph.ts';

const params = z.strictObject({
  width: z.number().int().min(1).max(4096).default(32).describe('channels of the first convolution; each doubles them'),
  depth: z.number().int().min(1).max(6).default(3).describe('convolutions'),
});

export default defineArchitecture<z.infer<typeof params>>({
  name: '${name}',
  title: '${name}',
  paper: '',
  version: 1,
  params,
  members: { '${name}': 32 },
  graph({ width, depth }, { inputShape, classes, mean, std }) {
    const g = new GraphBuilder();
    let x = g.normalize(0, mean, std, '');
    let channels = inputShape[2];
    for (let i = 0; i < depth; i++) {
      const out = width * 2 ** i;
      x = g.relu(g.bn(g.conv(x, \`conv\${i + 1}\`, channels, out, 3, 2), \`bn\${i + 1}\`, out));
      channels = out;
    }
    return g.finish(g.globalAvgPool(x), 'linear', channels, { inputShape, classes });
  },
});
`;
  const test = `import plugin from '../../models/${name}.ts';
import { testArchitecture } from '../contract/architecture.ts';

testArchitecture(plugin);
`;
  return { plugin, test };
}
