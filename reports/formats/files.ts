/**
 * The files of a site, gathered in memory and written in one go: two of one name are a mistake, and what an earlier site left over is taken away.
 * Whoever reads meanwhile finds every page whole, and what it shows and links to: pages come after what they show, the first one last.
 */

import { createHash } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { RampartError } from '../../errors.ts';
import { removeUnfinished, writeAtomic } from '../../records/atomic.ts';
import { isPath, MANIFEST, pathsIn } from './manifest.ts';

export class Files {
  readonly #contents = new Map<string, string | Uint8Array>();

  /** Adds a file; `path` is relative, with forward slashes. */
  add(path: string, content: string | Uint8Array): void {
    if (this.#contents.has(path)) throw new RampartError(`[report] two pages want the file ${path}`);
    if (!isPath(path)) throw new RampartError(`[report] not a file name: ${path}`);
    this.#contents.set(path, content);
  }

  get(path: string): string | Uint8Array | undefined {
    return this.#contents.get(path);
  }

  paths(): string[] {
    return [...this.#contents.keys()].sort();
  }

  /** Writes all files and the manifest below `out`, then removes what the manifest of an earlier site names and this one has not. Resolves with the manifest. */
  async write(out: string): Promise<string> {
    const paths = this.paths();
    const manifest = `${paths.map((p) => `${sha256(this.#contents.get(p) as string)}  ${p}`).join('\n')}\n`;
    const stale = await staleFiles(out, new Set(paths));
    try {
      for (const dir of new Set(paths.map((p) => dirname(join(out, p))))) await removeUnfinished(dir);
      const write = (path: string, content: string | Uint8Array) => writeAtomic(join(out, path), content, { durable: false });
      for (const stage of [0, 1, 2])
        await inParallel(
          paths.filter((p) => stageOf(p) === stage),
          (p) => write(p, this.#contents.get(p) as string),
        );
      await write(MANIFEST, manifest);
      await inParallel(stale, (p) => rm(join(out, p), { force: true }));
      return manifest;
    } catch (cause) {
      throw new RampartError(`[report] cannot write the site to ${out}: ${(cause as Error).message}`, {
        remedy: 'choose a folder that can be written with --out',
        cause,
      });
    }
  }
}

/** What pages show, pages, and the page that leads to all others. */
const stageOf = (path: string) => (path === 'index.html' ? 2 : path.endsWith('.html') ? 1 : 0);

const sha256 = (content: string | Uint8Array) => createHash('sha256').update(content).digest('hex');

async function staleFiles(out: string, kept: ReadonlySet<string>): Promise<string[]> {
  const old = await readFile(join(out, MANIFEST), 'utf8').catch(() => '');
  return pathsIn(old).filter((path) => isPath(path) && !kept.has(path));
}

/** Sixteen at a time: enough to keep a disk busy, few enough for any limit on open files. */
async function inParallel(items: readonly string[], work: (item: string) => Promise<unknown>): Promise<void> {
  const queue = items.values();
  const lane = async () => {
    for (const item of queue) await work(item);
  };
  await Promise.all(Array.from({ length: 16 }, lane));
}
