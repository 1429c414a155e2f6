/** Whether a file is the one it was, told without reading it. */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';

/** The file at a path, links followed, as the file system knows it: another text once it was written to or replaced. Undefined where there is none. */
export function fileIdentity(path: string): string | undefined {
  const about = statSync(path, { bigint: true, throwIfNoEntry: false });
  return about && [resolve(path), about.dev, about.ino, about.size, about.mtimeNs, about.ctimeNs].join(' ');
}
