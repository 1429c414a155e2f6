/** What a file system refuses, in words, with the way out. */
import { StoreError } from './store.ts';

const REASONS: Record<string, [what: string, remedy: string]> = {
  ENOSPC: ['no space left on the disk', 'free some space and run again; what is finished is kept and reused'],
  EDQUOT: ['the disk quota is used up', 'free some space and run again; what is finished is kept and reused'],
  EROFS: ['the folder is on a read-only file system', 'choose a folder that can be written with --out DIR'],
  EACCES: ['permission denied', 'choose a folder that can be written with --out DIR'],
  EPERM: ['operation not permitted', 'choose a folder that can be written with --out DIR'],
  ENOTDIR: ['a part of the path is a file', 'choose another folder with --out DIR'],
  EEXIST: ['a file is in the way of a folder', 'choose another folder with --out DIR'],
};

/** `doing` is what could not be done: `write FILE`. */
export function storeError(cause: unknown, doing: string): StoreError {
  const { code, message } = cause as NodeJS.ErrnoException;
  const [what, remedy] = REASONS[code ?? ''] ?? [message, 'see the system error'];
  return new StoreError(`[store] cannot ${doing}: ${what}${code ? ` (${code})` : ''}`, { remedy, cause });
}

/** What the system calls a failure; empty where it is none of the system's. */
export const codeOf = (cause: unknown): string => (cause as NodeJS.ErrnoException).code ?? '';

/** What the system says where a folder is in the place of a file, or the other way round. */
export const IN_THE_WAY: ReadonlySet<string> = new Set(['EISDIR', 'ENOTDIR', 'EEXIST', 'ENOTEMPTY']);
