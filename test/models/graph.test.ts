/** Shapes, parameters and multiply-adds of graphs, by hand. */
import { expect, test } from 'vitest';
import { activations, flatNodes, type Graph, GraphBuilder, inputsOf, multiplyAdds, shapesOf } from '../../models/graph/graph.ts';
import type { LayerNode } from '../../models/graph/layers.ts';
import { layerInitial, layerMultiplyAdds, layerParameters, layerShape } from '../../models/graph/layers.ts';
import { parametersOf } from '../../models/graph/parameters.ts';
import { Rng } from '../../tensor/rng.ts';

/** 9 x 7 colour images through every node of residual networks. */
function everything(): Graph {
  const g = new GraphBuilder();
  const plain = g.normalize(0, [0.5, 0.5, 0.5], [1, 1, 1]);
  const conv = g.conv(plain, 'a', 3, 4, 3, 2, { bias: true });
  const bn = g.bn(conv, 'a_bn', 4);
  const added = g.add(g.relu(bn), g.conv(bn, 'b', 4, 4, 1));
  const pooled = g.maxPool(added, 2);
  const padded = g.maxPool(pooled, 3, 1, 1);
  return g.finish(g.flatten(padded), 'fc', 16, { inputShape: [9, 7, 3], classes: 10 });
}

test('every node has the height, width and channels of its output', () => {
  expect(shapesOf(everything())).toEqual([
    [9, 7, 3],
    [9, 7, 3],
    [5, 4, 4],
    [5, 4, 4],
    [5, 4, 4],
    [5, 4, 4],
    [5, 4, 4],
    [2, 2, 4],
    [2, 2, 4],
    [1, 1, 16],
    [1, 1, 10],
  ]);
});

test('a sum reads both of its inputs, every other node the one before it', () => {
  expect(everything().nodes.map((node) => [...inputsOf(node)])).toEqual([[], [0], [1], [2], [3], [3], [4, 5], [6], [7], [8], [9]]);
});

test('a sum of two shapes is refused', () => {
  const g = new GraphBuilder();
  const sum = g.add(0, g.conv(0, 'a', 3, 3, 9, 1, { pad: 0 }));
  const graph = g.finish(g.globalAvgPool(sum), 'fc', 3, { inputShape: [9, 9, 3], classes: 2 });
  expect(() => shapesOf(graph)).toThrow('[model] node 2 adds [1, 1, 3] to [9, 9, 3], expected one shape');
});

test('nodes are flat from the flattening on', () => {
  expect(flatNodes(everything())).toEqual([...Array(9).fill(false), true, true]);
  const g = new GraphBuilder();
  g.relu(g.globalAvgPool(0));
  const graph = g.finish(2, 'fc', 3, { inputShape: [4, 4, 3], classes: 2 });
  expect(flatNodes(graph)).toEqual([false, true, true, true]);
  expect(shapesOf(graph)).toEqual([
    [4, 4, 3],
    [1, 1, 3],
    [1, 1, 3],
    [1, 1, 2],
  ]);
});

test('multiply-adds are those of convolutions and linear layers, at every point of their output', () => {
  expect(multiplyAdds(everything())).toBe(5 * 4 * 9 * 3 * 4 + 5 * 4 * 4 * 4 + 16 * 10);
});

test('a convolution pads so that a stride of 1 keeps the size, and has no bias, unless told otherwise', () => {
  const g = new GraphBuilder();
  g.conv(0, 'a', 1, 2, 5);
  g.conv(0, 'b', 1, 2, 5, 3, { pad: 0, bias: true });
  expect(g.nodes.slice(1)).toEqual([
    { op: 'conv', input: 0, name: 'a', inC: 1, outC: 2, kernel: 5, stride: 1, pad: 2, bias: false },
    { op: 'conv', input: 0, name: 'b', inC: 1, outC: 2, kernel: 5, stride: 3, pad: 0, bias: true },
  ]);
});

test('parameters have the names, shapes and order of PyTorch, and buffers are not trained', () => {
  const all = everything().nodes.flatMap(parametersOf);
  expect(all.map(({ name, shape, trainable }) => [name, shape.join(), trainable])).toEqual([
    ['a.weight', '4,3,3,3', true],
    ['a.bias', '4', true],
    ['a_bn.weight', '4', true],
    ['a_bn.bias', '4', true],
    ['a_bn.running_mean', '4', false],
    ['a_bn.running_var', '4', false],
    ['b.weight', '4,4,1,1', true],
    ['fc.weight', '10,16', true],
    ['fc.bias', '10', true],
  ]);
  const named = parametersOf({ op: 'normalize', input: 0, mean: [0.1, 0.2], std: [1, 1], name: 'norm.' });
  expect(named.map(({ name, shape, trainable }) => [name, shape.join(), trainable])).toEqual([
    ['norm.mean', '1,2,1,1', false],
    ['norm.std', '1,2,1,1', false],
  ]);
});

const grouped: LayerNode = { op: 'groupedConv', input: 0, name: 'g', inC: 4, outC: 6, kernel: 3, stride: 2, pad: 0, bias: true, groups: 2 };
const tokens: LayerNode = { op: 'tokens', input: 0, classToken: 'cls', positions: 'pos', tokens: 7, channels: 5 };
const scale: LayerNode = { op: 'scale', input: 0, name: 'gamma', shape: [2, 3], initial: 0.5 };
const layerNorm: LayerNode = { op: 'layerNorm', input: 0, name: 'ln', channels: 3, eps: 1e-6 };
const attention: LayerNode = { op: 'attention', input: 0, heads: 2 };

test('layers of transformers have the shapes of their outputs', () => {
  expect(layerShape({ op: 'pad', input: 0, top: 1, bottom: 2, left: 3, right: 5 }, [4, 4, 2])).toEqual([7, 12, 2]);
  expect(layerShape(grouped, [9, 6, 4])).toEqual([4, 2, 6]);
  expect(layerShape({ ...grouped, pad: 1 }, [9, 6, 4])).toEqual([5, 3, 6]);
  expect(layerShape(tokens, [2, 3, 5])).toEqual([7, 1, 5]);
  expect(layerShape(attention, [7, 1, 12])).toEqual([7, 1, 4]);
  expect(layerShape({ op: 'windowAttention', input: 0, table: 't', heads: 2, window: 4, shift: 0 }, [8, 12, 12])).toEqual([8, 12, 4]);
  expect(layerShape({ op: 'mergePatches', input: 0 }, [8, 12, 5])).toEqual([4, 6, 20]);
  expect(layerShape({ op: 'classToken', input: 0 }, [7, 1, 4])).toEqual([1, 1, 4]);
  expect(layerShape(layerNorm, [7, 2, 4])).toEqual([7, 2, 4]);
});

test('their multiply-adds are those of the grouped convolution, and of scores and values in attention', () => {
  expect(layerMultiplyAdds(grouped, [9, 6, 4], [4, 2, 6])).toBe(4 * 2 * 9 * 2 * 6);
  expect(layerMultiplyAdds(attention, [7, 1, 12], [7, 1, 4])).toBe(7 * 7 * 4 + 7 * 7 * 4);
  expect(layerMultiplyAdds(layerNorm, [7, 1, 4], [7, 1, 4])).toBe(0);
});

test('their parameters have the names and shapes of PyTorch', () => {
  const shapes = (node: LayerNode) => layerParameters(node).map(({ name, shape }) => `${name} ${shape.join()}`);
  expect(shapes(grouped)).toEqual(['g.weight 6,2,3,3', 'g.bias 6']);
  expect(shapes({ ...grouped, bias: false })).toEqual(['g.weight 6,2,3,3']);
  expect(shapes(layerNorm)).toEqual(['ln.weight 3', 'ln.bias 3']);
  expect(shapes(scale)).toEqual(['gamma 2,3']);
  expect(shapes(tokens)).toEqual(['cls 1,1,5', 'pos 1,7,5']);
  expect(shapes(attention)).toEqual([]);
});

test('they start as PyTorch and torchvision start them', () => {
  const start = (node: LayerNode) => layerInitial(node, new Rng('start'));
  const [weight, bias] = start(grouped) as [Float32Array, Float32Array];
  const bound = 1 / Math.sqrt(2 * 9);
  expect([weight.length, bias.length]).toEqual([6 * 2 * 9, 6]);
  expect(Math.max(...weight.map(Math.abs))).toBeLessThanOrEqual(bound);
  expect(Math.max(...weight)).toBeGreaterThan(0.9 * bound);
  expect(Math.min(...weight)).toBeLessThan(-0.9 * bound);
  expect(Math.max(...bias.map(Math.abs))).toBeLessThanOrEqual(bound);
  expect(start({ ...grouped, bias: false })).toHaveLength(1);
  expect(start(layerNorm).map((v) => [...v])).toEqual([
    [1, 1, 1],
    [0, 0, 0],
  ]);
  expect(start(scale).map((v) => [...v])).toEqual([Array(6).fill(0.5)]);
  const [cls, positions] = start({ ...tokens, tokens: 400 }) as [Float32Array, Float32Array];
  expect([cls.length, positions.length]).toEqual([5, 2000]);
  // the spread of 2000 draws of deviation 0.02, to four standard errors
  const deviation = Math.sqrt(positions.reduce((sum, v) => sum + v * v, 0) / positions.length);
  expect(Math.abs(deviation / 0.02 - 1)).toBeLessThan(4 / Math.sqrt(2 * 2000));
});

test('activations are the numbers of every node: the image, what convolution and pool make of it, the logits', () => {
  const b = new GraphBuilder();
  const pooled = b.globalAvgPool(b.conv(0, 'conv', 3, 4, 3, 2));
  expect(activations(b.finish(pooled, 'fc', 4, { inputShape: [8, 6, 3], classes: 10 }))).toBe(8 * 6 * 3 + 4 * 3 * 4 + 4 + 10);
});
