/** A file server on localhost that misbehaves as told. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Behaviour {
  /** Answers ranges; otherwise sends everything from the start. */
  readonly ranges?: boolean;
  /** Cuts the connection after so many bytes of a body, for the first `breaks` requests; a function is given how many requests there were. */
  readonly breakAfter?: number | ((requests: number) => number);
  readonly breaks?: number;
  /** Cuts only when this says that the bytes have been taken in: what waits in a buffer is lost with the connection. */
  readonly received?: (from: number) => boolean;
  readonly status?: number;
}

export interface FileServer {
  readonly url: string;
  /** Of every GET so far: path, and the first byte asked for. */
  readonly requests: { path: string; from: number }[];
  close(): Promise<void>;
}

function cut(response: ServerResponse, when: () => boolean): void {
  const poll = setInterval(() => {
    if (!when()) return;
    clearInterval(poll);
    response.destroy();
  }, 5);
}

function lengthBeforeBreak(breakAfter: NonNullable<Behaviour['breakAfter']>, requests: number): number {
  return typeof breakAfter === 'number' ? breakAfter : breakAfter(requests);
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  body: Uint8Array | undefined,
  behaviour: Behaviour,
  count: number,
): void {
  const from = behaviour.ranges === false ? 0 : Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
  if (!body || behaviour.status) {
    response.writeHead(behaviour.status ?? 404).end();
    return;
  }
  if (from >= body.length) {
    response.writeHead(416, { 'content-range': `bytes */${body.length}` }).end();
    return;
  }
  const rest = body.subarray(from);
  const head = { 'content-length': rest.length };
  if (from > 0) response.writeHead(206, { ...head, 'content-range': `bytes ${from}-${body.length - 1}/${body.length}` });
  else response.writeHead(200, head);
  if (request.method === 'HEAD') response.end();
  else if (behaviour.breakAfter !== undefined && count <= (behaviour.breaks ?? Number.POSITIVE_INFINITY))
    response.write(rest.subarray(0, lengthBeforeBreak(behaviour.breakAfter, count)), () =>
      cut(response, () => behaviour.received?.(from) ?? true),
    );
  else response.end(rest);
}

/** Serves `files` by path. Close it after the test. */
export async function serveFiles(files: Record<string, Uint8Array>, behaviour: Behaviour = {}): Promise<FileServer> {
  const requests: FileServer['requests'] = [];
  const server = createServer((request, response) => {
    const path = (request.url ?? '').slice(1);
    if (request.method === 'GET') requests.push({ path, from: Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0) });
    answer(request, response, files[path], behaviour, requests.length);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { url: `http://127.0.0.1:${port}/`, requests, close };
}
