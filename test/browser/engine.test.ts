/** Which engine runs a model in the page: another one is taken where it says what WebAssembly says. The plain backend stands for a GPU here. */
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTarget } from '../../attacks/target.ts';
import { type Answers, compare, differences, LOGITS_APART, type Running, running, type Wanted } from '../../browser/engine.ts';
import { start } from '../../engines/wasm/start.ts';
import { EDGE } from '../../harness/evaluate/margin.ts';
import type { Classifier } from '../../models/classifier.ts';
import { createNetwork } from '../../models/index.ts';
import { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';

const GPU: Wanted = { engine: 'webgpu', gpu: 'of a test' };

/** A small network on the current backend. */
function make(): Classifier {
  const network = createNetwork(
    'cnn-small',
    { inputShape: [8, 8, 3], classes: 4, mean: [0.5, 0.5, 0.5], std: [0.2, 0.2, 0.2] },
    new Rng('engine'),
  );
  try {
    return network.freeze();
  } finally {
    network.dispose();
  }
}

beforeAll(async () => void (await start()));

describe('without a GPU', () => {
  it('is WebAssembly, in words with the reason where there is one', async () => {
    for (const [wanted, said] of [
      [{ engine: 'wasm' }, 'WebAssembly'],
      [{ engine: 'auto', lacking: 'no GPU answers' }, 'WebAssembly: no GPU answers'],
    ] as const) {
      const { engine, classifier, use, settle } = await running(make, wanted);
      expect(engine).toBe(said);
      await use();
      await settle();
      expect(tf.getBackend()).toBe('wasm');
      classifier.dispose();
    }
  });

  it('says what happened where the GPU does not start', async () => {
    const { engine, classifier } = await running(make, GPU);
    expect(engine).toMatch(/^WebAssembly: WebGPU did not run: .*webgpu/);
    expect(tf.getBackend()).toBe('wasm');
    classifier.dispose();
  });
});

describe('with a GPU', () => {
  let one: number;

  beforeEach(() => {
    tf.registerBackend('webgpu', () => tf.engine().registryFactory.cpu?.factory() as tf.KernelBackend);
    tf.copyRegisteredKernels('cpu', 'webgpu');
    const before = tf.memory().numTensors;
    const classifier = make();
    one = tf.memory().numTensors - before;
    classifier.dispose();
  });

  afterEach(async () => {
    await start();
    for (const { kernelName } of tf.getKernelsForBackend('webgpu')) tf.unregisterKernel(kernelName, 'webgpu');
    tf.removeBackend('webgpu');
  });

  /** What a kernel of the GPU gives becomes `f` of it. */
  function wrong(kernelName: string, f: (v: number) => number): void {
    const own = tf.getKernel(kernelName, 'webgpu') as tf.KernelConfig;
    tf.unregisterKernel(kernelName, 'webgpu');
    const kernelFunc: tf.KernelFunc = (args) => {
      const info = own.kernelFunc(args) as tf.TensorInfo;
      const { values } = (args.backend as { data: Map<object, { values: Float32Array }> }).data.get(info.dataId) ?? {};
      for (const [i, v] of values?.entries() ?? []) (values as Float32Array)[i] = f(v);
      return info;
    };
    tf.registerKernel({ ...own, kernelFunc });
  }

  const logitsOf = ({ classifier }: Running) => {
    const x = tf.tensor4d(new Rng('x').uniform(192, 0, 1), [1, 8, 8, 3]);
    const logits = createTarget(classifier, 'model').logits(x);
    const values = [...logits.dataSync()];
    tf.dispose([x, logits]);
    return values;
  };

  it('takes it where it agrees, and keeps the model once', async () => {
    const before = tf.memory().numTensors;
    const model = await running(make, GPU);
    expect(tf.memory().numTensors - before).toBe(one);
    expect(model.engine).toMatch(/^WebGPU \(of a test\), its logits are those of WebAssembly to [1-9]e-\d+ of the largest$/);
    await start();
    const reference = await running(make, { engine: 'wasm' });
    const right = logitsOf(reference);
    await model.use();
    expect(tf.getBackend()).toBe('webgpu');
    const largest = Math.max(...right.map(Math.abs));
    for (const [i, v] of logitsOf(model).entries()) expect(Math.abs(v - (right[i] as number)) / largest).toBeLessThan(LOGITS_APART);
    await model.settle();
    model.classifier.dispose();
    reference.classifier.dispose();
  });

  it('takes WebAssembly by itself where the GPU is slower', async () => {
    wrong('FusedConv2D', (v) => {
      for (const end = performance.now() + 0.05; performance.now() < end; );
      return v;
    });
    const { engine, classifier } = await running(make, { ...GPU, engine: 'auto' });
    expect(engine).toMatch(/^WebAssembly: WebGPU \(of a test\) is slower here, \d+ ms against \d+ ms$/);
    classifier.dispose();
  });

  it.each([
    ['FusedConv2D', (v: number) => v * 1.001, /^logits differ by \d\.\de-\d of the largest$/],
    ['FusedConv2D', () => Number.NaN, /^logits differ by no number of the largest$/],
    ['Conv2DBackpropInput', (v: number) => v * 1.05, /^the gradient differs by \d\.\de-\d of its length$/],
  ] as const)('refuses it where %s is wrong, and WebAssembly goes on', async (kernel, f, reason) => {
    wrong(kernel, f);
    const before = tf.memory().numTensors;
    const model = await running(make, GPU);
    const [, said] = /^WebAssembly: WebGPU \(of a test\) failed its self-check: (.*)$/.exec(model.engine) ?? [];
    expect(said).toMatch(reason);
    expect(tf.getBackend()).toBe('wasm');
    expect(tf.memory().numTensors - before).toBe(one);
    model.classifier.dispose();
  });

  it('refuses what is computed where the GPU was taken away', async () => {
    const model = await running(make, GPU);
    await model.settle();
    const gpu = tf.backend();
    gpu.read = async () => new Float32Array(2048);
    await expect(model.settle()).rejects.toThrow('[engine webgpu] the GPU broke down on the way: choose WebAssembly');
    gpu.read = () => Promise.reject(new Error('lost'));
    await expect(model.settle()).rejects.toThrow('broke down');
    model.classifier.dispose();
  });

  it('refuses logits that are no numbers', async () => {
    const model = await running(make, GPU);
    const x = tf.fill([1, 8, 8, 3], Number.NaN) as tf.Tensor4D;
    expect(() => createTarget(model.classifier, 'model').logits(x)).toThrow(/finite|NaN/);
    x.dispose();
    model.classifier.dispose();
  });
});

describe('the comparison', () => {
  const right: Answers = {
    logits: Float32Array.of(4, 0, 1, -2, 1, 0, 8, 0),
    again: Float32Array.of(4, 0, 1, -2, 1, 0, 8, 0),
    gradient: Float32Array.of(3, 4),
    ms: 1,
  };

  it('is of the largest logit of an image, and of the length of the gradient', () => {
    const got = { ...right, logits: Float32Array.of(4, 1, 1, -1.5, 1, 0, 8, 0), gradient: Float32Array.of(3, 4.5) };
    expect(compare(right, got)).toEqual({ logits: 0.25, again: 0, gradient: 0.1 });
    expect(compare(right, { ...right, again: Float32Array.of(4, 0, 1, -2, 1, 0, 0, 0) })).toEqual({ logits: 0, again: 1, gradient: 0 });
    expect(compare(right, { ...right, again: right.again.map(() => Number.NaN) }).again).toBeNaN();
  });

  it('lets a margin differ by no more than the edge', () => {
    const agreed = { logits: EDGE / 2, again: EDGE / 2, gradient: 0.01 };
    expect(differences(agreed)).toBeUndefined();
    expect(differences({ ...agreed, logits: 6e-5 })).toBe('logits differ by 6.0e-5 of the largest');
    expect(differences({ ...agreed, again: 1 })).toBe('logits that are read at once differ by 1.0e+0 of the largest');
    expect(differences({ ...agreed, gradient: 0.011 })).toBe('the gradient differs by 1.1e-2 of its length');
    expect(differences({ ...agreed, gradient: Number.NaN })).toBe('the gradient differs by no number of its length');
  });
});
