/** `rampart serve`: a site on localhost, files only. */
import { realpathSync, statSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { extname, join, sep } from 'node:path';
import type { Readable } from 'node:stream';
import sirv from 'sirv';
import { command } from '../called.ts';
import { endAtOnce, endInOrder } from '../interrupt.ts';
import { UsageError } from '../options.ts';
import { print } from '../output.ts';

/** Whoever made another name point here (DNS rebinding) is not answered: a page of theirs could read the site. */
const OWN_HOST = /^(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$/i;

/** Texts that a browser would else take for its own encoding, or offer to save. */
const TEXTS: Readonly<Record<string, string>> = {
  '.csv': 'text/csv',
  '.md': 'text/plain',
  '.tex': 'text/plain',
  '.bib': 'text/plain',
  '': 'text/plain',
};

/** `bytes=5-9` and `bytes=5-` whose end is not before its start; anything else is answered with the whole file. */
function isRange(text: string): boolean {
  const [, start, end] = /^bytes=(\d{1,15})-(\d{0,15})$/.exec(text) ?? [];
  return start !== undefined && (end === '' || Number(end) >= Number(start));
}

/** The real path of a plain file below `root`, or of the index page of a folder; undefined for what is not there or lies elsewhere. */
function fileBelow(root: string, path: string): string | undefined {
  try {
    const found = realpathSync(join(root, path));
    if (found !== root && !found.startsWith(root.endsWith(sep) ? root : root + sep)) return undefined;
    const about = statSync(found);
    if (about.isDirectory()) return path.endsWith('/index.html') ? undefined : fileBelow(root, `${path}/index.html`);
    return about.isFile() ? found : undefined;
  } catch {
    return undefined; // not there, not readable, or a name that the file system does not take
  }
}

function pathOf(request: IncomingMessage): string | undefined {
  try {
    return decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname);
  } catch {
    return undefined;
  }
}

function refuse(response: ServerResponse, status: number, why: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${why}\n`);
}

function setHeaders(response: ServerResponse, path: string): void {
  const type = TEXTS[extname(path)];
  if (type) response.setHeader('content-type', `${type}; charset=utf-8`);
  response.setHeader('x-content-type-options', 'nosniff');
}

/**
 * Ends a response with the file it is made from, and the other way round: the file comes through a pipe,
 * which neither closes it when the reader is gone nor notices that it cannot be opened.
 */
function tieToSource(response: ServerResponse): void {
  response.once('pipe', (source: Readable) => {
    source.once('error', () => response.destroy());
    response.once('close', () => source.destroy());
  });
}

/** Serves the files below `dir` on 127.0.0.1; port 0 takes a free one. Resolves once it listens. */
export function serveFolder(dir: string, port: number): Promise<Server> {
  const root = realpathSync(dir);
  const send = sirv(root, { dev: true, etag: true, dotfiles: true, extensions: [], setHeaders });
  const server = createServer((request, response) => {
    if (!OWN_HOST.test(request.headers.host ?? '')) return refuse(response, 421, 'this server answers to localhost only');
    if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(response, 405, 'files can only be read');
    const path = pathOf(request);
    const file = path === undefined ? undefined : fileBelow(root, path);
    if (file === undefined) return refuse(response, 404, 'not found');
    if (!isRange(request.headers.range ?? '')) Reflect.deleteProperty(request.headers, 'range');
    tieToSource(response);
    request.url = `/${file.slice(root.length).split(sep).filter(Boolean).map(encodeURIComponent).join('/')}`;
    try {
      send(request, response, () => refuse(response, 404, 'not found'));
    } catch {
      response.destroy(); // gone since it was found
    }
  });
  return new Promise((done, fail) => {
    server.once('error', fail);
    server.listen(port, '127.0.0.1', () => done(server));
  });
}
/** Serves until `signal`. */
export async function serveCommand(dir: string, port: number, signal: AbortSignal): Promise<number> {
  const site = (await stat(join(dir, 'index.html')).catch(() => undefined)) ? dir : join(dir, 'site');
  if (!(await stat(join(site, 'index.html')).catch(() => undefined)))
    throw new UsageError(`[serve] ${dir} holds no site`, { remedy: `make one with ${command('report', dir)}` });
  const server = await serveFolder(site, port).catch((cause: NodeJS.ErrnoException) => {
    throw new UsageError(`[serve] port ${port}: ${cause.message}`, { remedy: 'choose another with --port', cause });
  });
  const address = server.address();
  print(`http://127.0.0.1:${typeof address === 'object' && address ? address.port : port}/  (Ctrl-C ends it)`);
  endInOrder();
  await new Promise<void>((ended) => {
    if (signal.aborted) ended();
    signal.addEventListener('abort', () => ended());
  });
  endAtOnce();
  server.closeAllConnections();
  server.close();
  return 0;
}
