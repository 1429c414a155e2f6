/** What runs in the reader's browser beside the page: gets its orders and the bytes of the site by message, and tells what it finds. */
import './stand-ins/no-eval.ts';
import type { Held } from '../records/evidence/format.ts';
import { check } from './check.ts';
import { type Drawing, paint } from './drawing.ts';
import type { Wanted } from './engine.ts';
import { type Find, type Run, Session } from './session.ts';

/** The worker's own scope, as far as it is used: this project leaves the browser's types out. */
interface Scope {
  onmessage: (event: { data: Order | Answer }) => void;
  postMessage(message: object): void;
}

type Order =
  | { readonly type: 'check'; readonly index: Held; readonly weights?: Uint8Array }
  | { readonly type: 'images'; readonly index: Held; readonly from: number; readonly count: number }
  | ({ readonly type: 'attack' } & Run)
  | ({ readonly type: 'save' } & Find);

type Answer =
  | { readonly type: 'piece'; readonly path: string; readonly text: string | undefined }
  | { readonly type: 'engine'; readonly wanted: Wanted }
  | { readonly type: 'draw'; readonly drawing: Drawing }
  | { readonly type: 'stop' };

const scope = globalThis as unknown as Scope;
const tell = (what: object) => scope.postMessage(what);
const wanted = new Map<string, (text: string | undefined) => void>();
let stop = new AbortController();

/** Asks the page for a piece. */
function load(path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    wanted.set(path, resolve);
    tell({ type: 'need', path });
  });
}

let engine: Wanted = { engine: 'wasm' };
const session = new Session(load, tell, () => engine);

async function perform(order: Order, signal: AbortSignal): Promise<object> {
  if (order.type === 'check') return check({ ...order, engine, load, signal, tell });
  if (order.type === 'images') return { images: await session.images(order.index, order.from, order.count) };
  if (order.type === 'save') return { file: await session.counterexample(order) };
  await session.run(order, signal);
  return {};
}

async function work(order: Order): Promise<void> {
  const started = performance.now();
  stop = new AbortController();
  const { signal } = stop;
  try {
    const result = await perform(order, signal);
    tell({ type: 'done', order: order.type, ms: performance.now() - started, ...result });
  } catch (error) {
    if (signal.aborted) tell({ type: 'done', order: order.type, ms: performance.now() - started, stopped: true });
    else tell({ type: 'refused', reason: error instanceof Error ? error.message : String(error) });
  }
}

scope.onmessage = ({ data }) => {
  if (data.type === 'piece') {
    wanted.get(data.path)?.(data.text);
    wanted.delete(data.path);
  } else if (data.type === 'draw') tell({ type: 'drawn', pixels: paint(data.drawing) });
  else if (data.type === 'engine') engine = data.wanted;
  else if (data.type === 'stop') stop.abort();
  else void work(data);
};
