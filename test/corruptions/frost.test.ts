/** Frost with photographs that stand for its authors', against their code with the same: `test/golden/README.md`. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SEVERITIES } from '../../corruptions/corruption.ts';
import { frost, readPhotographs } from '../../corruptions/frost.ts';
import { aboutCorruption, corruption } from '../../corruptions/index.ts';
import { Rng } from '../../tensor/rng.ts';
import { goldenEntries } from '../golden.ts';
import { images } from './images.ts';
import { writePhotographs } from './photographs.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'rampart-frost-'));
  writePhotographs(folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('frost gives the bytes of the authors’ code at every severity', () => {
  const made = frost(readPhotographs(folder));
  const { data = [] } = goldenEntries('frost').get('frost') ?? {};
  for (const severity of SEVERITIES)
    images(2).forEach((image, i) => {
      const ours = made.apply(image, severity, new Rng(`corruption/frost/${severity}/${i}`));
      const from = ((severity - 1) * 2 + i) * 3072;
      expect(Buffer.from(ours).equals(Buffer.from(Uint8Array.from(data.slice(from, from + 3072)))), `severity ${severity}`).toBe(true);
    });
});

test('without photographs there is no frost, but it is known', () => {
  expect(aboutCorruption('frost')).toMatchObject({ title: 'Frost', version: 1 });
  expect(() => corruption('frost')).toThrow('expected its photographs, got none');
});

test('a photograph that is missing, damaged or small is named', () => {
  const other = mkdtempSync(join(tmpdir(), 'rampart-frost-'));
  try {
    expect(() => readPhotographs(other)).toThrow(/frost1\.png: ENOENT.*each as PNG/);
    writePhotographs(other);
    writeFileSync(join(other, 'frost3.png'), 'no image');
    expect(() => readPhotographs(other)).toThrow('frost3.png');
  } finally {
    rmSync(other, { recursive: true, force: true });
  }
});
