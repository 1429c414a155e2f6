/** A network frozen in two parts, so that what its last layer takes can be seen and pulled back. */
import { RampartError } from '../../errors.ts';
import { tf } from '../../tensor/tf.ts';
import type { Classifier, Linearized } from '../classifier.ts';
import { compileFrozen, fold, freeze, type Normalization, type Value } from './frozen.ts';
import type { Graph } from './graph.ts';

/**
 * Frozen whole, for its logits, which are those of `freeze` bit for bit, and once more up to the features, with the last layer beside it: all
 * but that layer is held twice. Features that are a flattened image are in the order of memory (row, column, channel). The caller owns the
 * classifier. Throws where the network does not end in a linear layer on one vector an image.
 */
export function freezeInParts(graph: Graph, value: Value, normalization: Normalization): Classifier {
  const { nodes, output, ...folded } = fold(graph, value, normalization);
  const last = nodes[output];
  if (last?.op !== 'linear' || !last.flat)
    throw new RampartError('[model] expected a network that ends in a linear layer, to show what it takes');
  const { input, weight, bias } = last;
  const width = weight.shape[0];
  const body = compileFrozen({ ...folded, nodes: nodes.slice(0, input + 1), output: input, classes: width }, 'fp32');
  const whole = freeze(graph, value, normalization);
  return {
    classes: whole.classes,
    inputShape: whole.inputShape,
    logits: (x) => whole.logits(x),
    linearize: (x) => linearized(whole, x),
    features: {
      width,
      linearize: (x) => linearized(body, x),
      logits: (features) => tf.tidy(() => tf.matMul(features, weight).add(bias)),
    },
    dispose() {
      whole.dispose();
      body.dispose();
      tf.dispose([weight, bias]);
    },
  };
}

/** By the pass of its own that every frozen network has. */
const linearized = (frozen: Classifier, x: tf.Tensor4D) => (frozen.linearize as (x: tf.Tensor4D) => Linearized).call(frozen, x);
