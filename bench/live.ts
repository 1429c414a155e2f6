/**
 * What asking a module in its own Python costs: the same passes asked from here and made in Python alone, in turns.
 * `tsx bench/live.ts PYTHON [FUNCTION] [BATCH] [SIDE] [CLASSES] [THREADS] [ROUNDS]`, the function one of bench/live_models.py.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { openPython } from '../models/outside/python/classifier.ts';
import { Rng } from '../tensor/rng.ts';
import { tf } from '../tensor/tf.ts';

const [python = 'python3', name = 'resnet18_cifar', ...numbers] = process.argv.slice(2);
const [batch = 128, side = 32, classes = 10, threads = 1, rounds = 7] = numbers.map(Number);
const file = fileURLToPath(new URL('./live_models.py', import.meta.url));
const KINDS = ['forward', 'input_grad'] as const;
type Kind = (typeof KINDS)[number];

await tf.setBackend('cpu');
const source = { file, function: name, python, device: 'cpu', timeout: 600 };
const { classifier, facts } = openPython(source, { shape: [side, side, 3], classes, threads });
const x = tf.tensor4d(new Rng('x').uniform(batch * side * side * 3), [batch, side, side, 3]);
const dlogits = tf.tensor2d(new Rng('d').uniform(batch * classes), [batch, classes]);

const alone = spawn(python, [file, name, ...[batch, side, classes, threads].map(String)], { stdio: ['pipe', 'pipe', 'inherit'] });
const lines = createInterface({ input: alone.stdout })[Symbol.asyncIterator]();
await lines.next();

/** In seconds. */
function asked(kind: Kind): number {
  const start = performance.now();
  if (kind === 'forward') classifier.logits(x).dispose();
  else {
    const lin = classifier.linearize?.(x);
    lin?.pullback(dlogits, true).dispose();
    lin?.dispose();
  }
  return (performance.now() - start) / 1000;
}

async function inPython(kind: Kind): Promise<number> {
  alone.stdin.write(`${kind}\n`);
  return Number((await lines.next()).value);
}

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;

console.log(
  `${name}, batch ${batch}, ${side}x${side}, PyTorch ${facts.torch}, ${threads} threads, medians of ${rounds} rounds, the two sides in turns\n`,
);
console.log('| pass | asked, ms | alone, ms | asked / alone |\n| --- | --- | --- | --- |');
for (const kind of KINDS) {
  asked(kind);
  await inPython(kind);
  const pairs: [number, number][] = [];
  for (let i = 0; i < rounds; i++)
    pairs.push(i % 2 === 0 ? [asked(kind), await inPython(kind)] : swap([await inPython(kind), asked(kind)]));
  const ratio = median(pairs.map(([a, b]) => a / b));
  const [own, other] = [0, 1].map((k) => 1000 * median(pairs.map((p) => p[k as 0 | 1]))) as [number, number];
  console.log(`| ${kind} | ${own.toFixed(1)} | ${other.toFixed(1)} | ${ratio.toFixed(3)} |`);
}
alone.stdin.end();
classifier.dispose();

function swap([a, b]: [number, number]): [number, number] {
  return [b, a];
}
