/** What runs in the reader's browser beside the page: gets its orders and the bytes of the site by message, and tells what it finds. */
import './stand-ins/no-eval.ts';
import { start } from '../engines/wasm/start.ts';
import type { Held } from '../records/evidence/format.ts';
import { check } from './check.ts';

/** The worker's own scope, as far as it is used: this project leaves the browser's types out. */
interface Scope {
  onmessage: (event: { data: Order }) => void;
  postMessage(message: object): void;
}

type Order =
  | { readonly type: 'check'; readonly index: Held; readonly weights?: Uint8Array }
  | { readonly type: 'piece'; readonly path: string; readonly text: string | undefined }
  | { readonly type: 'stop' };

const scope = globalThis as unknown as Scope;
const wanted = new Map<string, (text: string | undefined) => void>();
let stop = new AbortController();

/** Asks the page for a piece. */
function load(path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    wanted.set(path, resolve);
    scope.postMessage({ type: 'need', path });
  });
}

async function work(order: Exclude<Order, { type: 'piece' | 'stop' }>): Promise<void> {
  const started = performance.now();
  stop = new AbortController();
  try {
    scope.postMessage({ type: 'status', text: 'starting' });
    await start();
    const result = await check({ ...order, load, signal: stop.signal, tell: (what) => scope.postMessage(what) });
    scope.postMessage({ type: 'done', ms: performance.now() - started, ...result });
  } catch (error) {
    scope.postMessage({ type: 'refused', reason: error instanceof Error ? error.message : String(error) });
  }
}

scope.onmessage = ({ data }) => {
  if (data.type === 'piece') {
    wanted.get(data.path)?.(data.text);
    wanted.delete(data.path);
  } else if (data.type === 'stop') stop.abort();
  else void work(data);
};
