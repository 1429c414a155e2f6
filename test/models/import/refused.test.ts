/** Files of weights that are not taken: each is named as what it is, and nothing in it is executed or believed. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RampartError } from '../../../errors.ts';
import { bytesInMemory } from '../../../models/import/bytes.ts';
import { unpickle } from '../../../models/import/pickle.ts';
import { readWeights, readWeightsFile } from '../../../models/import/weights.ts';

const file = (name: string) => fileURLToPath(new URL(`./checkpoints/${name}`, import.meta.url));
const folder = () => mkdtempSync(join(tmpdir(), 'rampart-weights-'));
const read = (bytes: Uint8Array) => readWeights(bytesInMemory(bytes, 'w.pt'));

describe('a file that cannot be taken is named as what it is', () => {
  const tar = Buffer.alloc(1024);
  tar.write('ustar', 257);
  it.each<[string, Buffer, RegExp]>([
    ['TorchScript', readFileSync(file('traced.pt')), /is a TorchScript module.*state_dict/],
    ['HDF5', Buffer.from('\x89HDF\r\n\x1a\n________', 'latin1'), /HDF5/],
    ['NumPy', Buffer.from('\x93NUMPY________', 'latin1'), /version 1 to 3 of the format/],
    ['gzip', Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0]), /gzip.*gunzip/],
    ['tar', tar, /before 2017/],
    ['ONNX', Buffer.from([0x08, 0x08, 0x12, 0x07, ...Buffer.from('pytorch')]), /an ONNX model/],
    ['a plain pickle', Buffer.from([0x80, 4, 0x4e, 0x2e]), /pickle that torch.save did not write/],
    ['a Git LFS pointer', Buffer.from('version https://git-lfs.github.com/spec/v1\n'), /git lfs pull/],
    ['nothing', Buffer.alloc(0), /of no kind that is known/],
    ['no tensors', readFileSync(file('no-tensors.pt')), /holds no tensors by name/],
    [
      'a tensor of far more values than the file has',
      readFileSync(file('expanded.pt')),
      /would hold 1000000 values, the file has \d+ bytes/,
    ],
  ])('%s', (_, bytes, message) => {
    expect(() => read(bytes)).toThrow(RampartError);
    expect(() => read(bytes)).toThrow(message);
  });

  it('a folder and a pipe', () => {
    const dir = folder();
    execFileSync('mkfifo', [join(dir, 'pipe')]);
    expect(() => readWeightsFile(dir)).toThrow(/: expected a file, got a folder/);
    expect(() => readWeightsFile(join(dir, 'pipe'))).toThrow(/: expected a file, got a pipe or a device/);
  });
});

it('executes nothing that a pickle asks for', () => {
  const mark = join(folder(), 'executed');
  const line = (text: string) => `${text}\n`;
  const pickle = Buffer.from(`c${line('os')}${line('system')}(S${line(`'touch ${mark}'`)}tR.`);
  const { value } = unpickle(pickle, 'w.pt');
  expect(value).toMatchObject({ of: 'os.system', args: [`touch ${mark}`] });
  expect(() => readFileSync(mark)).toThrow(/ENOENT/);
});

it('a pickle that refers to itself ten thousand times over is no work', () => {
  // ((x, x), (x, x)), ...: 2^40 leaves through the memo
  const doubled = Array.from({ length: 40 }, () => [0x32, 0x86, 0x94]).flat();
  const pickle = Buffer.from([0x80, 4, 0x29, ...doubled, 0x2e]);
  expect(unpickle(pickle, 'w.pt').end).toBe(pickle.length);
});

describe('damaged checkpoints end in an error of ours or in tensors of the file', () => {
  const seeds = ['plain.pt', 'module.pt', 'nested.pt', 'legacy.pt', 'legacy-module.pt', 'strides.pt'].map((name) =>
    readFileSync(file(name)),
  );
  const mutation = fc.oneof(
    fc.record({ kind: fc.constant('flip'), at: fc.double({ min: 0, max: 1, noNaN: true }), value: fc.integer({ min: 0, max: 255 }) }),
    fc.record({ kind: fc.constant('cut'), at: fc.double({ min: 0, max: 1, noNaN: true }), value: fc.constant(0) }),
    fc.record({ kind: fc.constant('drop'), at: fc.double({ min: 0, max: 1, noNaN: true }), value: fc.integer({ min: 1, max: 16 }) }),
    fc.record({ kind: fc.constant('fill'), at: fc.double({ min: 0, max: 1, noNaN: true }), value: fc.integer({ min: 0, max: 255 }) }),
  );

  function mutated(bytes: Buffer, { kind, at, value }: { kind: string; at: number; value: number }): Buffer {
    const out = Buffer.from(bytes);
    const place = Math.min(out.length - 1, Math.floor(at * out.length));
    if (kind === 'cut') return out.subarray(0, place);
    if (kind === 'drop') return Buffer.concat([out.subarray(0, place), out.subarray(place + value)]);
    out.fill(value, place, Math.min(out.length, kind === 'fill' ? place + 8 : place + 1));
    return out;
  }

  it('300 of them', () => {
    const property = fc.property(fc.nat(seeds.length - 1), fc.array(mutation, { minLength: 1, maxLength: 4 }), (which, mutations) => {
      const damaged = mutations.reduce((b, m) => (b.length > 0 ? mutated(b, m) : b), seeds[which] as Buffer);
      try {
        const { entries } = read(damaged);
        const values = [...entries.values()].reduce((sum, { data }) => sum + data.length, 0);
        expect(values).toBeLessThanOrEqual(8 * damaged.length + 1024);
      } catch (error) {
        if (!(error instanceof RampartError)) throw error;
        expect(error.message).toContain('w.pt');
      }
    });
    fc.assert(property, { numRuns: 300, seed: 12 });
  });
});
