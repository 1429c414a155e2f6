/** NumPy's files, against the tensors that PyTorch wrote; `make-checkpoints.py` made them. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { bytesInMemory } from '../../../models/import/bytes.ts';
import { readWeights, readWeightsFile } from '../../../models/import/weights.ts';
import { readSafetensors } from '../../../models/safetensors.ts';

const file = (name: string) => fileURLToPath(new URL(`./checkpoints/${name}`, import.meta.url));
const expected = readSafetensors(readFileSync(file('expected.safetensors')), 'expected').entries;

it.each(['arrays.npz', 'packed.npz'])('%s has every tensor by its name, bit for bit', (name) => {
  const { kind, path, entries } = readWeightsFile(file(name));
  expect([kind, path]).toEqual(['npz', '']);
  expect(new Map([...entries].sort())).toEqual(new Map([...expected].sort()));
});

it('one array alone has no name', () => {
  expect(readWeightsFile(file('logits.npy'))).toEqual({
    kind: 'npy',
    path: '',
    entries: new Map([['', { shape: [2, 3], data: Float32Array.of(0, 0.25, 0.5, 0.75, 1, 1.25) }]]),
  });
});

it('one that is damaged is refused', () => {
  const good = readFileSync(file('logits.npy'));
  expect(() => readWeights(bytesInMemory(good.subarray(0, good.length - 1), 'w.npy'))).toThrow('truncated: it has 175 bytes');
});
