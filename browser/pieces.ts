/** Bytes of the site as the worker gets them: through the page, which loads the scripts that hold them. */
import { RampartError } from '../errors.ts';
import type { Held } from '../records/evidence/format.ts';
import { fromBase64, whole } from '../records/evidence/read.ts';

/** Resolves with the base64 of the piece at a path from the site's root, or undefined where it cannot be read. */
export type LoadPiece = (path: string) => Promise<string | undefined>;

/** The bytes of `held`, once per hash. Throws where a piece is missing or the whole has another SHA-256. `what` names it. */
export function holder(load: LoadPiece): (held: Held, what: string) => Promise<Uint8Array> {
  return async (held, what) => {
    const pieces: Uint8Array[] = [];
    for (const path of held.pieces) {
      const text = await load(path);
      if (text === undefined) throw new RampartError(`[evidence] ${what}: ${path} cannot be read`);
      pieces.push(fromBase64(text));
    }
    return whole(held, pieces, what);
  };
}
