/** The Square attack against the authors' code: images left, ten seeds at each number of queries. `npm run golden:square -- [ENGINE] [NORM_QUERIES...]` */
import { fileURLToPath } from 'node:url';
import type { Threat } from '../attacks/attack.ts';
import square from '../attacks/square.ts';
import { createTarget } from '../attacks/target.ts';
import { chooseEngine } from '../engines/choose.ts';
import { Rng } from '../tensor/rng.ts';
import { tf } from '../tensor/tf.ts';
import { goldenBatch, goldenJson, goldenNetwork } from '../test/golden.ts';

export interface Comparison {
  readonly entry: string;
  /** Images still classified right, per seed. */
  readonly left: readonly number[];
  readonly mean: number;
  readonly wanted: number;
}

interface Golden extends Threat {
  readonly n_queries: number;
  readonly mean: number;
}

/** Runs one entry of `attacks.json`, such as `square_Linf_200`, for `seeds` seeds. */
export async function compareSquare(entry: string, seeds: number): Promise<Comparison> {
  const golden = goldenJson('attacks')[entry] as unknown as Golden;
  const { x, y, labels, ids } = goldenBatch(64);
  const classifier = goldenNetwork().freeze();
  const target = createTarget(classifier, 'reference');
  const attack = square.create(square.params.parse({ queries: golden.n_queries }));
  const right = tf.tidy(() => target.logits(x).argMax(1).dataSync());
  const rows = Array.from(labels.keys()).filter((i) => right[i] === labels[i]);
  const pick = (from: Int32Array) => Int32Array.from(rows, (r) => from[r] as number);
  const batch = { x: tf.gather(x, rows), y: tf.gather(y, rows), labels: pick(labels), ids: pick(ids) };
  const left: number[] = [];
  for (let seed = 0; seed < seeds; seed++) {
    const run = { rng: new Rng(`square ${seed}`), signal: new AbortController().signal, batchSize: 64, sources: new Map() };
    const adversarial = await attack.perturb(batch, target, { norm: golden.norm, eps: golden.eps }, run);
    const predicted = tf.tidy(() => target.logits(adversarial).argMax(1).dataSync());
    left.push(batch.labels.filter((label, i) => label === predicted[i]).length);
    adversarial.dispose();
  }
  tf.dispose([x, y, batch.x, batch.y]);
  classifier.dispose();
  return { entry, left, mean: left.reduce((a, b) => a + b, 0) / seeds, wanted: golden.mean };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [name = 'auto', ...only] = process.argv.slice(2);
  console.log((await chooseEngine(name, { threads: 1 })).why);
  const entries = Object.keys(goldenJson('attacks')).filter((k) => k.startsWith('square_'));
  for (const entry of entries.filter((e) => only.length === 0 || only.some((o) => e.endsWith(o)))) {
    const began = performance.now();
    const { left, mean, wanted } = await compareSquare(entry, 10);
    const seconds = ((performance.now() - began) / 1000).toFixed(0);
    console.log(`${entry}: ${left.join(' ')}, mean ${mean.toFixed(1)}, reference ${wanted.toFixed(1)} (${seconds} s)`);
  }
}
