/** Content hashes: the identity of jobs, files and plug-ins. */
import { createHash } from 'node:crypto';

/** JSON with the keys of every object in order, so that equal values are equal text. `undefined` members are left out. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, v: unknown) =>
    v !== null && typeof v === 'object' && !Array.isArray(v)
      ? Object.fromEntries(Object.entries(v).sort(([a], [b]) => (a < b ? -1 : 1)))
      : v,
  );
}

export function sha256(...parts: readonly (Uint8Array | string)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

/** The first 24 hex digits of the SHA-256 of a value's canonical JSON: file name and key of a record. */
export function keyOf(identity: unknown): string {
  return sha256(canonicalJson(identity)).slice(0, 24);
}
