import { afterEach, beforeAll, expect, test } from 'vitest';
import { chooseEngine } from '../../engines/choose.ts';
import { RampartError } from '../../errors.ts';
import { type Graph, multiplyAdds, shapesOf } from '../../models/graph/graph.ts';
import { parametersOf } from '../../models/graph/parameters.ts';
import { architecture, architectures, createNetwork, namesOf } from '../../models/index.ts';
import { Network } from '../../models/network.ts';
import { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';
import { formulaEntries, formulaImages } from './networks.ts';

beforeAll(async () => {
  await chooseEngine('wasm', { threads: 1 }); // eleven million weights are slow to lay out on the plain backend
});
afterEach(() => tf.disposeVariables());

const plain = { classes: 10, mean: [0, 0, 0], std: [1, 1, 1] };

/** Trainable numbers of a graph, without allocating them. */
function countOf(graph: Graph): number {
  const trainable = graph.nodes.flatMap(parametersOf).filter((p) => p.trainable);
  return trainable.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
}

// counted by PyTorch on the common CIFAR implementations
test.each([
  ['cnn-small', 33_946],
  ['resnet-tiny', 78_042],
  ['resnet-18', 11_173_962],
  ['resnet-50', 23_520_842],
  ['preact-resnet-18', 11_172_170],
  ['wrn-28-10', 36_479_194],
  ['wrn-34-10', 46_160_474],
  ['vit-small-cifar', 821_770],
])('%s has %i parameters on 32x32x3', (name, count) => {
  expect(countOf(architecture(name).graph({ ...plain, inputShape: [32, 32, 3] }))).toBe(count);
});

// those of 10 classes and 190 more rows of the last layer; Tiny-ImageNet's last stage has 8x8 points, all of them pooled
test.each([
  ['resnet-18', 11_271_432, 512],
  ['resnet-50', 23_910_152, 2048],
])('%s has %i parameters on the 64x64 images and 200 classes of Tiny-ImageNet', (name, count, features) => {
  const graph = architecture(name).graph({ ...plain, classes: 200, inputShape: [64, 64, 3] });
  const shapes = shapesOf(graph);
  expect(countOf(graph)).toBe(count);
  expect([shapes[graph.features - 1], shapes[graph.features]]).toEqual([
    [8, 8, features],
    [1, 1, features],
  ]);
});

test('vit-small-cifar has 844,900 parameters with 100 classes', () => {
  expect(countOf(architecture('vit-small-cifar').graph({ ...plain, classes: 100, inputShape: [32, 32, 3] }))).toBe(844_900);
});

test.each([
  ['vit-small-cifar', 'vit-small-cifar'],
  ['ViT_small_cifar', 'vit-small-cifar'],
  ['vit-small-cifar depth=2', 'vit depth=2 patch=4 width=256 heads=4 mlp=1024 activation=gelu-tanh lastNorm=false eps=0.00001'],
])('%s is called %s, which names itself', (given, name) => {
  const words = (text: string) => text.split(' ').sort();
  const found = architecture(given).name;
  expect(words(found)).toEqual(words(name));
  expect(architecture(found).name).toBe(found);
});

test("vit-small-cifar starts as MOREL's code does: weights, positions and class token from N(0, 0.02), biases of zero, norms of one", () => {
  const network = createNetwork('vit-small-cifar', { ...plain, inputShape: [32, 32, 3] }, new Rng('start'));
  for (const [name, v] of network.params) {
    const values = [...v.dataSync()];
    if (/norm\d\.weight$/.test(name))
      expect(
        values.every((w) => w === 1),
        name,
      ).toBe(true);
    else if (name.endsWith('.bias'))
      expect(
        values.every((w) => w === 0),
        name,
      ).toBe(true);
    else {
      const deviation = Math.sqrt(values.reduce((sum, w) => sum + w * w, 0) / values.length);
      // to four standard errors
      expect(Math.abs(deviation / 0.02 - 1), name).toBeLessThan(4 / Math.sqrt(2 * values.length));
    }
  }
});

test('a network counts the parameters it has', () => {
  expect(createNetwork('resnet-tiny', { ...plain, inputShape: [32, 32, 3] }, new Rng('a')).parameterCount).toBe(78_042);
});

/** `resnet-18` of the suites, and a Wide ResNet that the cpu backend can run. */
const graphs: Record<string, () => Graph> = {
  'cnn-small': () =>
    architecture('cnn-small').graph({ classes: 10, mean: [0.5, 0.4, 0.3], std: [0.2, 0.25, 0.3], inputShape: [16, 16, 3] }),
  'resnet-18': () => architecture('resnet-18').graph({ ...plain, inputShape: [8, 8, 3] }),
  'preact-resnet-18': () => architecture('preact-resnet-18').graph({ ...plain, inputShape: [8, 8, 3] }),
  'wrn-16-2': () => architecture('wrn-16-2').graph({ ...plain, inputShape: [8, 8, 3] }),
};

// from PyTorch 1.13 with the same numbers as weights, batch statistics and images
test.each<[string, number, string[], number[]]>([
  [
    'cnn-small',
    19,
    ['mean', 'conv3.weight', 'bn3.running_var', 'linear.weight'],
    [
      ...[0.0104826, 1.0438, 1.09288, 0.286154, -0.19942, -1.0031, -0.416437, 0.385183, 0.238991, 1.32199],
      ...[0.478255, 1.2231, 0.487656, -0.900467, 0.0967079, -0.711896, 0.658785, 0.71686, 0.20719, 0.523369],
    ],
  ],
  [
    'resnet-18',
    102,
    ['conv1.weight', 'bn1.running_var', 'layer1.0.conv1.weight', 'layer2.0.shortcut.0.weight', 'layer4.1.bn2.bias', 'linear.bias'],
    [
      ...[-24.0418, 49.8018, 4.72032, -41.8989, 1.30291, 43.5757, -16.2528, -41.3381, 31.0639, 24.2362],
      ...[-25.8919, 52.7311, 5.43517, -44.4698, 0.892844, 46.3692, -16.8359, -44.4357, 32.749, 25.9748],
    ],
  ],
  [
    'preact-resnet-18',
    90,
    ['layer4.1.bn2.weight', 'layer2.0.shortcut.0.weight', 'bn.bias'],
    [
      ...[-11.229, 8.93766, 4.03524, -8.2676, -4.09978, 16.7009, -3.91576, -11.9057, 5.1443, 9.35585],
      ...[-16.1371, 11.6808, 6.96197, -11.0763, -6.45526, 23.347, -3.86339, -17.0233, 6.04009, 13.572],
    ],
  ],
  [
    'wrn-16-2',
    70,
    ['block1.layer.0.convShortcut.weight', 'block3.layer.1.bn2.running_mean', 'bn1.weight', 'fc.bias'],
    [
      ...[0.149206, -1.62964, -1.46368, -1.50233, -1.40027, -0.501423, -0.492402, -0.256429, 0.514814, 1.12626],
      ...[0.0716519, -1.68541, -1.5447, -1.51066, -1.72973, -0.840657, -0.744489, -0.47735, 0.455384, 1.21939],
    ],
  ],
])('%s has the names, shapes and logits of PyTorch', async (name, entries, some, want) => {
  const graph = (graphs[name] as () => Graph)();
  const network = new Network(name, graph, new Rng('initial'));
  const own = await network.save();
  expect(own.size).toBe(entries);
  expect([...own.keys()]).toEqual(expect.arrayContaining(some));
  network.load(formulaEntries(own), 'formula');
  const got = network.logits(formulaImages(2, graph.inputShape)).dataSync();
  const scale = Math.max(...want.map(Math.abs));
  for (const [i, v] of want.entries()) expect(Math.abs((got[i] as number) - v) / scale).toBeLessThan(1e-5);
});

test.each(['cnn-small', 'resnet-tiny', 'resnet-18', 'resnet-50', 'preact-resnet-18'])('%s takes grey images of 28x28', (name) => {
  const built = architecture(name).graph({ classes: 10, mean: [0.1307], std: [0.3081], inputShape: [28, 28, 1] });
  expect(shapesOf(built)[built.output]).toEqual([1, 1, 10]);
  expect(built.nodes.find((n) => n.op === 'conv')).toMatchObject({ inC: 1 });
});

test('a grey image goes through cnn-small and resnet-tiny, in training and frozen', () => {
  for (const name of ['cnn-small', 'resnet-tiny']) {
    const network = createNetwork(name, { classes: 10, mean: [0.1307], std: [0.3081], inputShape: [28, 28, 1] }, new Rng('grey'));
    const x = tf.tensor4d(new Rng('x').uniform(2 * 784), [2, 28, 28, 1]);
    expect(network.logits(x).shape).toEqual([2, 10]);
    expect(network.freeze().logits(x).shape).toEqual([2, 10]);
    expect(tf.tidy(() => network.forward(x, { training: true }).logits).shape).toEqual([2, 10]);
  }
});

test('multiply-adds of resnet-tiny, by hand', () => {
  const stem = 32 * 32 * 9 * 3 * 16;
  const first = 2 * 32 * 32 * 9 * 16 * 16;
  const second = 16 * 16 * (9 * 16 * 32 + 9 * 32 * 32 + 16 * 32);
  const third = 8 * 8 * (9 * 32 * 64 + 9 * 64 * 64 + 32 * 64);
  const graph = architecture('resnet-tiny').graph({ ...plain, inputShape: [32, 32, 3] });
  expect(multiplyAdds(graph)).toBe(stem + first + second + third + 640);
});

test('the same key gives the same weights, another key others', async () => {
  const weights = async (key: string) => {
    const network = createNetwork('cnn-small', { ...plain, inputShape: [32, 32, 3] }, new Rng(key));
    return (await network.save()).get('conv2.weight')?.data;
  };
  expect(await weights('a')).toEqual(await weights('a'));
  expect(await weights('a')).not.toEqual(await weights('b'));
});

test('initial weights are drawn as PyTorch draws them: uniform up to 1 / sqrt(fan in)', async () => {
  const network = createNetwork('resnet-tiny', { ...plain, inputShape: [32, 32, 3] }, new Rng('init'));
  const data = (await network.save()).get('enc.layer3.conv2.weight')?.data as Float32Array;
  const bound = 1 / Math.sqrt(9 * 64);
  expect(Math.max(...data)).toBeLessThanOrEqual(bound);
  expect(Math.max(...data)).toBeGreaterThan(0.999 * bound);
  expect(Math.abs(data.reduce((a, b) => a + b) / data.length)).toBeLessThan(0.01 * bound);
});

// counted by PyTorch on torchvision's and timm's
test.each([
  ['resnet-18 stem=imagenet', 11_689_512],
  ['resnet-50 stem=imagenet', 25_557_032],
  ['wide-resnet-50-2', 68_883_240],
  ['vit-small-16', 22_050_664],
  ['vit-base-16', 86_567_656],
  ['convnext-tiny', 28_589_128],
  ['convnext-base', 88_591_464],
  ['swin-tiny', 28_288_354],
  ['swin-base', 87_768_224],
])('%s has %i parameters on 224x224x3 with 1000 classes', (name, count) => {
  expect(countOf(architecture(name).graph({ ...plain, classes: 1000, inputShape: [224, 224, 3] }))).toBe(count);
});

test.each([
  ['resnet18', 'resnet-18'],
  ['ResNet-50 stem=imagenet', 'resnet-50 stem=imagenet'],
  ['wide_resnet50_2', 'resnet-50 stem=imagenet widen=2'],
  ['WideResNet-34-20', 'wrn-34-20'],
  ['wrn depth=16 widen=4', 'wrn-16-4'],
  ['dm-wrn-70-16 activation=relu', 'dm-wrn-70-16 activation=relu'],
  ['dm-wrn-70-16 activation=silu', 'dm-wrn-70-16'],
  ['preactresnet18 lastNorm=false shortcut=raw', 'preact-resnet-18 shortcut=raw lastNorm=false'],
  ['deit_small_patch16_224', 'vit-small-16'],
  ['convnext_tiny', 'convnext-tiny'],
  ['swin_t', 'swin-tiny'],
  ['swin_base_patch4_window7_224', 'swin-base'],
  ['swin_large_patch4_window14_224', 'swin-large window=14'],
])('%s is %s', (name, canonical) => {
  expect(architecture(name).name).toBe(canonical);
  expect(architecture(canonical).name).toBe(canonical);
});

test.each(namesOf(architectures))('%s is its own name or leads to one', (name) => {
  const canonical = architecture(name).name;
  expect(architecture(canonical).name).toBe(canonical);
});

test.each([
  ['wrn-29-10', 'depth: expected 6k + 4 layers'],
  ['resnet-18 stem=large', '[architecture resnet-18 stem=large] stem: '],
  ['resnet-18 large', 'expected parameters such as key=value, got "large"'],
  ['resnet-18 depht=2', 'Unrecognized key: "depht"'],
])('%s is refused', (name, message) => {
  expect(() => architecture(name)).toThrow(message);
});

test('an unknown architecture is named with the nearest', () => {
  expect(() => architecture('resnte-18')).toThrow('unknown architecture "resnte-18"; did you mean "resnet-18"?');
});

test.each([
  ['vit', [33, 32, 3], 'expected images of whole patches of 16 and a width of whole heads, got 33x32 and 384 in 6 heads'],
  ['vit', [32, 40, 3], 'got 32x40'],
  ['vit heads=7', [32, 32, 3], '384 in 7 heads'],
  ['vit patch=8 stem=convolution', [32, 32, 3], 'a stem of convolutions makes patches of 16, got patch=8'],
] as const)('%s at %j is refused', (name, inputShape, message) => {
  const graph = () => architecture(name).graph({ inputShape, classes: 10, mean: [0, 0, 0], std: [1, 1, 1] });
  expect(graph).toThrow(message);
});

test.each(['xvit-tiny-16', 'vit-tiny-16x', 'xconvnext-tiny', 'convnext-tinyx', 'xdm-preact-resnet-18', 'dm-preact-resnet-18x'])(
  '%s is no name, though it holds one',
  (name) => {
    expect(() => architecture(name)).toThrow(RampartError);
  },
);

test('a parameter that is none is told with its architecture', () => {
  expect(() => architecture('vit nonsense')).toThrow('[architecture vit] expected parameters such as key=value, got "nonsense"');
  expect(() => architecture('vit depth=0')).toThrow('[architecture vit depth=0] depth: ');
});

test('DeepMind`s 34 layers are 3, 4, 6 and 3 blocks, at half the size after each stage but the first', () => {
  const graph = architecture('dm-preact-resnet-34').graph({ inputShape: [32, 32, 3], classes: 10, mean: [0, 0, 0], std: [1, 1, 1] });
  const names = graph.nodes.flatMap((node) => ('name' in node && node.name?.match(/^layer_\d\.\d+/)) || []);
  const blocks = [...new Set(names)];
  expect(blocks.map((name) => name.split('.')[0])).toEqual([
    ...Array(3).fill('layer_0'),
    ...Array(4).fill('layer_1'),
    ...Array(6).fill('layer_2'),
    ...Array(3).fill('layer_3'),
  ]);
  // before a convolution of stride 2 the image gets one more row and column at its end
  const sides = shapesOf(graph).map(([h]) => h);
  expect([...new Set(sides)]).toEqual([32, 33, 16, 17, 8, 9, 4, 1]);
});
