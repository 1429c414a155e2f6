/** What every architecture must do, whichever family it is of. */
import { afterEach, beforeAll, expect, test } from 'vitest';
import { crossEntropy } from '../../attacks/parts/losses.ts';
import { createTarget } from '../../attacks/target.ts';
import type { ArchitecturePlugin } from '../../models/architecture.ts';
import { multiplyAdds } from '../../models/graph/graph.ts';
import { Network } from '../../models/network.ts';
import { Rng } from '../../tensor/rng.ts';
import { type Shape, tf } from '../../tensor/tf.ts';

/** Tests of `plugin` with some parameters on images of `inputShape`. */
export function testArchitecture(plugin: ArchitecturePlugin, params: object = {}, inputShape: Shape = [16, 16, 3]): void {
  const classes = 7;
  const graph = () => {
    const channels = Array.from({ length: inputShape[2] }, (_, c) => 0.3 + 0.1 * c);
    return plugin.graph(plugin.params.parse(params), { inputShape, classes, mean: channels, std: channels });
  };
  const network = () => new Network(plugin.name, graph(), new Rng('weights'));
  const images = (n: number) =>
    tf.tensor4d(new Rng('images').uniform(n * inputShape[0] * inputShape[1] * inputShape[2]), [n, ...inputShape]);

  beforeAll(async () => {
    await tf.setBackend('cpu');
  });
  afterEach(() => tf.disposeVariables());

  test(`${plugin.name}: logits of an image are the same alone and in a batch`, () => {
    const classifier = network().freeze();
    const x = images(3);
    const all = classifier.logits(x);
    expect(all.shape).toEqual([3, classes]);
    expect(classifier.logits(x.slice(1, 1)).arraySync()[0]).toEqual((all.arraySync()[1] as number[]).map((v) => expect.closeTo(v, 4)));
    expect(multiplyAdds(graph())).toBeGreaterThan(0);
  });

  test(`${plugin.name}: the same seed gives the same weights, and weights are loaded by their names`, async () => {
    const [one, same] = [network(), network()];
    const saved = await one.save();
    expect([...(await same.save())]).toEqual([...saved]);
    const other = new Network(plugin.name, graph(), new Rng('other weights'));
    const x = images(2);
    other.load(saved, 'saved');
    expect(other.freeze().logits(x).arraySync()).toEqual(one.freeze().logits(x).arraySync());
  });

  test(`${plugin.name}: every image has a gradient`, () => {
    const target = createTarget(network().freeze(), plugin.name);
    const { grad } = target.gradient(images(2), crossEntropy(tf.tensor1d([0, 1], 'int32')));
    const sizes = grad.abs().reshape([2, -1]).max(1).arraySync() as number[];
    expect(sizes.every((size) => Number.isFinite(size) && size > 0)).toBe(true);
  });

  test(`${plugin.name}: a network and its frozen form leave no tensor behind`, () => {
    const before = tf.memory().numTensors;
    const trained = network();
    const frozen = trained.freeze();
    const x = images(1);
    tf.dispose([x, frozen.logits(x), trained.logits(x)]);
    for (const made of [trained, frozen]) made.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  test(`${plugin.name}: its members are read by their names`, () => {
    for (const member of Object.keys(plugin.members)) {
      const [name = ''] = member.split(' ');
      expect(name === plugin.name || plugin.parse?.(name) !== undefined, member).toBe(true);
    }
  });
}
