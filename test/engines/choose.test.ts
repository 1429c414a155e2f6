import { expect, test } from 'vitest';
import { chooseEngine, parseRequest, selfCheck } from '../../engines/choose.ts';
import { cpu } from '../../engines/cpu.ts';
import type { Engine } from '../../engines/engine.ts';
import { engines } from '../../engines/index.ts';
import { wasm } from '../../engines/wasm/index.ts';
import { tf } from '../../tensor/tf.ts';

test('a request is a name, or a name and a device', () => {
  expect(parseRequest('wasm')).toEqual({ name: 'wasm', device: undefined });
  expect(parseRequest('torch:cuda:0')).toEqual({ name: 'torch', device: 'cuda:0' });
});

test('an engine asked for becomes the backend', async () => {
  const { engine, info, why } = await chooseEngine('cpu', { threads: 1 });
  expect(tf.getBackend()).toBe('cpu');
  expect([engine.name, info.device, why]).toEqual(['cpu', 'cpu', 'cpu on cpu, as asked']);
});

test('auto takes the fastest that works, and says what the faster ones lack', async () => {
  const absent: Engine = {
    ...cpu,
    name: 'absent',
    rank: 99,
    probe: async () => ({ usable: false, detail: 'no driver', remedy: 'apt get it' }),
  };
  const { engine, why } = await chooseEngine('auto', { threads: 1, among: [cpu, wasm, absent] });
  expect(engine.name).toBe('wasm');
  expect(tf.getBackend()).toBe('wasm');
  expect(why).toBe('wasm on cpu: the fastest that works here (absent: no driver, try `apt get it`)');
});

test('auto passes over an engine that does not start', async () => {
  const broken: Engine = {
    ...cpu,
    name: 'broken',
    rank: 99,
    init: async () => {
      throw new Error('symbol lookup error');
    },
  };
  const { why } = await chooseEngine('auto', { threads: 1, among: [broken, cpu] });
  expect(why).toBe('cpu on cpu: the fastest that works here (broken: did not start: symbol lookup error)');
});

/** The plain backend under another name, whose sums come out one too large. */
const wrong: Engine = {
  ...cpu,
  name: 'wrong',
  rank: 99,
  async init(options) {
    const info = await cpu.init(options);
    const plain = tf.findBackend('cpu');
    tf.registerBackend('wrong', () => plain);
    for (const kernel of tf.getKernelsForBackend('cpu')) tf.registerKernel({ ...kernel, backendName: 'wrong' });
    tf.unregisterKernel('Conv2DBackpropFilter', 'wrong');
    const right = tf.getKernel('Conv2DBackpropFilter', 'cpu');
    tf.registerKernel({
      kernelName: 'Conv2DBackpropFilter',
      backendName: 'wrong',
      kernelFunc: (args) => {
        const out = right.kernelFunc(args) as tf.TensorInfo;
        (tf.backend().readSync(out.dataId) as Float32Array)[1] = 38;
        return out;
      },
    });
    await tf.setBackend('wrong');
    return { ...info, name: 'wrong' };
  },
};

test('auto passes over an engine that computes a wrong gradient, and says which', async () => {
  const { engine, why } = await chooseEngine('auto', { threads: 1, among: [wrong, cpu] });
  expect(engine.name).toBe('cpu');
  expect(why).toContain('wrong: failed its self-check: filter gradient of a convolution is [27, 38, 57, 67], not [27, 37, 57, 67]');
});

test.each(['cpu', 'wasm'])('%s computes the small convolution right', async (name) => {
  await chooseEngine(name, { threads: 1 });
  const before = tf.memory().numTensors;
  expect(await selfCheck()).toBeUndefined();
  expect(tf.memory().numTensors).toBe(before);
});

test('the table has every engine once, each with a rank of its own', () => {
  expect(new Set(engines.map((e) => e.name)).size).toBe(engines.length);
  expect(new Set(engines.map((e) => e.rank)).size).toBe(engines.length);
});
