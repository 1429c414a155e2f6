/** What a network's weights file holds, read from its graph alone: every parameter and buffer by PyTorch name, with PyTorch's shape. */
import { RampartError } from '../../errors.ts';
import type { Entry } from '../safetensors.ts';
import type { Graph, Node } from './graph.ts';
import { isLayer, layerParameters } from './layers.ts';
import type { Parameter } from './node.ts';

/** The parameters and buffers of one node, in PyTorch's order. */
export function parametersOf(node: Node): Parameter[] {
  const plain = (name: string, shape: readonly number[], trainable: boolean): Parameter => ({ name, shape, layout: 'plain', trainable });
  switch (node.op) {
    case 'normalize': {
      const shape = [1, node.mean.length, 1, 1];
      return node.name === undefined ? [] : [plain(`${node.name}mean`, shape, false), plain(`${node.name}std`, shape, false)];
    }
    case 'conv': {
      const { name, outC, inC, kernel } = node;
      const weight = { name: `${name}.weight`, shape: [outC, inC, kernel, kernel], layout: 'conv', trainable: true } as const;
      return node.bias ? [weight, plain(`${name}.bias`, [outC], true)] : [weight];
    }
    case 'linear': {
      const { name, outC, inC } = node;
      const weight = { name: `${name}.weight`, shape: [outC, inC], layout: 'linear', trainable: true } as const;
      return node.bias ? [weight, plain(`${name}.bias`, [outC], true)] : [weight];
    }
    case 'bn': {
      const c = [node.channels];
      const named = (what: string, trainable: boolean) => plain(`${node.name}.${what}`, c, trainable);
      return [named('weight', true), named('bias', true), named('running_mean', false), named('running_var', false)];
    }
    default:
      return isLayer(node) ? layerParameters(node) : [];
  }
}

/** Entries that PyTorch keeps and no forward pass reads. */
const unread = (name: string) => name.endsWith('num_batches_tracked');

/** Throws a RampartError that names every missing, extra and misshapen entry. `arch` and `source` are for the message. */
export function checkEntries(graph: Graph, entries: ReadonlyMap<string, Entry>, arch: string, source: string): void {
  const parameters = new Map(graph.nodes.flatMap(parametersOf).map((p) => [p.name, p]));
  const problems = [
    ...[...parameters.keys()].filter((n) => !entries.has(n)).map((n) => `missing ${n}`),
    ...[...entries.keys()].filter((n) => !parameters.has(n) && !unread(n)).map((n) => `extra ${n}`),
  ];
  for (const { name, shape } of parameters.values()) {
    const got = entries.get(name);
    if (got && got.shape.join() !== shape.join()) problems.push(`${name} is [${got.shape.join(', ')}], expected [${shape.join(', ')}]`);
  }
  if (problems.length > 0) throw new RampartError(`[model ${arch}] ${source} does not fit: ${problems.join('; ')}`);
}
