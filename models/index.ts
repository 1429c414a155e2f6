/** The table of architectures. */
import { unknownName } from '../errors.ts';
import type { Rng } from '../tensor/rng.ts';
import type { Architecture, ArchSetup } from './architecture.ts';
import { cnnSmall } from './cnn.ts';
import { Network } from './network.ts';
import { preActResnet18, resnet, resnetTiny, wideResnet } from './resnet.ts';

export const architectures: readonly Architecture[] = [
  { name: 'cnn-small', title: 'CNN 16-32-64', version: 1, graph: cnnSmall },
  { name: 'resnet-tiny', title: 'ResNet 16-32-64, three blocks', version: 1, graph: resnetTiny },
  { name: 'resnet-18', title: 'ResNet-18', version: 1, graph: resnet([2, 2, 2, 2], 'basic') },
  { name: 'resnet-50', title: 'ResNet-50', version: 1, graph: resnet([3, 4, 6, 3], 'bottleneck') },
  { name: 'preact-resnet-18', title: 'PreAct ResNet-18', version: 1, graph: preActResnet18 },
  { name: 'wrn-28-10', title: 'Wide ResNet 28-10', version: 1, graph: wideResnet(28, 10) },
  { name: 'wrn-34-10', title: 'Wide ResNet 34-10', version: 1, graph: wideResnet(34, 10) },
];

/** Throws, with the nearest name, when there is none such. */
export function architecture(name: string): Architecture {
  const found = architectures.find((a) => a.name === name);
  if (!found)
    throw unknownName(
      'architecture',
      name,
      architectures.map((a) => a.name),
    );
  return found;
}

/** A network with initial weights drawn from `rng`. The caller owns it. */
export function createNetwork(name: string, setup: ArchSetup, rng: Rng): Network {
  return new Network(name, architecture(name).graph(setup), rng);
}
