/**
 * TorchScript modules on the torch engine: logits and input gradients beside PyTorch's, and the time of two ResNets beside the same
 * networks imported. Prints the tables of docs/importing.md. `tsx bench/torchscript.ts FOLDER [ROUNDS] [BATCH]`, FOLDER being what `torchscript_peer.py` made.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chooseEngine } from '../engines/choose.ts';
import type { Classifier } from '../models/classifier.ts';
import { withFile } from '../models/import/bytes.ts';
import { importWeights } from '../models/import/import.ts';
import { loadScript } from '../models/import/torchscript.ts';
import { readWeightsFile } from '../models/import/weights.ts';
import { Network } from '../models/network.ts';
import { Rng } from '../tensor/rng.ts';
import type { Shape } from '../tensor/tf.ts';
import { tf } from '../tensor/tf.ts';
import { median } from './rates.ts';

const NAMES = ['resnet18_cifar', 'resnet50', 'convnext_tiny', 'vit_b_16'];

const [folder = '', ...numbers] = process.argv.slice(2);
const [rounds = 9, batch = 128] = numbers.map(Number);
const { info } = await chooseEngine('torch', { threads: 1 });

function scripted(name: string, inputShape: Shape, classes: number): Classifier {
  return loadScript(readFileSync(join(folder, `${name}.pt`)), { inputShape, classes, source: `${name}.pt` });
}

/** Largest difference over largest value, and the L2 norm of the difference over that of the values. */
function apart(got: tf.Tensor, want: tf.Tensor): { largest: number; l2: number } {
  const value = (t: tf.Tensor) => t.dataSync()[0] as number;
  return tf.tidy(() => {
    const difference = got.sub(want);
    return { largest: value(difference.abs().max()) / value(want.abs().max()), l2: value(difference.norm()) / value(want.norm()) };
  });
}

function compare(name: string): string {
  const { entries } = readWeightsFile(join(folder, `${name}.npz`));
  const wanted = (entry: string) => {
    const { data, shape } = entries.get(entry) ?? { data: new Float32Array(0), shape: [0] };
    const t = tf.tensor(data, shape);
    return shape.length === 4 ? t.transpose([0, 2, 3, 1]) : t;
  };
  const x = wanted('images') as tf.Tensor4D;
  const direction = wanted('direction') as tf.Tensor2D;
  const classifier = scripted(name, x.shape.slice(1) as unknown as Shape, direction.shape[1]);
  const linear = classifier.linearize?.(x);
  const gradient = linear?.pullback(direction) as tf.Tensor;
  const numbers = [
    apart(classifier.logits(x), wanted('logits')).largest,
    apart(gradient, wanted('gradient')).l2,
    apart(gradient, wanted('exact')).l2,
    apart(wanted('gradient'), wanted('exact')).l2,
  ];
  linear?.dispose();
  classifier.dispose();
  return `| ${name} | ${x.shape[1]} | ${numbers.map((v) => v.toExponential(1)).join(' | ')} |`;
}

interface Pair {
  readonly arch: string;
  readonly weights: string;
  readonly script: string;
}

const GOLDEN = fileURLToPath(new URL('../test/golden/model.safetensors', import.meta.url));
const PAIRS: readonly Pair[] = [
  { arch: 'resnet-18', weights: join(folder, 'resnet18_cifar.state.pt'), script: 'resnet18_cifar' },
  { arch: 'resnet-tiny', weights: GOLDEN, script: 'reference-traced' },
  { arch: 'resnet-tiny', weights: GOLDEN, script: 'reference-scripted' },
];

/** The weights as the harness imports and freezes them. */
function imported({ arch, weights }: Pair): Classifier {
  const normalization = { mean: [0, 0, 0], std: [1, 1, 1] };
  const options = { arch, inputShape: [32, 32, 3] as const, classes: 10, normalization };
  const { graph, entries } = withFile(weights, (source) => importWeights(source, options));
  const network = new Network(arch, graph, new Rng('blank'));
  network.load(entries, weights);
  const classifier = network.freeze();
  network.dispose();
  return classifier;
}

/** Of this process on all its threads, in seconds: what others do on the machine does not count. */
function processorTime(pass: () => void): number {
  const before = process.cpuUsage();
  pass();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

/** The two sides in turns, so that what the machine does beside it falls on both. */
function printTimes(pair: Pair): void {
  const sides = [imported(pair), scripted(pair.script, [32, 32, 3], 10)] as const;
  const x = tf.tensor4d(new Rng('x').uniform(batch * 32 * 32 * 3), [batch, 32, 32, 3]);
  const dlogits = tf.tensor2d(new Rng('d').normal(batch * 10), [batch, 10]);
  const passes = {
    forward: (classifier: Classifier) => classifier.logits(x).dispose(),
    'input gradient': (classifier: Classifier) => {
      const linear = classifier.linearize?.(x);
      linear?.pullback(dlogits).dispose();
      linear?.dispose();
    },
  };
  for (const [name, pass] of Object.entries(passes)) {
    for (const side of sides) pass(side);
    const times: [number, number][] = [];
    for (let i = 0; i < rounds; i++) {
      const order = i % 2 === 0 ? [0, 1] : [1, 0];
      const taken: [number, number] = [0, 0];
      for (const k of order) taken[k as 0 | 1] = processorTime(() => pass(sides[k as 0 | 1]));
      times.push(taken);
    }
    const [own, script] = [0, 1].map((k) => batch / median(times.map((t) => t[k as 0 | 1]))) as [number, number];
    const ratio = median(times.map(([a, b]) => a / b));
    console.log(`| ${pair.script} | ${name} | ${own.toFixed(1)} | ${script.toFixed(1)} | ${ratio.toFixed(3)} |`);
  }
  for (const side of sides) side.dispose();
}

console.log(
  `${info.name} ${info.version}; 8 images, one thread. Logits: largest difference over largest value; input gradients: L2, relative\n`,
);
console.log(
  "| network | side | logits | gradient, from PyTorch | gradient, from float64 | PyTorch's own, from float64 |\n| --- | --- | --- | --- | --- | --- |",
);
for (const name of NAMES.filter((n) => existsSync(join(folder, `${n}.npz`)))) console.log(tf.tidy(() => compare(name)));
console.log(`\nBatch ${batch}, one thread, processor time, medians of ${rounds} rounds, the two in turns\n`);
console.log('| network | pass | imported, images/s | TorchScript, images/s | TorchScript / imported |\n| --- | --- | --- | --- | --- |');
for (const pair of PAIRS.filter(({ script, weights }) => existsSync(join(folder, `${script}.pt`)) && existsSync(weights))) printTimes(pair);
