/** Parts of architectures by their names and shapes: stems, shortcuts, windows, and how weights start. */
import { beforeAll, expect, test } from 'vitest';
import type { Graph } from '../../models/graph/graph.ts';
import { parametersOf } from '../../models/graph/parameters.ts';
import { architecture, createNetwork } from '../../models/index.ts';
import { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const plain = { classes: 10, mean: [0, 0, 0], std: [1, 1, 1] };

/** The names of a graph's parameters that match, with their shapes. */
const parametersLike = (graph: Graph, pattern: RegExp) =>
  graph.nodes.flatMap(parametersOf).flatMap(({ name, shape }) => (pattern.test(name) ? [`${name} ${shape.join()}`] : []));

test('DeepMind`s blocks take a 3x3 shortcut where the size or the channels change, and none where neither does', () => {
  const graph = architecture('dm-preact-resnet-18').graph({ ...plain, inputShape: [32, 32, 3] });
  expect(parametersLike(graph, /shortcut.*weight$/)).toEqual([
    'layer_1.0.shortcut.weight 128,64,3,3',
    'layer_2.0.shortcut.weight 256,128,3,3',
    'layer_3.0.shortcut.weight 512,256,3,3',
  ]);
});

test('stems of convolutions have the names and widths of their papers', () => {
  const vit = architecture('vit-small-16 stem=convolution').graph({ ...plain, inputShape: [32, 32, 3] });
  expect(parametersLike(vit, /stem.*weight$/)).toEqual([
    'patch_embed.proj.stem.0.weight 48,3,3,3',
    'patch_embed.proj.stem.1.weight 48',
    'patch_embed.proj.stem.3.weight 96,48,3,3',
    'patch_embed.proj.stem.4.weight 96',
    'patch_embed.proj.stem.6.weight 192,96,3,3',
    'patch_embed.proj.stem.7.weight 192',
    'patch_embed.proj.stem.9.weight 384,192,3,3',
    'patch_embed.proj.stem.10.weight 384',
    'patch_embed.proj.stem.12.weight 384,384,1,1',
  ]);
  const stemOf = (name: string) =>
    parametersLike(architecture(name).graph({ ...plain, inputShape: [32, 32, 3] }), /^stem.*weight$/).filter((line) =>
      line.includes('3,3'),
    );
  expect(stemOf('convnext-tiny stem=convolution')).toEqual(['stem.stem.0.weight 48,3,3,3', 'stem.stem.3.weight 96,48,3,3']);
  expect(stemOf('convnext-base stem=convolution')).toEqual([
    'stem.stem.0.weight 64,3,3,3',
    'stem.stem.3.weight 96,64,3,3',
    'stem.stem.6.weight 128,96,3,3',
  ]);
});

test('every other block of Swin shifts its windows by half, unless one window is the whole map', () => {
  const { nodes } = architecture('swin width=8 depths=[4,3] headWidth=4 patch=2 window=4').graph({ ...plain, inputShape: [16, 16, 3] });
  const seen = nodes.flatMap((node) => (node.op === 'windowAttention' ? [[node.window, node.shift, node.heads]] : []));
  expect(seen).toEqual([
    [4, 0, 2],
    [4, 2, 2],
    [4, 0, 2],
    [4, 2, 2],
    [4, 0, 4],
    [4, 0, 4],
    [4, 0, 4],
  ]);
});

test('between the stages of Swin stand a normalisation of four times the width and a projection to twice', () => {
  const graph = architecture('swin width=8 depths=[2,2] headWidth=4 patch=2 window=4').graph({ ...plain, inputShape: [16, 16, 3] });
  expect(parametersLike(graph, /downsample/)).toEqual([
    'layers.0.downsample.norm.weight 32',
    'layers.0.downsample.norm.bias 32',
    'layers.0.downsample.reduction.weight 16,32',
  ]);
});

test.each([
  ['swin', [224, 192, 3], 'got 224x192 and 96'],
  ['swin', [192, 192, 3], '4 stages cut into whole windows of 7 patches of 4'],
  ['swin', [226, 226, 3], 'got 226x226'],
  ['swin headWidth=36', [224, 224, 3], 'a width of whole heads of 36'],
] as const)('%s at %j is refused too', (name, inputShape, message) => {
  expect(() => architecture(name).graph({ ...plain, inputShape: [...inputShape] })).toThrow(message);
});

test('weights of Wide ResNets are normal with the deviation of He et al. by the channels that leave, the last layer and all others uniform', async () => {
  const network = createNetwork('wrn-10-4', { ...plain, inputShape: [32, 32, 3] }, new Rng('init'));
  const entries = await network.save();
  const spread = (name: string) => {
    const { data } = entries.get(name) ?? { data: new Float32Array(0) };
    return Math.sqrt(data.reduce((sum, v) => sum + v * v, 0) / data.length);
  };
  const four = (n: number) => 4 / Math.sqrt(2 * n);
  for (const [name, k, inC, outC] of [
    ['block2.layer.0.conv1.weight', 3, 64, 128],
    ['block2.layer.0.convShortcut.weight', 1, 64, 128],
  ] as const)
    expect(Math.abs(spread(name) / Math.sqrt(2 / (k * k * outC)) - 1), name).toBeLessThan(four(k * k * inC * outC));
  const last = entries.get('fc.weight')?.data as Float32Array;
  expect(Math.max(...last.map(Math.abs))).toBeLessThanOrEqual(1 / 16);
  expect(Math.max(...last)).toBeGreaterThan(0.95 / 16);
});
