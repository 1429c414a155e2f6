/** Redis and BullMQ, loaded when a queue is asked for: nobody else needs either. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { ZodType } from 'zod';
import { RampartError } from '../../../errors.ts';
import { waitAtMost } from '../../../patience.ts';
import { keyOf } from '../../../records/hash.ts';
import type { EngineIdentity } from '../../job/engine.ts';
import { gitRevision, packageVersion } from '../../job/provenance.ts';
import { type Needs, type RunNote, type RunState, runNoteSchema, runStateSchema, type WorkerInfo, workerSchema } from './protocol.ts';

export type BullMq = typeof import('bullmq');

/** A worker that has not shown itself for so long is gone. */
const GONE_MS = 20_000;

/** The address as it may be shown: without password. */
export function shownAddress(url: string): string {
  return url.replace(/\/\/([^@/]*)@/, (_, login: string) => `//${login.includes(':') ? `${login.split(':')[0]}:***` : '***'}@`);
}

/** What one process holds of Redis: a connection for questions, and those that BullMQ opens. */
export interface Line {
  readonly bull: BullMq;
  readonly redis: Redis;
  /** Where, for messages. */
  readonly shown: string;
  close(): void;
}

/** A question that Redis has not answered for so long was lost on the way, with a connection of which nobody was told that it is cut. Longer than BullMQ lets Redis wait before it answers. */
const SILENT_MS = 20_000;

/** Connects. Throws where the packages are missing, the address is none, the password is wrong, or nobody answers within `patienceMs`: a server that is started beside the machines may come after them. Later losses are waited out. */
export async function openLine(url: string, patienceMs = 20_000): Promise<Line> {
  const shown = shownAddress(url);
  if (!/^rediss?:\/\/[^\s/]+/.test(url))
    throw new RampartError(`[queue] expected an address such as redis://host:6379 or rediss://user:password@host:6380, got "${shown}"`);
  const { bull, ioredis } = await packages();
  const wait = waitAtMost(patienceMs);
  try {
    for (;;) {
      const redis = new ioredis.Redis(url, {
        maxRetriesPerRequest: null,
        lazyConnect: true,
        connectTimeout: 5000,
        socketTimeout: SILENT_MS,
      });
      let last: Error | undefined;
      // told by whoever waits for an answer; without a listener each would end the process
      redis.on('error', (error) => {
        last = error;
      });
      try {
        await redis.connect();
        await redis.ping();
        return { bull, redis, shown, close: () => redis.disconnect() };
      } catch (error) {
        redis.disconnect();
        const { message } = last ?? (error as Error);
        const distrusted = /certificate/i.test(message);
        const remedy = distrusted ? 'NODE_EXTRA_CA_CERTS=FILE.pem names whom to trust' : 'start redis-server there, or mend the address';
        if (wait.ms >= patienceMs || distrusted || /WRONGPASS|NOAUTH|NOPERM/.test(message))
          throw new RampartError(`[queue] ${shown} does not answer: ${message}`, { remedy });
        await sleep(500);
      }
    }
  } finally {
    wait.end();
  }
}

async function packages() {
  try {
    const [bull, ioredis] = await Promise.all([import('bullmq'), import('ioredis')]);
    return { bull, ioredis };
  } catch (cause) {
    throw new RampartError('[queue] needs the packages bullmq and ioredis', { remedy: 'npm install bullmq ioredis', cause });
  }
}

/** What `ask` resolves with, asked again while Redis is away. Rejects with what else goes wrong, and with the reason of `signal`. */
export async function persistently<T>(ask: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  for (;;) {
    signal?.throwIfAborted();
    try {
      return await ask();
    } catch (error) {
      if (!/connection is closed|ECONN|EPIPE|ETIMEDOUT|LOADING|READONLY/i.test((error as Error).message)) throw error;
      await sleep(500, undefined, { signal }).catch(() => undefined);
    }
  }
}

/** What a Redis that is away has not taken after so long stays unsaid: whoever was told to end has no more time. */
const LAST_WORDS_MS = 5_000;

/** Waits for last words to Redis, so long at most and whatever comes of them. */
export async function lastWords(work: Promise<unknown>): Promise<void> {
  const over = new AbortController();
  const late = sleep(LAST_WORDS_MS, undefined, { signal: over.signal });
  await Promise.race([work, late]).catch(() => undefined);
  over.abort();
  await Promise.allSettled([late]);
}

/** What a run says of itself holds for so long. */
const STATE_SECONDS = 30;

/** Of what one build does on one engine. */
export function queueName({ engine, rampart, revision }: Needs): string {
  return keyOf({ engine, rampart, revision });
}

/** Of one folder: everything under `rampart:<id>` in Redis is about the folder of that id. */
export class Board {
  readonly #line: Line;
  readonly #id: string;
  readonly #build = { rampart: packageVersion(), revision: gitRevision() };
  /** What the run of this process was done on last. */
  #needed: Needs | undefined;

  constructor(line: Line, folderId: string) {
    this.#line = line;
    this.#id = folderId;
  }

  get prefix(): string {
    return `rampart:${this.#id}`;
  }

  /** The queue of what this build does on one engine: another would answer differently, and does not see it. */
  queueOf(engine: EngineIdentity): string {
    return queueName({ engine, ...this.#build });
  }

  /** Says what the run needs, or that it is done. */
  async announce(note: RunNote): Promise<void> {
    if (note.is === 'running') this.#needed = { engine: note.engine, rampart: note.rampart, revision: note.revision };
    await this.#line.redis.set(`${this.prefix}:run`, JSON.stringify(note));
  }

  /** Says that the run is done, and on what. */
  async announceDone(): Promise<void> {
    await this.announce({ is: 'done', at: await this.now(), ...(this.#needed && { on: this.#needed }) });
  }

  /** What a run has said last. */
  async announced(): Promise<RunNote | undefined> {
    return parsedAs(runNoteSchema, await this.#line.redis.get(`${this.prefix}:run`));
  }

  /** Says how far the run is. */
  async showState(state: RunState): Promise<void> {
    await this.#line.redis.set(`${this.prefix}:state`, JSON.stringify(state), 'EX', STATE_SECONDS);
  }

  /** How far a run has said lately that it is. */
  async state(): Promise<RunState | undefined> {
    return parsedAs(runStateSchema, await this.#line.redis.get(`${this.prefix}:state`));
  }

  /** Milliseconds of the clock of Redis, the one that all go by. */
  async now(): Promise<number> {
    const [seconds, micros] = await this.#line.redis.time();
    return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
  }

  async show(worker: WorkerInfo): Promise<void> {
    const { redis } = this.#line;
    const now = await this.now();
    await redis
      .multi()
      .hset(`${this.prefix}:workers`, worker.name, JSON.stringify(worker))
      .zadd(`${this.prefix}:seen`, now, worker.name)
      .exec();
  }

  async leave(name: string): Promise<void> {
    await this.#line.redis.multi().hdel(`${this.prefix}:workers`, name).zrem(`${this.prefix}:seen`, name).exec();
  }

  /** Workers that are there now. Whatever another program has written in their place is left out. */
  async workers(): Promise<WorkerInfo[]> {
    const { redis } = this.#line;
    const names = await redis.zrangebyscore(`${this.prefix}:seen`, (await this.now()) - GONE_MS, '+inf');
    if (names.length === 0) return [];
    const found = await redis.hmget(`${this.prefix}:workers`, ...names);
    return found.flatMap((json) => parsedAs(workerSchema, json) ?? []);
  }
}

/** Undefined for whatever another program has written in its place. */
function parsedAs<T>(schema: ZodType<T>, json: string | null | undefined): T | undefined {
  try {
    return schema.parse(JSON.parse(json ?? 'null'));
  } catch {
    return undefined;
  }
}
