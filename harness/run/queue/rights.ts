/** A worker's right to its jobs where it stood still with the rest: nobody has taken them, and nobody may before all have had the time to come back. */
import type { Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { type StandstillWatch, whenStoodStill } from '../../../patience.ts';

/** A job that is done, and what BullMQ knows its holder by. */
export interface Held {
  readonly id: string;
  readonly token: string | undefined;
}

/** Locks a job for its holder, unless another has it or may take it: 1 where it has it now. In one step, between any two of others. */
const TAKE_AGAIN = `
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
if not redis.call('LPOS', KEYS[2], ARGV[3]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('SREM', KEYS[3], ARGV[3])
return 1`;

export class Rights {
  readonly #worker: Pick<Worker, 'toKey'>;
  readonly #redis: Redis;
  readonly #lockMs: number;

  /** `redis`: the connection that BullMQ looks for lost workers on. What this sends first comes first. */
  constructor(worker: Pick<Worker, 'toKey'>, redis: Redis, lockMs: number) {
    this.#worker = worker;
    this.#redis = redis;
    this.#lockMs = lockMs;
  }

  /** Whether the holder still has the job, or has it again. Rejects while Redis is away. */
  async takeAgain({ id, token }: Held): Promise<boolean> {
    if (token === undefined) return false;
    const keys = [`${id}:lock`, 'active', 'stalled'].map((type) => this.#worker.toKey(type));
    return (await this.#redis.eval(TAKE_AGAIN, keys.length, ...keys, token, this.#lockMs, id)) === 1;
  }

  /**
   * After this process stood still: takes what `held` says again before it looks itself who is gone, and has nobody else look before those that
   * stood still too have done the same. The caller ends it.
   */
  watch(held: () => readonly Held[]): StandstillWatch {
    return whenStoodStill(this.#lockMs / 2, () => {
      const soon = Math.ceil(this.#lockMs / 2);
      const asked = [
        this.#redis.set(this.#worker.toKey('stalled-check'), Date.now(), 'PX', soon),
        ...held().map((one) => this.takeAgain(one)),
      ];
      // Redis may be away: BullMQ asks again, and tells
      void Promise.allSettled(asked);
    });
  }
}
