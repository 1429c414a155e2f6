/** Kills and freezes of workers, coordinator and Redis at random moments. `npm run test:chaos` has 50 kills, in a log from which it goes on. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, test } from 'vitest';
import { Rng } from '../../../tensor/rng.ts';
import { put, type Started, workFolder } from '../cli.ts';
import { coordinator, noRedis, redisServer, type Server, worker } from './cluster.ts';
import { runSeries, verdict } from './series.ts';
import { recordsIn, watchedIn, watchedSuite } from './watched.ts';

const KILLS = Number(process.env.RAMPART_KILLS ?? 5);
const SEED = process.env.RAMPART_SEED ?? '1';

/** Kills of one run: so many that it still comes to its end. */
const IN_A_RUN = 5;

const KILLED = ['a worker', 'a worker without its job', 'the coordinator', 'Redis', 'Redis and what it held'] as const;
const FROZEN = ['a worker', 'the coordinator', 'Redis'] as const;

/** One run and those who do it. */
class Cluster {
  readonly #suite: string;
  readonly #out: string;
  readonly #server: Server;
  readonly #env: NodeJS.ProcessEnv;
  readonly workers: Started[];
  head: Started;
  /** Those that were killed alone, whose jobs must end by themselves. */
  readonly orphaned: Started[] = [];

  constructor(suite: string, out: string, server: Server, steps: string) {
    this.#suite = suite;
    this.#out = out;
    this.#server = server;
    this.#env = { RAMPART_WATCHED: steps };
    this.workers = [this.#worker(), this.#worker(), this.#worker()];
    this.head = coordinator(suite, server.url, out, { env: this.#env });
  }

  #worker(): Started {
    return worker(this.#server.url, this.#out, { suite: this.#suite, lostAfter: 4, env: this.#env });
  }

  async kill(what: (typeof KILLED)[number], which: number, awayMs: number): Promise<void> {
    if (what === 'the coordinator') {
      this.head.signal('SIGKILL');
      await this.head.ended;
      await sleep(awayMs);
      this.head = coordinator(this.#suite, this.#server.url, this.#out, { env: this.#env });
    } else if (what === 'Redis' || what === 'Redis and what it held') {
      await this.#server.kill();
      if (what === 'Redis and what it held') this.#server.forget();
      await sleep(awayMs);
      await this.#server.start();
    } else {
      const victim = this.workers[which] as Started;
      if (what === 'a worker') victim.signal('SIGKILL');
      else {
        victim.process.kill('SIGKILL');
        this.orphaned.push(victim);
      }
      await sleep(awayMs);
      this.workers[which] = this.#worker();
    }
  }

  async freeze(what: (typeof FROZEN)[number], which: number, forMs: number): Promise<void> {
    const victim = what === 'Redis' ? this.#server : what === 'the coordinator' ? this.head : (this.workers[which] as Started);
    victim.signal('SIGSTOP');
    await sleep(forMs);
    victim.signal('SIGCONT');
  }

  async end(): Promise<string | undefined> {
    const early = this.workers.find((each) => each.process.exitCode !== null);
    for (const each of this.workers) if (each.alive()) each.signal('SIGKILL');
    for (const each of this.orphaned) for (let i = 0; i < 100 && each.alive(); i++) await sleep(100);
    if (this.orphaned.some((each) => each.alive())) return 'a job of a worker that is gone goes on';
    return early && `a worker ended by itself: ${(await early.ended).output}`;
  }
}

async function disturbed(folder: string, round: number, most: number, suite: string, expected: string) {
  const rng = new Rng(`chaos ${SEED} ${round}`);
  const server = await redisServer({ keep: true });
  const [out, steps] = [join(folder, `out${round}`), put(folder, `steps${round}`, '')];
  const begin = Date.now();
  const cluster = new Cluster(suite, out, server, steps);
  const faults: string[] = [];
  const over = () => cluster.head.process.exitCode !== null;
  await sleep(1500);
  while (faults.length < Math.min(most, IN_A_RUN) && !over()) {
    if (rng.next() < 0.3) await cluster.freeze(FROZEN[rng.int(FROZEN.length)] ?? 'Redis', rng.int(3), 500 + rng.int(7000));
    await sleep(300 + rng.int(2500));
    if (over()) break;
    const what = KILLED[rng.int(KILLED.length)] ?? 'Redis';
    await cluster.kill(what, rng.int(3), rng.int(1500));
    faults.push(what);
  }
  const ended = await cluster.head.ended;
  const seconds = (Date.now() - begin) / 1000;
  const ownEnd = await cluster.end();
  const watched = watchedIn(steps);
  const wrong = ownEnd ?? verdict(ended, JSON.stringify(await recordsIn(out)), expected, watched);
  await server.kill();
  return { faults, seconds: Math.round(seconds), stages: watched.stages, again: watched.again, ...(wrong !== undefined && { wrong }) };
}

describe.skipIf(noRedis)('a run that is disturbed', { timeout: 120_000 + KILLS * 60_000 }, () => {
  test(`${KILLS} kills, and freezes, of workers, coordinator and Redis change no record`, async () => {
    const folder = workFolder();
    const { suite, expected } = await watchedSuite(folder);
    await runSeries({ name: 'kills', faults: KILLS }, (round, most) => disturbed(folder, round, most, suite, JSON.stringify(expected)));
  });
});
