/** An endpoint as a classifier: asked from a thread while this one sleeps, so that the endpoint has a process of its own. */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTarget } from '../../../../attacks/target.ts';
import { openHttp } from '../../../../models/outside/http/classifier.ts';
import type { HttpSource } from '../../../../models/outside/http/source.ts';
import { Rng } from '../../../../tensor/rng.ts';
import { tf } from '../../../../tensor/tf.ts';

let child: ChildProcess;
let url = '';

beforeAll(async () => {
  await tf.setBackend('cpu');
  child = fork(new URL('./endpoint.ts', import.meta.url), { execArgv: ['--import', 'tsx'] });
  url = await new Promise((resolve) => child.once('message', (message) => resolve(message as string)));
}, 60_000);

afterAll(() => void child.kill());

const sourceOf = (changes: Partial<HttpSource> = {}): HttpSource => ({
  url,
  access: 'scores',
  scores: 'probabilities',
  format: 'float32',
  version: '',
  batch: 2,
  timeout: 10,
  retries: 0,
  headersFrom: {},
  ...changes,
});

function open(changes: Partial<HttpSource> = {}) {
  const answers = join(mkdtempSync(join(tmpdir(), 'rampart-answers-')), 'answers');
  let signs = 0;
  const classifier = openHttp(sourceOf(changes), { shape: [1, 2, 1], classes: 2, answers }, () => void signs++);
  return { classifier, signs: () => signs };
}

const images = (...values: number[]) =>
  tf.tensor4d(
    values.flatMap((v) => [v, v]),
    [values.length, 1, 2, 1],
  );

test('logits of every row, in their order, with a sign of life for each request', () => {
  const { classifier, signs } = open();
  const before = tf.memory().numTensors;
  const x = images(0.1, 0.2, 0.3, 0.2, 0.9);
  const logits = classifier.logits(x);
  expect(tf.memory().numTensors - before).toBe(2);
  [0.1, 0.2, 0.3, 0.2, 0.9].forEach((mean, i) => {
    expect(logits.dataSync()[2 * i + 1]).toBeCloseTo(Math.log(mean), 5);
  });
  expect(signs()).toBe(3);
  expect(classifier.asked).toEqual({ sent: 4, kept: 1 });
  classifier.logits(x);
  expect(classifier.asked).toEqual({ sent: 4, kept: 6 });
  classifier.logits(
    x,
    [1, 2, 3, 4, 5].map((i) => new Rng(`draw ${i}`)),
  );
  expect(classifier.asked).toEqual({ sent: 9, kept: 6 });
  classifier.dispose();
});

test('what it can be asked for, and how it rounds', () => {
  const scores = open().classifier;
  const labels = open({ access: 'labels', format: 'png' }).classifier;
  expect([scores.access, scores.levels, labels.access, labels.levels]).toEqual(['scores', undefined, 'decision', 255]);
  const target = createTarget(scores, 'remote');
  expect(() => target.linearize(images(0.1))).toThrow('[model remote] has no gradients: it is asked by queries alone');
  expect(scores.asked?.sent).toBe(0);
  for (const classifier of [scores, labels]) classifier.dispose();
});

test('images of another shape, and beyond the box, do not leave', () => {
  const { classifier } = open();
  expect(() => classifier.logits(tf.zeros([1, 2, 2, 1]))).toThrow(
    'expected images [n, 1, 2, 1] in [0,1], got others of shape [1, 2, 2, 1]',
  );
  expect(() => classifier.logits(images(0.5, 1.01))).toThrow('in [0,1]');
  expect(() => classifier.logits(images(Number.NaN))).toThrow('in [0,1]');
  expect(classifier.asked?.sent).toBe(0);
  classifier.dispose();
});

test('what is wrong is thrown here, with its remedy', () => {
  const { classifier } = open({ access: 'labels' });
  expect(() => classifier.logits(images(0.1))).toThrow(/predict\] expected JSON with a list "labels", got {"scores"/);
  classifier.dispose();
  expect(() => open({ tokenEnv: 'RAMPART_TEST_NOWHERE' })).toThrow('expected the environment variable RAMPART_TEST_NOWHERE');
});
