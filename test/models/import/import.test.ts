/** Weights as a network: the normalisation is the one that is stated, and none is put in unasked. */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type ArchitecturePlugin, defineArchitecture } from '../../../models/architecture.ts';
import { parametersOf } from '../../../models/graph/parameters.ts';
import { bytesInMemory } from '../../../models/import/bytes.ts';
import { type ImportOptions, importWeights } from '../../../models/import/import.ts';
import { architecture } from '../../../models/index.ts';
import { type Entry, writeSafetensors } from '../../../models/safetensors.ts';
import { dict, int, legacy, tensor } from './checkpoints-by-hand.ts';

const setup = { inputShape: [32, 32, 3] as [number, number, number], classes: 10, mean: [0, 0, 0], std: [1, 1, 1] };

function weightsOf(arch: string): Map<string, Entry> {
  const parameters = architecture(arch).graph(setup).nodes.flatMap(parametersOf);
  return new Map(
    parameters.map(({ name, shape }) => [name, { shape: [...shape], data: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(0.5) }]),
  );
}

const channels = (...values: number[]): Entry => ({ shape: [1, 3, 1, 1], data: Float32Array.from(values) });

function read(arch: string, entries: ReadonlyMap<string, Entry>, options: Partial<ImportOptions> = {}) {
  const source = bytesInMemory(writeSafetensors(entries), 'w.safetensors');
  return importWeights(source, { arch, inputShape: setup.inputShape, classes: setup.classes, ...options });
}

describe('normalisation', () => {
  it('that nobody states is an error, not a guess', () => {
    expect(() => read('wrn-10-1', weightsOf('wrn-10-1'))).toThrow(
      '[model wrn-10-1] w.safetensors states no normalisation; give mean and std per channel as the model was trained with, or normalization: none',
    );
  });

  it('that the file states is taken', () => {
    const entries = weightsOf('wrn-10-1')
      .set('mu', channels(0.5, 0.25, 0.125))
      .set('sigma', channels(0.25, 0.5, 1));
    const { normalization, graph } = read('wrn-10-1', entries);
    expect(normalization).toEqual({ mean: [0.5, 0.25, 0.125], std: [0.25, 0.5, 1] });
    expect(graph.nodes.find((n) => n.op === 'normalize')).toMatchObject({ mean: [0.5, 0.25, 0.125], std: [0.25, 0.5, 1] });
  });

  it('that its user states goes before that of the file', () => {
    const entries = weightsOf('wrn-10-1')
      .set('mu', channels(0.5, 0.25, 0.125))
      .set('sigma', channels(0.25, 0.5, 1));
    const own = { mean: [0, 0, 0], std: [1, 1, 1] };
    expect(read('wrn-10-1', entries, { normalization: own }).normalization).toEqual(own);
  });

  it('is among the weights of the architectures that have it there', () => {
    const entries = weightsOf('resnet-tiny');
    entries.set('enc.mean', channels(0.5, 0.25, 0.125)).set('enc.std', channels(0.25, 0.5, 1));
    expect(read('resnet-tiny', entries).normalization).toEqual({ mean: [0.5, 0.25, 0.125], std: [0.25, 0.5, 1] });
  });
});

it('names the architecture whose names the file has', () => {
  const options = { normalization: { mean: [0, 0, 0], std: [1, 1, 1] } };
  expect(() => read('resnet-18', weightsOf('resnet-34'), options)).toThrow(/and \d+ more; its names are those of resnet-34$/);
  expect(() => read('preact-resnet-18', weightsOf('resnet-18'), options)).toThrow(/; its names are those of resnet-18$/);
  expect(() => read('resnet-18', weightsOf('resnet-18 stem=imagenet'), options)).toThrow(
    /: conv1\.weight is \[64, 3, 7, 7\], expected \[64, 3, 3, 3\]; missing .*; its names are those of resnet-18 stem=imagenet$/,
  );
  const strange = new Map([['a.weight', channels(1, 2, 3)]]);
  expect(() => read('resnet-18', strange, options)).toThrow(/does not fit: missing conv1\.weight; .*; and \d+ more$/);
});

it('says where in a checkpoint the state dict was', () => {
  const source = legacy(dict({ epoch: int(3), model: dict({ w: tensor() }) }));
  const tiny = defineArchitecture({
    name: 'one-weight',
    title: '',
    paper: '',
    version: 1,
    params: z.strictObject({}),
    members: { 'one-weight': 32 },
    graph: (_, { inputShape, classes }) => ({
      nodes: [{ op: 'input' }, { op: 'scale', input: 0, name: 'w', shape: [3], initial: 1 }],
      output: 1,
      features: 1,
      inputShape,
      classes,
      init: 'torch',
    }),
  }) as ArchitecturePlugin;
  const options = { arch: 'one-weight', inputShape: setup.inputShape, classes: 10, families: [tiny] };
  const { notes, kind } = importWeights(source, { ...options, normalization: { mean: [0, 0, 0], std: [1, 1, 1] } });
  expect(kind).toBe('pytorch-legacy');
  expect(notes).toEqual(['the state dict is under "model"']);
});

it('says what was done to the file', () => {
  const entries = new Map([...weightsOf('wrn-10-1')].map(([name, entry]) => [`module.${name}`, entry]));
  entries.set('module.sub_block1.layer.0.bn1.weight', channels(1, 1, 1));
  const { notes, kind } = read('wrn-10-1', entries, { normalization: { mean: [0, 0, 0], std: [1, 1, 1] } });
  expect(kind).toBe('safetensors');
  expect(notes).toEqual(['names without their prefix "module."', 'left out, because no forward pass reads them: sub_block1.* (1 entry)']);
});
