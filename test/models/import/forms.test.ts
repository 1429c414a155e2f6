/** The four forms in which people save a model, made by PyTorch of a network that is trained: all the same network, bit for bit. `bench/eval-forms.ts` attacks them. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withFile } from '../../../models/import/bytes.ts';
import { importWeights } from '../../../models/import/import.ts';
import { type Entry, readSafetensors } from '../../../models/safetensors.ts';
import { sha256 } from '../../../records/hash.ts';

const path = (url: string) => fileURLToPath(new URL(url, import.meta.url));
const golden = path('../../golden/model.safetensors');
const python = (program: string, ...args: string[]) => spawnSync(program, args, { encoding: 'utf8' });
/** The one of the PATH, or Debian's, whichever has PyTorch. */
const withTorch = ['python3', '/usr/bin/python3'].find(
  (program) => python(program, '-c', `import importlib.util, sys; sys.exit(importlib.util.find_spec('torch') is None)`).status === 0,
);

describe.skipIf(withTorch === undefined)('a trained network', () => {
  const folder = mkdtempSync(join(tmpdir(), 'rampart-forms-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  beforeAll(() => {
    expect(python(withTorch as string, path('../../../bench/eval_forms.py'), golden, folder).stderr).toBe('');
  }, 60_000);

  it.each(['plain', 'module', 'nested', 'whole'])('saved as %s is the same', (form) => {
    const setup = { arch: 'resnet-tiny', inputShape: [32, 32, 3] as [number, number, number], classes: 10 };
    const { entries } = withFile(join(folder, `${form}.pt`), (source) => importWeights(source, setup));
    const { entries: expected } = readSafetensors(readFileSync(golden), 'model.safetensors');
    const bits = (all: ReadonlyMap<string, Entry>) =>
      [...all]
        .sort()
        .map(([name, { shape, data }]) => `${name} [${shape}] ${sha256(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))}`);
    expect(bits(entries)).toEqual(bits(expected));
  });
});
