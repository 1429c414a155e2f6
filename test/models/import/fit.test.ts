/** Checkpoints under the names of other public code, on the graph that they belong to, and those that belong to none. */
import { describe, expect, it } from 'vitest';
import { parametersOf } from '../../../models/graph/parameters.ts';
import { fitEntries } from '../../../models/import/fit.ts';
import { architecture } from '../../../models/index.ts';
import type { Entry } from '../../../models/safetensors.ts';

const setup = { inputShape: [32, 32, 3] as [number, number, number], classes: 10, mean: [0, 0, 0], std: [1, 1, 1] };

/** Every parameter of an architecture, each with values of its own, under names that `rename` gives. */
function entriesOf(arch: string, rename: (name: string) => string = (n) => n): { ours: Map<string, Entry>; theirs: Map<string, Entry> } {
  const parameters = architecture(arch).graph(setup).nodes.flatMap(parametersOf);
  const ours = new Map(
    parameters.map(({ name, shape }, i) => [name, { shape: [...shape], data: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(i) }]),
  );
  return { ours, theirs: new Map([...ours].map(([name, entry]) => [rename(name), entry])) };
}

function fitted(arch: string, entries: ReadonlyMap<string, Entry>) {
  const found = architecture(arch);
  return fitEntries(found.graph(setup), entries, { ...found, arch, source: 'w.pt' });
}

const one = (...shape: number[]): Entry => ({ shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(0.5) });

describe('names', () => {
  it.each([
    ['wrn-10-1', 'module.'],
    ['wrn-10-1', 'module.model.'],
    ['preact-resnet-18', '1.'],
    ['resnet-18 stem=imagenet', '_orig_mod.'],
    ['dm-wrn-10-1', 'ema.model.'],
  ])('of %s lose their prefix %s', (arch, prefix) => {
    const { ours, theirs } = entriesOf(arch, (name) => prefix + name);
    const { entries, notes } = fitted(arch, theirs);
    expect(entries).toEqual(ours);
    expect(notes).toEqual([`names without their prefix "${prefix}"`]);
  });

  it('lose a prefix at a dot alone', () => {
    const { theirs } = entriesOf('wrn-10-1', (name) => `my${name}`);
    expect(() => fitted('wrn-10-1', theirs)).toThrow('[model wrn-10-1] w.pt does not fit');
  });

  const VIT = 'vit patch=8 width=12 depth=2 heads=3';
  const torchvisionVit = (name: string) =>
    name
      .replace('cls_token', 'class_token')
      .replace('pos_embed', 'encoder.pos_embedding')
      .replace('patch_embed.proj', 'conv_proj')
      .replace(/^norm\./, 'encoder.ln.')
      .replace(/^head\./, 'heads.head.')
      .replace(/^blocks\.(\d+)\./, 'encoder.layers.encoder_layer_$1.')
      .replace('.norm1.', '.ln_1.')
      .replace('.norm2.', '.ln_2.')
      .replace('.attn.qkv.', '.self_attention.in_proj_')
      .replace('.attn.proj.', '.self_attention.out_proj.')
      .replace('.mlp.fc1.', '.mlp.0.')
      .replace('.mlp.fc2.', '.mlp.3.');
  const CONVNEXT = 'convnext depths=[1,1,2,1] widths=[8,12,16,20]';
  const authorsConvnext = (name: string) =>
    name
      .replace(/^head\.norm\./, 'norm.')
      .replace(/^head\.fc\./, 'head.')
      .replace(/^stem\./, 'downsample_layers.0.')
      .replace(/^stages\.(\d)\.downsample\./, 'downsample_layers.$1.')
      .replace(/^stages\.(\d)\.blocks\./, 'stages.$1.')
      .replace('conv_dw', 'dwconv')
      .replace('mlp.fc1', 'pwconv1')
      .replace('mlp.fc2', 'pwconv2');
  const torchvisionConvnext = (name: string) =>
    name
      .replace(/^head\.norm\./, 'classifier.0.')
      .replace(/^head\.fc\./, 'classifier.2.')
      .replace(/^stem\./, 'features.0.')
      .replace(/^stages\.(\d)\.downsample\./, (_, i) => `features.${2 * Number(i)}.`)
      .replace(/^stages\.(\d)\.blocks\.(\d)\.gamma/, (_, i, b) => `features.${2 * Number(i) + 1}.${b}.layer_scale`)
      .replace(/^stages\.(\d)\.blocks\./, (_, i) => `features.${2 * Number(i) + 1}.`)
      .replace('.conv_dw.', '.block.0.')
      .replace('.norm.', '.block.2.')
      .replace('.mlp.fc1.', '.block.3.')
      .replace('.mlp.fc2.', '.block.5.');

  it.each<[string, string, (name: string) => string]>([
    ['torchvision', VIT, torchvisionVit],
    ['torchvision behind DataParallel', VIT, (name) => `module.${torchvisionVit(name)}`],
    ['the authors', CONVNEXT, authorsConvnext],
    ['torchvision', CONVNEXT, torchvisionConvnext],
  ])('of %s are read: %s', (_, arch, rename) => {
    const { ours, theirs } = entriesOf(arch, rename);
    expect([...theirs.keys()]).not.toEqual([...ours.keys()]);
    expect(fitted(arch, theirs).entries).toEqual(ours);
  });
});

describe('beside the parameters', () => {
  it.each([
    ['mu', 'sigma', ''],
    ['normalize.mean', 'normalize.std', 'model.'],
    ['0.mean', '0.std', '1.'],
  ])('%s and %s are the normalisation', (mean, std, prefix) => {
    const { theirs } = entriesOf('wrn-10-1', (name) => prefix + name);
    theirs.set(mean, { shape: [1, 3, 1, 1], data: Float32Array.of(0.5, 0.25, 0.75) });
    theirs.set(std, { shape: [3], data: Float32Array.of(0.25, 0.5, 1) });
    const { normalization, notes } = fitted('wrn-10-1', theirs);
    expect(normalization).toEqual({ mean: [0.5, 0.25, 0.75], std: [0.25, 0.5, 1] });
    expect(notes.at(-1)).toBe('normalisation of the file: mean 0.5, 0.25, 0.75, std 0.25, 0.5, 1');
  });

  it('what no forward pass reads is left out and said', () => {
    const { ours, theirs } = entriesOf('wrn-10-1');
    for (const name of ['sub_block1.layer.0.bn1.weight', 'bn1.num_batches_tracked', 'mod_encoder.fc.weight']) theirs.set(name, one(3));
    const { entries, notes } = fitted('wrn-10-1', theirs);
    expect(entries).toEqual(ours);
    expect(notes).toEqual(['left out, because no forward pass reads them: sub_block1.*, num_batches_tracked, mod_encoder.* (3 entries)']);
  });

  it('anything else is refused, with at most five names', () => {
    const { theirs } = entriesOf('wrn-10-1');
    for (let i = 0; i < 8; i++) theirs.set(`attention.${i}.weight`, one(3));
    const known =
      'extra attention.0.weight; extra attention.1.weight; extra attention.2.weight; extra attention.3.weight; extra attention.4.weight';
    expect(() => fitted('wrn-10-1', theirs)).toThrow(`[model wrn-10-1] w.pt does not fit: ${known}; and 3 more`);
  });

  it('half of a normalisation is none', () => {
    const { theirs } = entriesOf('wrn-10-1');
    theirs.set('mu', one(1, 3, 1, 1));
    expect(() => fitted('wrn-10-1', theirs)).toThrow('does not fit: extra mu');
    // of other channels than the images have, it is not theirs
    theirs.set('mu', one(4)).set('sigma', one(4));
    expect(() => fitted('wrn-10-1', theirs)).toThrow('extra mu; extra sigma');
  });

  it('sub_block1 belongs to Wide ResNets alone', () => {
    const { theirs } = entriesOf('resnet-18');
    theirs.set('sub_block1.layer.0.bn1.weight', one(3));
    expect(() => fitted('resnet-18', theirs)).toThrow('extra sub_block1.layer.0.bn1.weight');
  });
});

describe('parameters', () => {
  it('that are missing or of another shape are named with both', () => {
    const { theirs } = entriesOf('wrn-10-1');
    theirs.delete('fc.bias');
    theirs.set('fc.weight', one(100, 64));
    expect(() => fitted('wrn-10-1', theirs)).toThrow('does not fit: fc.weight is [100, 64], expected [10, 64]; missing fc.bias');
  });

  it('may have more or fewer axes of length 1', () => {
    const { ours, theirs } = entriesOf('wrn-10-1');
    const weight = ours.get('fc.weight') as Entry;
    theirs.set('fc.weight', { shape: [10, 64, 1, 1], data: weight.data });
    expect(fitted('wrn-10-1', theirs).entries.get('fc.weight')).toEqual(weight);
  });

  it('of another depth do not fit', () => {
    expect(() => fitted('wrn-16-1', entriesOf('wrn-10-1').theirs)).toThrow(/missing block1\.layer\.1/);
    expect(() => fitted('wrn-10-1', entriesOf('wrn-16-1').theirs)).toThrow(/extra block1\.layer\.1/);
  });
});
