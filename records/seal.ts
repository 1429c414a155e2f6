/** The text of a file with a checksum of what it says: one that was changed, be it by a single bit, is noticed. */
import { canonicalJson, sha256 } from './hash.ts';
import { UnfitFile } from './plain-file.ts';

const checksumOf = (value: unknown) => sha256(canonicalJson(value));

/** JSON of `value` with its checksum as the last member; on one line where `indent` is 0. */
export function seal(value: object, indent = 1): string {
  return `${JSON.stringify({ ...value, checksum: checksumOf(value) }, null, indent)}\n`;
}

/** The value without its checksum. Throws `UnfitFile` where they do not agree; what was written without one has nothing to disagree with. */
export function unseal(value: object): object {
  if (!('checksum' in value)) return value;
  const { checksum, ...rest } = value;
  if (checksum !== checksumOf(rest)) throw new UnfitFile('does not agree with its checksum: it was changed after it was written');
  return rest;
}

/** A state that a job saves is the SHA-256 of its bytes, and its bytes. */
const CHECKSUM_BYTES = 32;
const hashOf = (state: Uint8Array) => Buffer.from(sha256(state), 'hex');

export const withChecksum = (state: Uint8Array): Buffer => Buffer.concat([hashOf(state), state]);

/** Throws `UnfitFile` where the bytes are not as they were saved. */
export function stateIn(bytes: Buffer): Buffer {
  const state = bytes.subarray(CHECKSUM_BYTES);
  if (!hashOf(state).equals(bytes.subarray(0, CHECKSUM_BYTES))) throw new UnfitFile('does not agree with its checksum');
  return state;
}
