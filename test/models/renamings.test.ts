/** Names of other public code in ours, one by one, and names that belong to none of it. */
import { expect, test } from 'vitest';
import { architecture } from '../../models/index.ts';

/** What each reader of names of a family makes of `name`. */
const read = (arch: string, name: string) => (architecture(arch).renamings ?? []).map((rename) => rename(name));

const torchvision: readonly (readonly [arch: string, theirs: string, ours: string | undefined])[] = [
  ['vit', 'class_token', 'cls_token'],
  ['vit', 'encoder.pos_embedding', 'pos_embed'],
  ['vit', 'conv_proj.bias', 'patch_embed.proj.bias'],
  ['vit', 'encoder.ln.weight', 'norm.weight'],
  ['vit', 'heads.head.weight', 'head.weight'],
  ['vit', 'encoder.layers.encoder_layer_11.ln_1.weight', 'blocks.11.norm1.weight'],
  ['vit', 'encoder.layers.encoder_layer_0.ln_2.bias', 'blocks.0.norm2.bias'],
  ['vit', 'encoder.layers.encoder_layer_0.self_attention.in_proj_weight', 'blocks.0.attn.qkv.weight'],
  ['vit', 'encoder.layers.encoder_layer_0.self_attention.out_proj.bias', 'blocks.0.attn.proj.bias'],
  ['vit', 'encoder.layers.encoder_layer_3.mlp.0.weight', 'blocks.3.mlp.fc1.weight'],
  ['vit', 'encoder.layers.encoder_layer_3.mlp.3.weight', 'blocks.3.mlp.fc2.weight'],
  // of before 0.14
  ['vit', 'encoder.layers.encoder_layer_3.mlp.linear_1.bias', 'blocks.3.mlp.fc1.bias'],
  ['vit', 'encoder.layers.encoder_layer_3.mlp.linear_2.bias', 'blocks.3.mlp.fc2.bias'],
  ['vit', 'encoder.layers.encoder_layer_3.gate.weight', undefined],
  ['vit', 'encoder.layers.encoder_layer_x.ln_1.weight', undefined],
  ['vit', 'my.encoder.layers.encoder_layer_0.ln_1.weight', undefined],
  ['vit', 'toString', undefined],
  ['convnext', 'features.0.0.weight', 'stem.0.weight'],
  ['convnext', 'features.0.1.bias', 'stem.1.bias'],
  ['convnext', 'features.2.0.weight', 'stages.1.downsample.0.weight'],
  ['convnext', 'features.6.1.bias', 'stages.3.downsample.1.bias'],
  ['convnext', 'features.1.0.block.0.weight', 'stages.0.blocks.0.conv_dw.weight'],
  ['convnext', 'features.5.26.block.2.bias', 'stages.2.blocks.26.norm.bias'],
  ['convnext', 'features.5.12.block.3.weight', 'stages.2.blocks.12.mlp.fc1.weight'],
  ['convnext', 'features.7.2.block.5.weight', 'stages.3.blocks.2.mlp.fc2.weight'],
  ['convnext', 'features.3.10.layer_scale', 'stages.1.blocks.10.gamma'],
  ['convnext', 'classifier.0.weight', 'head.norm.weight'],
  ['convnext', 'classifier.2.bias', 'head.fc.bias'],
  ['convnext', 'features.1.0.block.4.weight', undefined],
  ['convnext', 'features.1.x0.block.0.weight', undefined],
  ['convnext', 'features.1.x0.block.2.weight', undefined],
  ['convnext', 'features.1.x0.block.3.weight', undefined],
  ['convnext', 'features.1.x0.block.5.weight', undefined],
  ['convnext', 'features.1.x0.layer_scale', undefined],
  ['convnext', 'features.1.0.layer_scale_2', undefined],
  ['convnext', 'features.8.0.weight', undefined],
  ['convnext', 'my.features.1.0.block.0.weight', undefined],
  ['convnext', 'my.features.0.0.weight', undefined],
  ['convnext', 'my.classifier.0.weight', undefined],
  ['convnext', 'my.classifier.2.weight', undefined],
  ['swin', 'features.0.0.weight', 'patch_embed.proj.weight'],
  ['swin', 'features.0.2.bias', 'patch_embed.norm.bias'],
  ['swin', 'features.2.reduction.weight', 'layers.0.downsample.reduction.weight'],
  ['swin', 'features.6.norm.bias', 'layers.2.downsample.norm.bias'],
  ['swin', 'features.1.0.norm1.weight', 'layers.0.blocks.0.norm1.weight'],
  ['swin', 'features.5.17.attn.relative_position_bias_table', 'layers.2.blocks.17.attn.relative_position_bias_table'],
  ['swin', 'features.7.1.mlp.0.weight', 'layers.3.blocks.1.mlp.fc1.weight'],
  ['swin', 'features.7.1.mlp.3.bias', 'layers.3.blocks.1.mlp.fc2.bias'],
  ['swin', 'norm.weight', 'norm.weight'],
  ['swin', 'head.bias', 'head.bias'],
  ['swin', 'my.features.1.0.norm1.weight', 'my.features.1.0.norm1.weight'],
];

test.each(torchvision)('%s of torchvision: %s', (arch, theirs, ours) => {
  expect(read(arch, theirs)[0]).toBe(ours);
});

test.each<[string, string | undefined]>([
  ['downsample_layers.0.0.weight', 'stem.0.weight'],
  ['downsample_layers.2.1.bias', 'stages.2.downsample.1.bias'],
  ['stages.2.0.dwconv.weight', 'stages.2.blocks.0.conv_dw.weight'],
  ['stages.2.26.dwconv.weight', 'stages.2.blocks.26.conv_dw.weight'],
  ['stages.2.26.pwconv1.bias', 'stages.2.blocks.26.mlp.fc1.bias'],
  ['stages.2.26.pwconv2.bias', 'stages.2.blocks.26.mlp.fc2.bias'],
  ['stages.2.26.norm.weight', 'stages.2.blocks.26.norm.weight'],
  ['stages.2.26.gamma', 'stages.2.blocks.26.gamma'],
  ['norm.weight', 'head.norm.weight'],
  ['head.weight', 'head.fc.weight'],
  ['stages.2.26.gamma_2', undefined],
  ['stages.2.blocks.0.conv_dw.weight', undefined],
  ...['downsample_layers.0.0.weight', 'downsample_layers.2.1.bias', 'stages.2.0.dwconv.weight', 'stages.2.0.pwconv1.bias'].map(
    (name): [string, undefined] => [`my.${name}`, undefined],
  ),
  ...['stages.2.0.pwconv2.bias', 'stages.2.0.norm.weight', 'norm.weight', 'head.weight'].map((name): [string, undefined] => [
    `my.${name}`,
    undefined,
  ]),
])("ConvNeXt's of its authors: %s", (theirs, ours) => {
  expect(read('convnext', theirs)[1]).toBe(ours);
});

test.each([
  ['layers.1.downsample.norm.weight', 'layers.0.downsample.norm.weight'],
  ['layers.3.downsample.reduction.weight', 'layers.2.downsample.reduction.weight'],
  ['layers.1.blocks.0.norm1.weight', 'layers.1.blocks.0.norm1.weight'],
  ['head.fc.weight', 'head.weight'],
  ['my.head.fc.weight', 'my.head.fc.weight'],
  ['my.layers.1.downsample.norm.weight', 'my.layers.1.downsample.norm.weight'],
])("Swin's of later timm: %s", (theirs, ours) => {
  expect(read('swin', theirs)[1]).toBe(ours);
});
