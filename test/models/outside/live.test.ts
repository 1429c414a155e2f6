import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { askPython, openPython } from '../../../models/outside/python/classifier.ts';
import type { PythonSource } from '../../../models/outside/python/process.ts';
import { Rng } from '../../../tensor/rng.ts';
import { tf } from '../../../tensor/tf.ts';
import { python } from '../../python.ts';

await tf.setBackend('cpu');

const file = fileURLToPath(new URL('./modules.py', import.meta.url));
const setup = { shape: [6, 6, 3], classes: 4, threads: 1 } as const;
const never = new AbortController().signal;

const sourceOf = (name: string, changes: Partial<PythonSource> = {}): PythonSource => ({
  file,
  function: name,
  python: python ?? '',
  device: 'cpu',
  timeout: 60,
  ...changes,
});

/** Folders of values that this process has left there. */
const memory = () =>
  readdirSync(existsSync('/dev/shm') ? '/dev/shm' : tmpdir()).filter((name) => name.startsWith(`rampart-live-${process.pid}-`));

const open: { dispose(): void }[] = [];
afterEach(() => {
  for (const classifier of open.splice(0)) classifier.dispose();
});

function live(name: string, changes: Partial<PythonSource> = {}) {
  const opened = openPython(sourceOf(name, changes), setup);
  open.push(opened.classifier);
  return opened;
}

/** Images `[n,6,6,3]`, the same at every call. */
function images(n: number): tf.Tensor4D {
  return tf.tensor4d(new Rng('live').uniform(n * 108), [n, 6, 6, 3]);
}

/** Asks for logits until something is wrong. */
function askOften(name: string, changes: Partial<PythonSource> = {}): () => void {
  const { classifier } = live(name, changes);
  return () => {
    for (let i = 0; i < 5; i++) tf.tidy(() => void classifier.logits(images(3)));
  };
}

describe.skipIf(python === undefined)('a module in a Python of its own', { timeout: 120_000 }, () => {
  test('answers with its logits, whatever the batch, and with gradients that are those of differences', async () => {
    const { classifier, facts } = live('sound');
    const x = images(5);
    const logits = classifier.logits(x);
    const one = classifier.logits(x.slice([2, 0, 0, 0], [1, -1, -1, -1]) as tf.Tensor4D);
    expect(Math.max(...(await logits.slice([2, 0], [1, 4]).sub(one).abs().data()))).toBeLessThan(1e-6);
    const weights = tf.tensor2d(new Rng('weights').normal(20), [5, 4]);
    const lin = classifier.linearize?.(x);
    if (!lin) throw new Error('a live model gives gradients');
    expect(await lin.logits.data()).toEqual(await logits.data());
    // another pass between, and a second pullback of the same one
    classifier.logits(images(7)).dispose();
    const grad = lin.pullback(weights);
    const again = lin.pullback(weights);
    expect(await again.data()).toEqual(await grad.data());
    const direction = tf.tensor4d(new Rng('direction').normal(x.size), x.shape);
    // the box is left by no step of these: differences are of the network
    const inside = x.mul(0.8).add(0.1) as tf.Tensor4D;
    const moved = (step: number) =>
      classifier
        .logits(inside.add(direction.mul(step)) as tf.Tensor4D)
        .mul(weights)
        .sum()
        .dataSync()[0] as number;
    const middle = classifier.linearize?.(inside);
    const slope = middle?.pullback(weights).mul(direction).sum().dataSync()[0] as number;
    expect((moved(5e-3) - moved(-5e-3)) / 1e-2 / slope).toBeCloseTo(1, 2);
    lin.dispose();
    middle?.dispose();
    expect(facts).toMatchObject({ module: 'Small', parameters: 3 * 5 * 9 + 5 + 180 * 4 + 4, device: 'cpu' });
    expect(facts.torch).toMatch(/^\d+\.\d+/);
  });

  test('leaves no tensor behind, and its images as they were', async () => {
    const { classifier } = live('changes_input');
    const before = tf.memory().numTensors;
    const x = images(2);
    const values = [...(await x.data())];
    const logits = classifier.logits(x);
    expect([...(await x.data())]).toEqual(values);
    tf.dispose([x, logits]);
    const steady = live('sound').classifier;
    const again = images(2);
    const dlogits = tf.ones<tf.Rank.R2>([2, 4]);
    const lin = steady.linearize?.(again);
    tf.dispose([again, dlogits, lin?.pullback(dlogits) ?? []]);
    lin?.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  test('is told before anything runs: weights, code, and what a pass costs', async () => {
    const [one, other, changed] = [
      await askPython(sourceOf('sound'), setup, never),
      await askPython(sourceOf('double'), setup, never),
      await askPython(sourceOf('unseeded'), setup, never),
    ];
    expect(other.weights).toBe(one.weights);
    expect(changed.weights).not.toBe(one.weights);
    expect(one.sources.map(({ path }) => path)).toEqual(['modules.py']);
    // a convolution of 36 places, 5 filters of 27 weights, and a linear layer
    expect(one.multiplyAdds).toBe(36 * 5 * 27 + 180 * 4);
    expect(one.activations).toBe(36 * 5 + 4);
    expect(memory()).toEqual([]);
  });

  test.each([
    ['number', 'number() returned int, expected a torch.nn.Module'],
    ['nobody', 'there is no nobody in it; there is Small, sound, dies'],
    ['fails', 'ValueError: no such checkpoint (at modules.py:'],
    ['too_few', 'forward returned shape [1, 3], expected a float32 tensor of logits [1, 4]'],
    ['pair', 'forward returned tuple, expected a float32 tensor of logits [1, 4]; return the logits alone'],
    ['half', 'forward returned float16, expected a float32 tensor of logits [1, 4]; few logits of so few bits differ'],
  ])('%s is refused before a run', async (name, message) => {
    await expect(askPython(sourceOf(name), setup, never)).rejects.toThrow(`[modules.py:${name}] ${message}`);
  });

  test('a load that never ends is ended', async () => {
    await expect(askPython(sourceOf('slow', { timeout: 5 }), setup, never)).rejects.toThrow('took longer than 5 s to load');
  });

  test('a Python that is not there, and one without torch, are named', async () => {
    await expect(askPython(sourceOf('sound', { python: '/no/python' }), setup, never)).rejects.toThrow('there is no /no/python here');
  });

  test.each([
    ['dies', 'its process ended with exit code 3 and gave no answer; the last that it printed: about to go'],
    ['crashes', 'its process was killed by SIGSEGV and gave no answer'],
    ['is_killed', 'its process was killed by SIGKILL and gave no answer (as happens where memory runs out)'],
    ['raises', "NameError: name 'nowhere' is not defined (at modules.py:"],
    ['gives_nan', 'expected finite logits, got NaN on image 1 of the batch'],
    ['grows', 'out of memory: '],
  ])('one that %s is an error that says so', (name, message) => {
    expect(askOften(name)).toThrow(message);
  });

  test('one that hangs is ended, and told by how long it took', () => {
    expect(askOften('hangs', { timeout: 15 })).toThrow('[modules.py:hangs] took longer than 15 s for a pass; its process was ended');
  });

  test.each(['prints', 'reads', 'double'])('one that %s answers all the same', async (name) => {
    const [own, plain] = [live(name), live('sound')];
    const x = images(3);
    const [got, want] = [own.classifier.logits(x), plain.classifier.logits(x)];
    expect(Math.max(...(await got.sub(want).abs().data()))).toBeLessThan(1e-6);
  });

  test('logits that nothing leads to have a gradient of zero; a gradient that is no number is an error', async () => {
    const zero = live('detached').classifier.linearize?.(images(2));
    expect((await zero?.pullback(tf.ones([2, 4])).data())?.every((v) => v === 0)).toBe(true);
    const broken = live('gradient_nan').classifier.linearize?.(images(2));
    expect(() => broken?.pullback(tf.ones([2, 4]))).toThrow('expected a finite input gradient, got NaN on image 0 of the batch');
  });

  test('images of another shape or beyond [0,1] are not sent', () => {
    const { classifier } = live('sound');
    expect(() => classifier.logits(tf.zeros([1, 3, 6, 6]))).toThrow('expected images [n, 6, 6, 3] in [0,1]');
    expect(() => classifier.logits(images(2).add(0.5))).toThrow('expected images [n, 6, 6, 3] in [0,1]');
    expect(() => classifier.logits(images(2).mul(Number.NaN))).toThrow('expected images [n, 6, 6, 3] in [0,1]');
  });
});

test.skipIf(python === undefined || process.platform !== 'linux')('nothing is left in memory, and no process, not even a dead one', () => {
  expect(memory()).toEqual([]);
  const { stdout } = spawnSync('ps', ['--ppid', `${process.pid}`, '-o', 'comm='], { encoding: 'utf8' });
  expect(stdout.split('\n').filter((name) => name.startsWith('python'))).toEqual([]);
});
