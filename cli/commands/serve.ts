/** `rampart serve`: a site on localhost, files only. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { extname, join, normalize, resolve, sep } from 'node:path';
import { UsageError } from '../options.ts';
import { print } from '../output.ts';

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.csv': 'text/csv; charset=utf-8',
  '.md': 'text/markdown; charset=utf-8',
  '.tex': 'text/plain; charset=utf-8',
  '.bib': 'text/plain; charset=utf-8',
};

/** The file that a request path means, or undefined for one outside `root` or not there. */
async function fileFor(root: string, url: string): Promise<string | undefined> {
  let path: string;
  try {
    path = normalize(decodeURIComponent(new URL(url, 'http://localhost').pathname));
  } catch {
    return undefined;
  }
  const file = join(root, path);
  if (file !== root && !file.startsWith(root.endsWith(sep) ? root : root + sep)) return undefined;
  const found = await stat(file).catch(() => undefined);
  if (found?.isDirectory()) return fileFor(root, `${path.endsWith('/') ? path : `${path}/`}index.html`);
  return found?.isFile() ? file : undefined;
}

/** Serves the files under `dir` on 127.0.0.1; port 0 takes a free one. Resolves once it listens. */
export function serveFolder(dir: string, port: number): Promise<Server> {
  const root = resolve(dir);
  const server = createServer(async (request, response) => {
    const file = await fileFor(root, request.url ?? '/');
    if (!file) {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('not found\n');
      return;
    }
    response.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream', 'cache-control': 'no-cache' });
    if (request.method === 'HEAD') response.end();
    else createReadStream(file).pipe(response);
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
    throw new UsageError(`[serve] ${dir} holds no site`, { remedy: `make one with rampart report ${dir}` });
  const server = await serveFolder(site, port).catch((cause: NodeJS.ErrnoException) => {
    throw new UsageError(`[serve] port ${port}: ${cause.message}`, { remedy: 'choose another with --port', cause });
  });
  const address = server.address();
  print(`http://127.0.0.1:${typeof address === 'object' && address ? address.port : port}/  (Ctrl-C ends it)`);
  await new Promise<void>((ended) => {
    if (signal.aborted) ended();
    signal.addEventListener('abort', () => ended());
  });
  server.closeAllConnections();
  server.close();
  return 0;
}
