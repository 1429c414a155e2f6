/** What stands in for Node in a browser does what Node does. */
import { createHash as nodes } from 'node:crypto';
import { expect, it } from 'vitest';
import { createHash } from '../../browser/stand-ins/crypto.ts';
import { Rng } from '../../tensor/rng.ts';

it('hashes as Node does, whatever the length and however it comes', () => {
  const rng = new Rng('bytes');
  for (const length of [...Array.from({ length: 200 }, (_, i) => i), 1000, 65_537]) {
    const bytes = Uint8Array.from({ length }, () => rng.int(256));
    const cut = rng.int(length + 1);
    const mine = createHash('sha256').update(bytes.subarray(0, cut)).update(bytes.subarray(cut));
    expect(mine.digest('hex')).toBe(nodes('sha256').update(bytes).digest('hex'));
  }
  const text = 'a key/3/ä';
  expect(createHash('sha256').update(text).digest('hex')).toBe(nodes('sha256').update(text).digest('hex'));
  const [mine, theirs] = [createHash('sha256').update(text).digest(), nodes('sha256').update(text).digest()];
  for (const at of [0, 4, 8, 12]) expect(mine.readInt32LE(at)).toBe(theirs.readInt32LE(at));
});

it('knows no other hash', () => {
  expect(() => createHash('md5' as 'sha256')).toThrow(/expected sha256/);
});
