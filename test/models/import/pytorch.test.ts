/** PyTorch checkpoints as people save them, against the tensors that PyTorch itself wrote; `make-checkpoints.py` made them. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readWeightsFile } from '../../../models/import/weights.ts';
import { readSafetensors } from '../../../models/safetensors.ts';

const file = (name: string) => fileURLToPath(new URL(`./checkpoints/${name}`, import.meta.url));
const expected = readSafetensors(readFileSync(file('expected.safetensors')), 'expected').entries;

describe.each([
  ['plain.pt', 'pytorch', '', ''],
  ['plain-2.pt', 'pytorch', '', ''],
  ['parallel.pt', 'pytorch', '', 'module.'],
  ['nested.pt', 'pytorch', 'state_dict', ''],
  ['module.pt', 'pytorch', '', ''],
  ['module-2.pt', 'pytorch', '', ''],
  ['legacy.pt', 'pytorch-legacy', '', ''],
  ['legacy-2.pt', 'pytorch-legacy', '', ''],
  ['legacy-module.pt', 'pytorch-legacy', '', ''],
])('%s', (name, kind, path, prefix) => {
  const weights = readWeightsFile(file(name));

  it('is recognised, and the state dict is found in it', () => {
    expect({ kind: weights.kind, path: weights.path }).toEqual({ kind, path });
  });

  it('has every tensor, bit for bit', () => {
    expect([...weights.entries.keys()].sort()).toEqual([...expected.keys()].map((n) => prefix + n).sort());
    for (const [n, entry] of expected) expect(weights.entries.get(prefix + n)).toEqual(entry);
  });
});

it('reads every type of number', () => {
  const { entries } = readWeightsFile(file('dtypes.pt'));
  const values = (name: string) => [...(entries.get(name)?.data ?? [])];
  const fc = [...(expected.get('fc.weight')?.data ?? [])];
  expect(values('long')).toEqual([-1, 2 ** 40]);
  expect(['int', 'short', 'byte', 'char', 'bool', 'scalar'].map(values)).toEqual([[-7], [-3], [200], [-100], [1, 0], [1.5]]);
  expect(entries.get('empty')).toEqual({ shape: [0, 3], data: new Float32Array(0) });
  expect(entries.get('scalar')?.shape).toEqual([]);
  // half precision keeps 11 bits, bfloat16 8, double all of float32's
  for (const [name, digits] of [
    ['half', 2 ** -11],
    ['bfloat', 2 ** -8],
    ['double', 2 ** -24],
  ] as const)
    values(name).forEach((v, i) => {
      expect(Math.abs(v - (fc[i] as number))).toBeLessThanOrEqual(Math.abs(fc[i] as number) * digits);
    });
});

it('gathers tensors that are not contiguous', () => {
  const { entries } = readWeightsFile(file('strides.pt'));
  const base = entries.get('base')?.data as Float32Array;
  const at = (i: number, j: number, k: number) => base[i * 12 + j * 4 + k] as number;
  const transposed = Array.from({ length: 24 }, (_, n) => at(n % 2, Math.floor(n / 2) % 3, Math.floor(n / 6)));
  expect(entries.get('transposed')).toEqual({ shape: [4, 3, 2], data: Float32Array.from(transposed) });
  expect(entries.get('slice')).toEqual({ shape: [2, 2, 2], data: Float32Array.of(4, 6, 8, 10, 16, 18, 20, 22) });
  expect(entries.get('channels_last')?.data).toEqual(Float32Array.from({ length: 24 }, (_, i) => i));
});
