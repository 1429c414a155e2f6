/** Imported networks beside PyTorch: reads what `importing_peer.py` saved and compares logits and input gradients; prints the table of docs/importing.md. `tsx bench/importing.ts FOLDER [ENGINE]`. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { crossEntropy } from '../attacks/parts/losses.ts';
import { createTarget } from '../attacks/target.ts';
import { chooseEngine } from '../engines/choose.ts';
import { fitEntries } from '../models/import/fit.ts';
import { readWeightsFile } from '../models/import/weights.ts';
import { architecture } from '../models/index.ts';
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

const [folder = '', engine = 'torch'] = process.argv.slice(2);
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

function compare({ file, arch, side, classes, normalization, mean, std }: Saved) {
  const found = architecture(arch);
  const inputShape: [number, number, number] = [side, side, 3];
  const weights = readWeightsFile(join(folder, file));
  const fitWith = (m: readonly number[], s: readonly number[]) =>
    fitEntries(found.graph({ inputShape, classes, mean: m, std: s }), weights.entries, { ...found, arch: found.name, source: file });
  const fitted = fitWith([0, 0, 0], [1, 1, 1]);
  const own =
    normalization === 'file' ? fitted.normalization : normalization === 'given' ? { mean, std } : { mean: [0, 0, 0], std: [1, 1, 1] };
  if (!own) throw new Error(`${file} states no normalisation`);
  const network = new Network(found.name, found.graph({ inputShape, classes, ...own }), new Rng('blank'));
  network.load(fitted.entries, file);
  const classifier = network.freeze();
  network.dispose();
  const { entries: answer } = readWeightsFile(join(folder, file.replace('.pt', '.answer.pt')));
  const x = image(answer.get('x')?.data as Float32Array, side);
  const gradientOf = (name: string) => image(answer.get(name)?.data as Float32Array, side).dataSync();
  const target = createTarget(classifier, arch);
  const labels = tf.zeros<tf.Rank.R1>([2], 'int32');
  const { logits, grad } = target.gradient(x, crossEntropy(labels));
  const result = {
    logits: apart(logits.dataSync(), answer.get('logits')?.data as Float32Array).largest,
    gradient: apart(grad.dataSync(), gradientOf('grad64')).l2,
    theirs: apart(gradientOf('grad'), gradientOf('grad64')).l2,
  };
  classifier.dispose();
  tf.disposeVariables();
  return result;
}

const text = (v: number) => v.toExponential(1);
console.log(`${info.name} ${info.version} beside PyTorch ${torch}, 2 images. Logits: largest difference over largest value.`);
console.log('Input gradient of the cross-entropy: L2 distance from PyTorch in float64, relative; and that of PyTorch in float32.\n');
console.log("| architecture | public code | file | logits | input gradient | PyTorch's own |\n|---|---|---|---|---|---|");
for (const saved of networks) {
  const { logits, gradient, theirs } = compare(saved);
  console.log(`| \`${saved.arch}\` | ${saved.what} | ${saved.saved} | ${text(logits)} | ${text(gradient)} | ${text(theirs)} |`);
}
