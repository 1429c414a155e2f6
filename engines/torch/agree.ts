/** What C++ and TypeScript must hold alike, checked when the addon loads: an addon built from other sources is refused by what differs. */
import type { FrozenNode } from '../../models/graph/frozen.ts';
import { BN_EPS } from '../../models/graph/node.ts';
import { BINARY, type Ops, type Shared, UNARY } from './binding.ts';

/** The codes of the nodes of a frozen program, in the order of `Kind` in native/graph.cc. */
export const FROZEN_KINDS: readonly FrozenNode['op'][] = [
  'input',
  'affine',
  'conv',
  'add',
  'relu',
  'maxPool',
  'globalAvgPool',
  'flatten',
  'linear',
];

/** The codes of the nodes of a training program, in the order of `Kind` in native/training.h. */
export const TRAINING_KINDS = ['input', 'normalize', 'conv', 'bn', 'relu', 'add', 'maxPool', 'globalAvgPool', 'flatten'] as const;

/** What the ten numbers of a node are. */
const NUMBERS = 'kind, a, b, relu, stride, window, three weights, a weight or the padding of a pool';

const SHARED: Shared = { frozenKinds: FROZEN_KINDS, trainingKinds: TRAINING_KINDS, numbers: NUMBERS, batchNormEps: BN_EPS };

/** All other operations; the type makes the list whole. */
const OTHERS: Record<Exclude<keyof Ops, (typeof UNARY)[number] | (typeof BINARY)[number]>, true> = {
  clip: true,
  leakyRelu: true,
  step: true,
  cast: true,
  select: true,
  addMany: true,
  sum: true,
  mean: true,
  prod: true,
  max: true,
  min: true,
  all: true,
  any: true,
  argMax: true,
  argMin: true,
  cumsum: true,
  cumprod: true,
  softmax: true,
  logSoftmax: true,
  topK: true,
  searchSorted: true,
  fill: true,
  reshape: true,
  transpose: true,
  tile: true,
  broadcastTo: true,
  reverse: true,
  concat: true,
  stack: true,
  slice: true,
  stridedSlice: true,
  split: true,
  unstack: true,
  pad: true,
  mirrorPad: true,
  range: true,
  linspace: true,
  spaceToBatch: true,
  batchToSpace: true,
  depthToSpace: true,
  gather: true,
  gatherNd: true,
  scatterNd: true,
  scatterUpdate: true,
  oneHot: true,
  segmentSum: true,
  conv: true,
  convInputGrad: true,
  convFilterGrad: true,
  depthwise: true,
  depthwiseInputGrad: true,
  depthwiseFilterGrad: true,
  maxPool: true,
  maxPoolGrad: true,
  avgPool: true,
  avgPoolGrad: true,
  lrn: true,
  lrnGrad: true,
  matMul: true,
  einsum: true,
  resizeBilinear: true,
  resizeBilinearGrad: true,
  resizeNearest: true,
  resizeNearestGrad: true,
  batchNorm: true,
  batchNormGrad: true,
  batchNormInference: true,
  crossEntropy: true,
  crossEntropyGrad: true,
  klDivergence: true,
  klDivergenceGrad: true,
  sgdMomentum: true,
  moveStatistics: true,
  trainForward: true,
  trainOutputs: true,
  trainBackward: true,
  trainGradient: true,
  trainRelease: true,
  failFor: true,
  finiteWatch: true,
  finiteNote: true,
  finiteKnown: true,
  finiteSettle: true,
  graphLoad: true,
  graphUnload: true,
  graphLogits: true,
  graphForward: true,
  graphOutput: true,
  graphPullback: true,
  graphRelease: true,
  graphReplays: true,
  graphReplayed: true,
  scriptLoad: true,
  scriptConvolutions: true,
  scriptParameters: true,
  scriptUnload: true,
  scriptLogits: true,
  scriptForward: true,
  scriptOutput: true,
  scriptPullback: true,
  scriptRelease: true,
  signStep: true,
  sphereStep: true,
  ascentStep: true,
  sphereAscent: true,
  selectRows: true,
  hyperplaneStep: true,
  boundaryStep: true,
  stepBack: true,
  squareStep: true,
};

const OPERATIONS: readonly string[] = [...UNARY, ...BINARY, ...Object.keys(OTHERS)];

/** Where an addon differs from what is expected of it here, one sentence each; none when all is well. */
export function disagreements(addon: { ops: Partial<Ops>; shared?: Partial<Shared> }): string[] {
  const offered = Object.keys(addon.ops);
  const lists = [
    ['operations that it lacks', OPERATIONS.filter((name) => !offered.includes(name))],
    ['operations that are not known here', offered.filter((name) => !OPERATIONS.includes(name))],
  ] as const;
  return [
    ...lists.filter(([, names]) => names.length > 0).map(([what, names]) => `${what}: ${names.join(', ')}`),
    ...(Object.keys(SHARED) as (keyof Shared)[])
      .filter((key) => JSON.stringify(addon.shared?.[key]) !== JSON.stringify(SHARED[key]))
      .map((key) => `${key}: expected ${JSON.stringify(SHARED[key])}, got ${JSON.stringify(addon.shared?.[key]) ?? 'none'}`),
  ];
}
