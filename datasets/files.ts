/** Text files of a user's data. */
import { RampartError } from '../errors.ts';
import { fileSource } from '../models/import/bytes.ts';

/** Of a list of names or labels. */
const MOST_LIST_BYTES = 16 * 2 ** 20;

/** Lines of a text file that are not empty. */
export function linesOf(file: string): string[] {
  const source = fileSource(file);
  if (source.size > MOST_LIST_BYTES)
    throw new RampartError(`[data] ${file}: expected at most ${MOST_LIST_BYTES} bytes, got ${source.size}`);
  return source
    .read(0, source.size)
    .toString()
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
}
