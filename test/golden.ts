/** The golden vectors of `test/golden`, as tensors in our layout. */
import { readFileSync } from 'node:fs';
import { bytesInMemory } from '../models/import/bytes.ts';
import { importWeights } from '../models/import/import.ts';
import { createNetwork } from '../models/index.ts';
import { Network } from '../models/network.ts';
import { type Entry, readSafetensors } from '../models/safetensors.ts';
import { Rng } from '../tensor/rng.ts';
import { tf } from '../tensor/tf.ts';

const at = (name: string) => new URL(`./golden/${name}`, import.meta.url);

/** Entries of `test/golden/<name>.safetensors`. */
export function goldenEntries(name: string): Map<string, Entry> {
  return readSafetensors(readFileSync(at(`${name}.safetensors`)), name).entries;
}

export function goldenJson(name: string): Record<string, never> {
  return JSON.parse(readFileSync(at(`${name}.json`), 'utf8'));
}

/** One entry as a tensor; images `[n,c,h,w]` come as `[n,h,w,c]`. */
export function goldenTensor(file: string, entry: string): tf.Tensor {
  const found = goldenEntries(file).get(entry);
  if (!found) throw new Error(`no ${entry} in ${file}`);
  return tf.tidy(() => {
    const t = tf.tensor(found.data, found.shape);
    return found.shape.length === 4 ? t.transpose([0, 2, 3, 1]) : t;
  });
}

/** The first `n` images in [0,1] as `[n,32,32,3]`, with labels. */
export function goldenBatch(n = 64): { x: tf.Tensor4D; y: tf.Tensor1D; labels: Int32Array; ids: Int32Array } {
  const labels = Int32Array.from(goldenEntries('batch').get('labels')?.data.subarray(0, n) ?? []);
  const x = tf.tidy(() => goldenTensor('batch', 'images').div(255).slice([0, 0, 0, 0], [n, -1, -1, -1])) as tf.Tensor4D;
  return { x, y: tf.tensor1d(labels, 'int32'), labels, ids: Int32Array.from({ length: n }, (_, i) => i) };
}

/** `resnet-tiny` with the weights of `model` or `model-standard`. */
export function goldenNetwork(name: 'model' | 'model-standard' = 'model'): Network {
  const network = createNetwork(
    'resnet-tiny',
    { inputShape: [32, 32, 3], classes: 10, mean: [0, 0, 0], std: [1, 1, 1] },
    new Rng('golden'),
  );
  network.load(goldenEntries(name), `${name}.safetensors`);
  return network;
}

/** The reduced vision transformer of MOREL's code, in evaluation and in training the same. */
export function goldenTransformer(): Network {
  const arch = 'vit patch=4 width=64 depth=2 heads=4 mlp=256 activation=gelu-tanh lastNorm=false eps=1e-5';
  const bytes = bytesInMemory(readFileSync(at('vit-model.safetensors')), 'vit-model.safetensors');
  const normalization = { mean: [0, 0, 0], std: [1, 1, 1] };
  const { graph, entries } = importWeights(bytes, { arch, inputShape: [32, 32, 3], classes: 10, normalization });
  const network = new Network(arch, graph, new Rng('golden'));
  network.load(entries, 'vit-model.safetensors');
  return network;
}

/** The largest absolute difference. */
export function largestDifference(a: tf.Tensor, b: tf.Tensor): number {
  return tf.tidy(() => a.sub(b).abs().max().dataSync()[0] as number);
}
