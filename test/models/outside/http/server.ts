/** A small endpoint on loopback: answers by what the image's mean is, or misbehaves as it is told. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Asked {
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
  /** ms */
  readonly at: number;
}

/** What to do with the `nth` request, from 0; nothing: the usual answer. True: it is dealt with. */
export type Mischief = (nth: number, response: ServerResponse, request: IncomingMessage) => boolean | undefined;

/** Answers with a status. */
export const saying =
  (status: number, text = '', headers: Record<string, string> = {}): Mischief =>
  (_, response) => {
    response.writeHead(status, headers).end(text);
    return true;
  };

/** Does so at the first request alone. */
export const first =
  (mischief: Mischief): Mischief =>
  (nth, ...rest) =>
    nth === 0 && mischief(nth, ...rest);

/** Probabilities of two classes: the mean of the image, and the rest. */
export const usual = (mean: number) => [1 - mean, mean];

export class Endpoint {
  readonly asked: Asked[] = [];
  /** Every image that came, as its bytes in hex. */
  readonly images: string[] = [];
  mischief: Mischief = () => undefined;
  answer: (means: number[]) => unknown = (means) => ({ scores: means.map(usual) });
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    server.on('request', (request, response) => void this.#serve(request, response));
  }

  static async start(): Promise<Endpoint> {
    const server = createServer();
    const endpoint = new Endpoint(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return endpoint;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/predict`;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const body = Buffer.concat(parts);
    const nth = this.asked.push({ headers: request.headers, body, at: Date.now() }) - 1;
    if (this.mischief(nth, response, request)) return;
    const [n = 0, ...shape] = String(request.headers['x-shape']).split(',').map(Number);
    const size = 4 * shape.reduce((product, v) => product * v, 1);
    const images = Array.from({ length: n }, (_, i) => body.subarray(i * size, (i + 1) * size));
    this.images.push(...images.map((image) => image.toString('hex')));
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(this.answer(images.map(meanOf))));
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

function meanOf(image: Buffer): number {
  let sum = 0;
  for (let at = 0; at < image.length; at += 4) sum += image.readFloatLE(at);
  return sum / (image.length / 4);
}
