/**
 * Imported networks beside PyTorch: reads what `importing_peer.py` saved and compares logits and input gradients; prints the table of
 * docs/importing.md. `tsx bench/importing.ts FOLDER [ENGINE]`; with `attack` behind the engine it attacks each instead, and prints what came of it.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { attack } from '../attacks/index.ts';
import { crossEntropy } from '../attacks/parts/losses.ts';
import { createTarget } from '../attacks/target.ts';
import { heldSplit } from '../datasets/split.ts';
import { chooseEngine } from '../engines/choose.ts';
import { evaluate } from '../harness/evaluate/evaluate.ts';
import { checkModel } from '../harness/evaluate/model-checks.ts';
import { predictClean } from '../harness/evaluate/predict.ts';
import type { Classifier } from '../models/classifier.ts';
import { type Graph, multiplyAdds, type Node } from '../models/graph/graph.ts';
import { withFile } from '../models/import/bytes.ts';
import { importWeights } from '../models/import/import.ts';
import { readWeightsFile } from '../models/import/weights.ts';
import { Network } from '../models/network.ts';
import { Rng } from '../tensor/rng.ts';
import { tf } from '../tensor/tf.ts';

interface Saved {
  readonly file: string;
  readonly arch: string;
  readonly what: string;
  readonly saved: string;
  readonly side: number;
  readonly classes: number;
  readonly normalization: 'none' | 'given' | 'file';
  readonly mean: number[];
  readonly std: number[];
}

const [folder = '', engine = 'torch', mode = 'compare', ...only] = process.argv.slice(2);
const { torch, networks } = JSON.parse(readFileSync(join(folder, 'networks.json'), 'utf8')) as { torch: string; networks: Saved[] };
const { info } = await chooseEngine(engine, { threads: 1 });

/** Largest difference over largest value, and the L2 norm of the difference over that of the values. */
function apart(got: ArrayLike<number>, want: ArrayLike<number>): { largest: number; l2: number } {
  let [difference, scale, squares, size] = [0, 0, 0, 0];
  for (let i = 0; i < want.length; i++) {
    const [g, w] = [got[i] as number, want[i] as number];
    difference = Math.max(difference, Math.abs(g - w));
    scale = Math.max(scale, Math.abs(w));
    squares += (g - w) ** 2;
    size += w * w;
  }
  return { largest: difference / scale, l2: Math.sqrt(squares / size) };
}

/** NCHW, as PyTorch saves images, as `[n,h,w,c]`. */
function image(data: Float32Array, side: number): tf.Tensor4D {
  return tf.tidy(() => tf.tensor4d(data, [data.length / (3 * side * side), 3, side, side]).transpose([0, 2, 3, 1]) as tf.Tensor4D);
}

/** As the harness imports and freezes it; `change` is for its graph. The caller owns the classifier. */
function imported({ file, arch, side, classes, normalization, mean, std }: Saved, change = (graph: Graph) => graph) {
  const stated = { none: { mean: [0, 0, 0], std: [1, 1, 1] }, given: { mean, std }, file: undefined }[normalization];
  const { graph, entries, notes } = withFile(join(folder, file), (source) =>
    importWeights(source, { arch, inputShape: [side, side, 3], classes, normalization: stated }),
  );
  const network = new Network(arch, change(graph), new Rng('blank'));
  network.load(entries, file);
  const classifier = network.freeze();
  network.dispose();
  return { classifier, graph, notes };
}

/** The network with SiLU wherever a ReLU is and every second point where a max pool is, as in the peer: nothing is on one side in float32 and on the other in float64. */
function withoutKinks(graph: Graph): Graph {
  const smooth = (node: Node): Node => {
    if (node.op === 'relu') return { op: 'act', input: node.input, fn: 'silu' };
    return node.op === 'maxPool' ? { ...node, kernel: 1, stride: 2, pad: 0 } : node;
  };
  return { ...graph, nodes: graph.nodes.map(smooth) };
}

/** Logits, and the input gradient of the cross-entropy with class 0, beside those of PyTorch. */
function beside(classifier: Classifier, name: string, x: tf.Tensor4D, logits: ArrayLike<number>, gradient: ArrayLike<number>) {
  const target = createTarget(classifier, name);
  const found = target.gradient(x, crossEntropy(tf.zeros<tf.Rank.R1>([x.shape[0]], 'int32')));
  return { logits: apart(found.logits.dataSync(), logits).largest, gradient: apart(found.grad.dataSync(), gradient).l2 };
}

function compare(saved: Saved) {
  const { entries: answer } = readWeightsFile(join(folder, saved.file.replace('.pt', '.answer.pt')));
  const valuesOf = (name: string) => answer.get(name)?.data as Float32Array;
  const gradientOf = (name: string) => image(valuesOf(name), saved.side).dataSync();
  const x = image(valuesOf('x'), saved.side);
  const { classifier } = imported(saved);
  const as = beside(classifier, saved.arch, x, valuesOf('logits'), gradientOf('grad64'));
  classifier.dispose();
  const smooth = imported(saved, withoutKinks).classifier;
  const without = beside(smooth, saved.arch, x, valuesOf('smooth_logits'), gradientOf('smooth_grad64'));
  smooth.dispose();
  const theirs = apart(gradientOf('grad'), gradientOf('grad64')).l2;
  tf.disposeVariables();
  return { ...as, theirs, without };
}

const text = (v: number) => v.toExponential(1);

function printComparison(): void {
  console.log(`${info.name} ${info.version} beside PyTorch ${torch}, 2 images. Logits: largest difference over largest value.`);
  console.log(
    'Input gradient of the cross-entropy: L2 distance from PyTorch in float64, relative; that of PyTorch in float32; and ours without ReLU and max pool in both.\n',
  );
  console.log(
    "| architecture | public code | file | logits | input gradient | PyTorch's own | without kinks |\n|---|---|---|---|---|---|---|",
  );
  for (const saved of chosen()) {
    const { logits, gradient, theirs, without } = tf.tidy(() => compare(saved));
    console.log(
      `| \`${saved.arch}\` | ${saved.what} | ${saved.saved} | ${text(logits)} | ${text(gradient)} | ${text(theirs)} | ${text(without.gradient)} |`,
    );
  }
}

/** All, or those whose architecture or public code has one of the words. */
const chosen = () => networks.filter(({ arch, what }) => only.length === 0 || only.some((word) => `${arch} ${what}`.includes(word)));

const IMAGES = 8;
/** Multiply-adds beyond which fewer iterations are made. */
const LARGE = 2e9;

/** PGD and the members of AutoAttack with few iterations: that they run, stay in the ball and leave nothing behind. */
const attacksOf = (iterations: number) =>
  [
    ['pgd', { steps: iterations }],
    ['apgd-ce', { iterations }],
    ['apgd-t', { iterations, targets: 2 }],
    ['fab-t', { iterations, targets: 2 }],
    ['square', { queries: 4 * iterations }],
  ] as const;

/** One line a network: flags of the checks, and of each attack how many of the images it left right, or what went wrong. */
async function attacked(saved: Saved): Promise<string> {
  const { classifier, graph } = imported(saved);
  const { side } = saved;
  const iterations = multiplyAdds(graph) > LARGE ? 2 : 5;
  const bytes = Uint8Array.from(new Rng('images').uniform(IMAGES * side * side * 3), (v) => Math.floor(256 * v));
  const subject = { classifier, name: saved.arch, rng: new Rng('attacked') };
  // fresh weights know no classes: what they say of the images is taken as right
  const unlabelled = { ...heldSplit({ images: bytes, labels: new Int32Array(IMAGES) }), shape: graph.inputShape };
  const { predictions } = await predictClean(subject, unlabelled, IMAGES);
  const data = { ...unlabelled, labels: Int32Array.from(predictions) };
  const checks = await checkModel(subject, data);
  const results: string[] = [];
  for (const [name, params] of attacksOf(iterations)) {
    const plugin = attack(name);
    const result = await evaluate({
      ...subject,
      attack: plugin,
      params: plugin.params.parse(params),
      threat: { norm: 'Linf', eps: side > 64 ? 4 / 255 : 8 / 255 },
      data,
      clean: '1'.repeat(IMAGES),
      batchSize: IMAGES,
      sources: new Map(),
      signal: new AbortController().signal,
    }).catch((error: Error) => error);
    results.push(
      result instanceof Error
        ? result.message
        : [`${[...result.robust].filter((c) => c === '1').length}`, ...result.flags.map((f) => f.name)].join(' '),
    );
  }
  classifier.dispose();
  tf.disposeVariables();
  const flags = checks.flags.map((f) => f.name).join(', ') || 'none';
  return `| \`${saved.arch}\` | ${saved.what} | ${flags} | ${iterations} | ${results.join(' | ')} |`;
}

if (mode === 'attack') {
  console.log(`${info.name} ${info.version}: of ${IMAGES} images, how many each attack leaves right.\n`);
  console.log(
    `| architecture | public code | flags of the checks | iterations | ${attacksOf(1)
      .map(([name]) => name)
      .join(' | ')} |\n|---|---|---|---|${'---|'.repeat(attacksOf(1).length)}`,
  );
  for (const saved of chosen()) console.log(await attacked(saved));
} else printComparison();
