/** The compiler for training: the forward pass of a network in one call, every gradient of it in another. */
import { type Graph, inputsOf, type Node, type NodeId } from '../../models/graph/graph.ts';
import { isLayer } from '../../models/graph/layers.ts';
import { BN_EPS } from '../../models/graph/node.ts';
import type { TrainingProgram, TrainingValues, Wanted } from '../../models/graph/training.ts';
import { tf } from '../../tensor/tf.ts';
import { TRAINING_KINDS } from './agree.ts';
import { BACKEND, type TorchBackend } from './backend.ts';
import type { Pass } from './passes.ts';
import type { Output } from './slot.ts';

const KERNEL = 'RampartTorchTrainingPass';

type Kind = (typeof TRAINING_KINDS)[number];

interface Step {
  kind: Kind;
  a: number;
  b: number;
  relu: boolean;
  stride: number;
  window: number;
  /** Of a pool. */
  pad: number;
  /** Where the weights come from: parameters by name, or the two of a `normalize` node. */
  weights: readonly (string | { of: Node; part: 0 | 1 })[];
  /** Of a normalisation. */
  norm?: TrainingProgram['norms'][number];
}

/** A sum goes into the normalisation that it alone reads, a ReLU into the normalisation or sum that it alone reads. */
function fuse(graph: Graph): Step[] | undefined {
  const readers = graph.nodes.map(() => 0);
  for (const node of graph.nodes.slice(0, graph.features + 1)) for (const i of inputsOf(node)) readers[i] = (readers[i] as number) + 1;
  const steps: Step[] = [];
  const at: number[] = []; // where each node of `graph` ended up
  const emit = (kind: Kind, a: number, more: Partial<Step> = {}) =>
    steps.push({ kind, a, b: -1, relu: false, stride: 1, window: 0, pad: -1, weights: [], ...more }) - 1;
  const place = (id: NodeId) => at[id] as number;
  for (const [i, node] of graph.nodes.slice(0, graph.features + 1).entries()) {
    const [first, second] = inputsOf(node) as [NodeId, NodeId];
    const a = first === undefined ? -1 : place(first);
    const before = steps[a];
    if (node.op === 'relu' && readers[first] === 1 && before && (before.kind === 'bn' || before.kind === 'add') && !before.relu) {
      before.relu = true;
      at[i] = a;
    } else if (node.op === 'add') {
      const later = Math.max(a, place(second));
      const [own, other] = later === a ? [first, second] : [second, first];
      const norm = steps[later] as Step;
      if (norm.kind === 'bn' && !norm.relu && norm.b < 0 && readers[own] === 1 && own !== other) {
        norm.b = place(other);
        at[i] = later;
      } else at[i] = emit('add', a, { b: place(second) });
    } else if (node.op === 'conv') {
      const weights = [`${node.name}.weight`, ...(node.bias ? [`${node.name}.bias`] : [])];
      at[i] = emit('conv', a, { stride: node.stride, window: node.pad, weights });
    } else if (node.op === 'bn') {
      if (node.eps !== BN_EPS) return undefined;
      at[i] = emit('bn', a, { weights: [`${node.name}.weight`, `${node.name}.bias`], norm: { name: node.name, channels: node.channels } });
    } else if (node.op === 'normalize')
      at[i] = emit('normalize', a, {
        weights: [
          { of: node, part: 0 },
          { of: node, part: 1 },
        ],
      });
    else if (node.op === 'maxPool') at[i] = emit('maxPool', a, { stride: node.stride, window: node.kernel, pad: node.pad });
    else if (node.op === 'linear' || isLayer(node)) return undefined;
    else at[i] = emit(node.op, a);
  }
  // the program's result is its last step
  return place(graph.features) === steps.length - 1 ? steps : undefined;
}

/** Ten numbers a step: kind, inputs, relu, stride, padding or window, places of up to four weights, the last of a pool its padding. */
function encode(steps: readonly Step[]): number[] {
  let weights = 0;
  return steps.flatMap((step) => {
    const places = [-1, -1, -1, step.pad].map((none, i) => (i < step.weights.length ? weights++ : none));
    return [TRAINING_KINDS.indexOf(step.kind), step.a, step.b, step.relu ? 1 : 0, step.stride, step.window, ...places];
  });
}

/** The pass behind the features that it made. */
const passes = new WeakMap<object, Pass>();

const INPUT = 'x';
const weightName = (place: number) => `w${place}`;

interface Attrs {
  readonly code: number[];
  readonly weights: number;
  readonly wanted: Wanted;
}

/** Inputs `x`, `w0`, `w1`, ...; outputs features, means, variances. The pass lives as long as the features. */
function trainingPass(torch: TorchBackend): tf.KernelConfig {
  return {
    kernelName: KERNEL,
    backendName: BACKEND,
    kernelFunc: ({ inputs, attrs }) => {
      const { code, weights } = attrs as unknown as Attrs;
      const slot = (name: string) => torch.slot((inputs as Record<string, tf.TensorInfo>)[name] as tf.TensorInfo);
      const slots = Array.from({ length: weights }, (_, i) => slot(weightName(i)));
      const pass = torch.ops.trainForward(code, slots, slot(INPUT));
      const [features, means, variances] = torch.ops.trainOutputs(pass) as [Output, Output, Output];
      const info = torch.adopt(features, () => torch.ops.trainRelease(pass));
      passes.set(info.dataId, pass);
      return [info, torch.adopt(means), torch.adopt(variances)];
    },
  };
}

/** What was not hinted at is computed when it is asked for. */
function passGradient(torch: TorchBackend): tf.GradConfig {
  return {
    kernelName: KERNEL,
    outputsToSave: [true, false, false],
    gradFunc: (dys, saved, attrs) => {
      const { weights, wanted } = attrs as unknown as Attrs;
      const pass = passes.get((saved[0] as tf.Tensor).dataId) as Pass;
      const dy = torch.slot((dys as tf.Tensor[])[0] as tf.Tensor);
      const computed = { input: false, parameters: false };
      const gradient = (kind: keyof typeof computed, place: number) => () => {
        if (!computed[kind]) {
          const input = kind === 'input' || (wanted !== 'parameters' && !computed.input);
          const parameters = kind === 'parameters' || (wanted !== 'input' && !computed.parameters);
          torch.ops.trainBackward(pass, dy, input, parameters);
          computed.input ||= input;
          computed.parameters ||= parameters;
        }
        return torch.tensor(torch.ops.trainGradient(pass, place));
      };
      return {
        [INPUT]: gradient('input', -1),
        ...Object.fromEntries(Array.from({ length: weights }, (_, i) => [weightName(i), gradient('parameters', i)])),
      };
    },
  };
}

/** Called once, when the engine starts. */
export function registerTrainingPass(torch: TorchBackend): void {
  tf.registerKernel(trainingPass(torch));
  tf.registerGradient(passGradient(torch));
}

/** Compiles the training passes of `graph`; undefined for a graph with a linear layer before its features. */
export function compileTrainingPass(graph: Graph): TrainingProgram | undefined {
  const steps = fuse(graph);
  if (!steps) return undefined;
  const code = encode(steps);
  const sources = steps.flatMap((step) => step.weights);
  const norms = steps.flatMap(({ norm }) => norm ?? []);
  return {
    norms,
    run(x: tf.Tensor4D, { value, normalization }: TrainingValues, wanted: Wanted) {
      const weights = sources.map((source) => (typeof source === 'string' ? value(source) : normalization(source.of)[source.part]));
      const inputs = { [INPUT]: x, ...Object.fromEntries(weights.map((w, i) => [weightName(i), w])) };
      const attrs: Attrs = { code, weights: weights.length, wanted };
      const made = tf.engine().runKernel(KERNEL, inputs, attrs as unknown as tf.NamedAttrMap) as unknown as tf.Tensor[];
      const [features, means, variances] = made as [tf.Tensor2D, tf.Tensor1D, tf.Tensor1D];
      return { features, means, variances };
    },
  };
}
