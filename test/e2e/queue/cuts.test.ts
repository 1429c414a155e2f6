/** Machines that lose their network in the middle of a run, and have it back. `npm run test:chaos` has 10 cuts, of up to a minute. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, test } from 'vitest';
import { Rng } from '../../../tensor/rng.ts';
import { put, workFolder } from '../cli.ts';
import { coordinator, noRedis, redisServer, worker } from './cluster.ts';
import { type Cut, lan, noLan } from './lan.ts';
import { runSeries, verdict } from './series.ts';
import { recordsIn, watchedIn, watchedSuite } from './watched.ts';

const CUTS = Number(process.env.RAMPART_CUTS ?? 1);
const SEED = process.env.RAMPART_SEED ?? '1';
const missing = noRedis ?? noLan;

/** Seconds after which a worker is taken for lost. */
const LOST_AFTER = 4;

/** In this order again and again: who is cut off, how, and for how many seconds. Most are longer than it takes to be taken for lost. */
const KINDS: readonly (readonly [who: 'a worker' | 'the coordinator' | 'Redis', how: Cut, least: number, most: number])[] = [
  ['a worker', 'silent', 9, 14],
  ['a worker', 'silent', 20, 60],
  ['the coordinator', 'silent', 15, 40],
  ['a worker', 'unplugged', 5, 20],
  ['Redis', 'silent', 10, 30],
];

async function cutOff(folder: string, round: number, suite: string, expected: string) {
  const rng = new Rng(`cuts ${SEED} ${round}`);
  const machines = lan(5);
  const [redis, head, ...others] = machines;
  if (!redis || !head) throw new Error('too few machines');
  const server = await redisServer({ before: redis.before, host: redis.address, options: ['--protected-mode', 'no'] });
  const [out, steps] = [join(folder, `out${round}`), put(folder, `steps${round}`, '')];
  const env = { RAMPART_WATCHED: steps };
  const begin = Date.now();
  const workers = others.map(({ before }) => worker(server.url, out, { suite, lostAfter: LOST_AFTER, before, env }));
  const main = coordinator(suite, server.url, out, { before: head.before, env });
  for (let i = 0; i < 600 && !(workers.every((each) => each.said().includes('serves')) && watchedIn(steps).stages > 0); i++)
    await sleep(100);
  await sleep(rng.int(2000));
  const [who, how, least, most] = KINDS[round % KINDS.length] ?? ['a worker', 'silent', 5, 5];
  const seconds = least + rng.int(most - least + 1);
  const victim = who === 'Redis' ? redis : who === 'the coordinator' ? head : others[rng.int(others.length)];
  victim?.cut(how);
  await sleep(1000 * seconds);
  victim?.mend();
  const ended = await main.ended;
  const wholeSeconds = Math.round((Date.now() - begin) / 1000);
  // whoever was cut off is there again, and leaves when it is told to
  for (const each of workers) each.process.kill('SIGTERM');
  const left = await Promise.all(workers.map((each) => each.ended));
  const { stages, again, atOnce } = watchedIn(steps);
  const stayed = left.find(({ code }) => code !== 0);
  const ofRun = verdict(ended, JSON.stringify(await recordsIn(out)), expected, { stages, again, atOnce });
  const wrong = ofRun ?? (stayed && `a worker ended with ${stayed.code}`);
  const words = left.map(({ code, output }, i) => `worker ${i} (${code}): ${output}`);
  await server.kill();
  return {
    faults: [`${who} ${how} ${seconds} s`],
    seconds: wholeSeconds,
    stages,
    again,
    ...(wrong !== undefined && { wrong: `${wrong}\n${words.join('\n')}` }),
  };
}

describe.skipIf(missing)(`a run whose network is cut${missing ? ` (${missing})` : ''}`, { timeout: 180_000 + CUTS * 180_000 }, () => {
  test(`${CUTS} cuts of workers, coordinator or Redis change no record`, async () => {
    const folder = workFolder();
    const { suite, expected } = await watchedSuite(folder, { models: CUTS > 1 ? 5 : 2 });
    await runSeries({ name: 'cuts', faults: CUTS }, (round) => cutOff(folder, round, suite, JSON.stringify(expected)));
  });
});
