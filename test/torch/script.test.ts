/** TorchScript on the torch engine: logits and input gradients of PyTorch, memory, and what is said of modules that do not fit. */
import { readFileSync } from 'node:fs';
import { unzipSync, zipSync } from 'fflate';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { torch } from '../../engines/torch/index.ts';
import { findBuilt, loadBinding } from '../../engines/torch/load.ts';
import { RampartError } from '../../errors.ts';
import type { Classifier } from '../../models/classifier.ts';
import { bytesInMemory } from '../../models/import/bytes.ts';
import { loadScript } from '../../models/import/torchscript.ts';
import { kindOf, readWeightsFile } from '../../models/import/weights.ts';
import type { Shape } from '../../tensor/tf.ts';
import { tf } from '../../tensor/tf.ts';
import { testDevice } from './device.ts';

const place = (name: string) => new URL(`../golden/torchscript/${name}`, import.meta.url).pathname;
const file = (name: string) => readFileSync(place(name));
const { entries } = readWeightsFile(place('expected.npz'));

/** Of `expected.npz`; images as `[n,h,w,c]`. */
function wanted(name: string): tf.Tensor {
  const entry = entries.get(name);
  if (!entry) throw new Error(`no ${name} in expected.npz`);
  const t = tf.tensor(entry.data, entry.shape);
  return entry.shape.length === 4 ? t.transpose([0, 2, 3, 1]) : t;
}

const images = () => wanted('images') as tf.Tensor4D;
const direction = () => wanted('direction') as tf.Tensor2D;

/** Of a whole tensor, by its L2 norm. */
const relativeDifference = (got: tf.Tensor, want: tf.Tensor) =>
  tf.tidy(() => got.sub(want).norm().div(want.norm()).dataSync()[0] as number);

function load(bytes: Uint8Array, inputShape: Shape = [12, 12, 3], classes = 10): Classifier {
  const classifier = loadScript(bytes, { inputShape, classes, source: 'model.pt' });
  onTestFinished(() => classifier.dispose());
  return classifier;
}

function linearized(classifier: Classifier, x: tf.Tensor4D) {
  const linear = classifier.linearize?.(x);
  if (!linear) throw new Error('no linearize');
  onTestFinished(() => linear.dispose());
  return linear;
}

/** `scripted.pt` with its code, or another file of the archive, changed. */
function changed(name: RegExp, edit: (text: string) => string, of = 'writes.pt'): Uint8Array {
  const archive = unzipSync(file(of));
  const found = Object.keys(archive).find((path) => name.test(path));
  if (!found) throw new Error(`no ${name} in ${of}`);
  const before = new TextDecoder().decode(archive[found]);
  const after = edit(before);
  expect(after).not.toBe(before);
  return zipSync({ ...archive, [found]: new TextEncoder().encode(after) }, { level: 0 });
}

const CODE = /code\/__torch__\.py$/;
/** `writes.pt` with another value returned. */
const returning = (type: string, value: string) =>
  changed(CODE, (code) => code.replace('-> Tensor:', `-> ${type}:`).replace(/return (.*)$/m, `return ${value.replaceAll('IT', '$1')}`));

test('a TorchScript archive is told from a checkpoint by its files', () => {
  for (const name of ['traced.pt', 'scripted.pt', 'writes.pt']) expect(kindOf(bytesInMemory(file(name), name))).toBe('torchscript');
});

describe.skipIf(!findBuilt())('a TorchScript module on torch', () => {
  beforeAll(async () => {
    await torch.init({ threads: 1, device: testDevice });
  });

  test.each([
    ['traced.pt', 'network', 8],
    ['traced.pt', 'network', 1],
    ['scripted.pt', 'network', 8],
    ['writes.pt', 'writes', 8],
  ])('%s: logits and input gradient of PyTorch to 1e-6, on %s %i images at once', (name, expected, n) => {
    const classifier = load(file(name));
    const rows = (t: tf.Tensor) => t.slice(0, n);
    const x = rows(images()) as tf.Tensor4D;
    const { logits, pullback } = linearized(classifier, x);
    expect(relativeDifference(classifier.logits(x), rows(wanted(`${expected}.logits`)))).toBeLessThan(1e-6);
    expect(relativeDifference(logits, rows(wanted(`${expected}.logits`)))).toBeLessThan(1e-6);
    const gradient = pullback(rows(direction()) as tf.Tensor2D);
    expect(relativeDifference(gradient, rows(wanted(`${expected}.gradient`)))).toBeLessThan(1e-6);
    // neither pass has written into the images
    expect(relativeDifference(x, rows(images()))).toBe(0);
  });

  test('all convolutions of a network become ours, none of a module that writes into tensors', () => {
    const { ops } = loadBinding(1).binding;
    const ours = (name: string) => {
      const script = ops.scriptLoad(file(name));
      onTestFinished(() => ops.scriptUnload(script));
      return ops.scriptConvolutions(script);
    };
    expect(['traced.pt', 'scripted.pt', 'writes.pt'].map(ours)).toEqual([3, 3, 0]);
  });

  test('two pullbacks of one pass are two products with the same Jacobian, and a logit that is not asked for has no part in them', () => {
    const { pullback } = linearized(load(file('traced.pt')), images());
    const once = pullback(direction());
    expect(relativeDifference(pullback(direction().mul(2) as tf.Tensor2D), once.mul(2))).toBeLessThan(1e-6);
    expect(
      pullback(tf.zeros([8, 10]))
        .abs()
        .max()
        .dataSync()[0],
    ).toBe(0);
  });

  test('logits that no gradient leads back from have a gradient of zero, which the checks of a model flag', () => {
    const detached = load(returning('Tensor', 'torch.detach(IT)'));
    const { logits, pullback } = linearized(detached, images());
    expect(relativeDifference(logits, wanted('writes.logits'))).toBeLessThan(1e-6);
    expect(pullback(direction()).abs().max().dataSync()[0]).toBe(0);
  });

  test('a gradient stops where the module stops it and nowhere else: rounding with the gradient of what was rounded', () => {
    const rounded = load(returning('Tensor', 'torch.add(IT, torch.detach(torch.sub(torch.round(torch.mul(IT, 8)), IT)))'));
    const { logits, pullback } = linearized(rounded, images());
    expect(relativeDifference(logits, wanted('writes.logits').mul(8).round())).toBeLessThan(1e-6);
    expect(relativeDifference(pullback(direction()), wanted('writes.gradient'))).toBeLessThan(1e-6);
  });

  test('nothing is held once a module, its passes and its answers are disposed', () => {
    const held = () => loadBinding(1).binding.memory();
    const before = held();
    const tensors = tf.memory().numTensors;
    for (let i = 0; i < 3; i++) {
      const classifier = loadScript(file('traced.pt'), { inputShape: [12, 12, 3], classes: 10, source: 'traced.pt' });
      const x = tf.tidy(images);
      const linear = classifier.linearize?.(x);
      const dlogits = direction();
      const gradient = linear?.pullback(dlogits);
      tf.dispose([x, dlogits, gradient as tf.Tensor]);
      linear?.dispose();
      linear?.dispose();
      classifier.dispose();
    }
    expect(held()).toEqual(before);
    expect(tf.memory().numTensors).toBe(tensors);
  });

  test.each<[what: string, bytes: () => Uint8Array, message: RegExp]>([
    ['no archive', () => new TextEncoder().encode('no archive'), /PytorchStreamReader failed/],
    [
      'a file format to come',
      () => changed(/version$/, () => '99\n'),
      /it has file format 99 of a newer PyTorch, this libtorch \([\d.]+\) reads formats up to \d+/,
    ],
    [
      'an operator of a library',
      () => changed(CODE, (code) => code.replace('torch.sub_(', 'ops.torchvision.nms(')),
      /it calls torchvision::nms, an operator of a library that is not part of PyTorch/,
    ],
    [
      'an operator to come',
      () => changed(CODE, (code) => code.replace('torch.sub_(', 'torch.soon(')),
      /it calls aten::soon, which this libtorch \([\d.]+\) does not have: the file is of a newer PyTorch/,
    ],
    [
      'an argument to come',
      () => changed(CODE, (code) => code.replace('0.5)', '0.5, soon=1)')),
      /it calls aten::sub_ with arguments that this libtorch \([\d.]+\) does not know/,
    ],
    [
      'two inputs',
      () => changed(CODE, (code) => code.replace('x: Tensor)', 'x: Tensor,\n    y: Tensor)')),
      /its forward takes 2 inputs \(x, y\), expected one: images/,
    ],
    ['a tuple', () => returning('Tuple[Tensor, Tensor]', '(IT, x)'), /it gives a Tuple, expected a tensor of logits/],
    ['float64', () => returning('Tensor', 'torch.to(IT, 7)'), /it gives float64 \[1, 10\], expected float32 \[1, classes\]/],
    ['one value an image', () => returning('Tensor', 'torch.sum(IT, [1])'), /it gives float32 \[1\], expected float32 \[1, classes\]/],
    [
      'an error of its own',
      () => returning('Tensor', 'torch.matmul(IT, IT)'),
      /: mat1 and mat2 shapes cannot be multiplied \(1x10 and 1x10\)/,
    ],
  ])('%s: what is wrong, in one line', (_, bytes, message) => {
    const before = loadBinding(1).binding.memory();
    expect(() => loadScript(bytes(), { inputShape: [12, 12, 3], classes: 10, source: 'model.pt' })).toThrow(RampartError);
    expect(() => loadScript(bytes(), { inputShape: [12, 12, 3], classes: 10, source: 'model.pt' })).toThrow(message);
    expect(loadBinding(1).binding.memory()).toEqual(before);
  });

  test('another number of classes, and images that do not fit', () => {
    expect(() => load(file('traced.pt'), [12, 12, 3], 100)).toThrow('model.pt gives 10 logits an image, expected 100');
    expect(() => load(file('traced.pt'), [8, 8, 3])).toThrow(/model\.pt: (addmm: )?mat1 and mat2 shapes cannot be multiplied/);
    expect(() => load(file('traced.pt')).logits(tf.zeros([1, 8, 8, 3]))).toThrow(
      'expected float32 [n, 12, 12, 3], got float32 [1, 8, 8, 3]',
    );
  });
});

test('an engine without libtorch says which one can run it', async () => {
  await import('../../engines/cpu.ts');
  await tf.setBackend('cpu');
  expect(() => load(file('traced.pt'))).toThrow(/model\.pt is a TorchScript module, which the engine cpu cannot run.*--engine torch/s);
});
