/**
 * One AutoAttack cell in shards on several workers of a queue against the same cell in one piece on one: time, and whether the records agree.
 * `npm run bench:shards [-- IMAGES SHARDS WORKERS ENGINE]`, as 256 8 2 wasm. Trains the network first, once for both, and starts and ends its own `redis-server`.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Board, openLine } from '../harness/run/queue/redis.ts';
import { FolderStore } from '../records/folder-store.ts';
import { canonicalJson } from '../records/hash.ts';
import { type CellRecord, devicesOf } from '../records/record.ts';
import { comparable } from '../records/store.ts';

const main = fileURLToPath(new URL('../cli/main.js', import.meta.url));

/** A network that half of the images stand against, so that every member of AutoAttack has work. */
const suiteOf = (images: number, attacks: string) => `
name: shards
datasets: [{ name: shapes, train: 2000, test: ${images} }]
threats: [{ norm: Linf, eps: 2/255 }]
architectures: [cnn-small]
recipe: { epochs: 10, validation: 100, validateEvery: 10 }
defenses: [{ name: pgd-at, steps: 3 }]
attacks: [${attacks}]
`;

const children: ChildProcess[] = [];

function start(program: string, args: readonly string[]): ChildProcess {
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  children.push(child);
  return child;
}

const ended = (child: ChildProcess) =>
  new Promise<number>((resolve) => (child.exitCode === null ? child.once('exit', (code) => resolve(code ?? 1)) : resolve(child.exitCode)));

/** Seconds of a run whose jobs are done by so many workers, from when all of them serve; and its cell. */
async function measure(url: string, out: string, suite: string, engine: string, workers: number, shard: string) {
  const shared = ['--queue', url, '--out', out, '--engine', engine, '--threads', '1'];
  const own = Array.from({ length: workers }, () => start(process.execPath, [main, 'worker', ...shared, '--workers', '1']));
  const line = await openLine(url);
  const board = new Board(line, await new FolderStore(out).id());
  while ((await board.workers()).length < workers) await sleep(100);
  line.close();
  const begin = performance.now();
  const code = await ended(start(process.execPath, [main, 'run', suite, ...shared, '--shard', shard]));
  const seconds = (performance.now() - begin) / 1000;
  for (const each of own) each.kill('SIGTERM');
  await Promise.all(own.map(ended));
  const records = await new FolderStore(out).records();
  const cell = records.find((r): r is CellRecord => r.kind === 'cell' && r.attack.name === 'autoattack');
  if (code !== 0 || cell?.status !== 'done') throw new Error(`the run ended with ${code}: ${cell?.error?.message ?? ''}`);
  return { seconds, cell };
}

/** Without what depends on which images share a pass. */
function agreeing({ overhead: _, members = [], ...cell }: CellRecord): string {
  return canonicalJson(comparable({ ...cell, members: members.map(({ overhead: _, ...member }) => member) }));
}

async function bench(images: number, shards: number, workers: number, engine: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'rampart-shards-'));
  const port = 20_000 + (process.pid % 20_000);
  try {
    start('redis-server', ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder]);
    const url = `redis://127.0.0.1:${port}`;
    const trained = join(folder, 'trained');
    const suites = ['', 'autoattack'].map((attacks, i) => {
      const path = join(folder, `suite${i}.yml`);
      writeFileSync(path, suiteOf(images, attacks));
      return path;
    });
    const training = [main, 'run', suites[0] as string, '--out', trained, '--engine', engine, '--threads', '1', '--workers', '1'];
    if ((await ended(start(process.execPath, training))) !== 0) throw new Error('the training failed');
    const made = [];
    for (const [name, count, shard] of [
      ['whole', 1, 'off'],
      ['shards', workers, `${Math.ceil(images / shards)}`],
    ] as const) {
      const out = join(folder, name);
      cpSync(trained, out, { recursive: true });
      rmSync(join(out, 'id'), { force: true });
      const { seconds, cell } = await measure(url, out, suites[1] as string, engine, count, shard);
      const pieces = cell.shards?.length ?? 1;
      console.log(
        `AutoAttack on ${images} images, ${(100 * cell.accuracy).toFixed(1)} % robust, in ${pieces} ${pieces === 1 ? 'piece' : 'shards'} on ${count} ${count === 1 ? 'worker' : 'workers'}: ` +
          `${seconds.toFixed(1)} s, of which the attack ${(cell.wallMs / 1000).toFixed(1)} s of ${devicesOf(cell).join('; ')}`,
      );
      made.push({ seconds, cell });
    }
    const [whole, cut] = made.map(({ cell }) => agreeing(cell));
    console.log(
      `${((made[0]?.seconds ?? 0) / (made[1]?.seconds ?? 1)).toFixed(2)} times as fast; the records are ${whole === cut ? 'the same' : 'NOT THE SAME'}`,
    );
    if (whole !== cut) process.exitCode = 1;
  } finally {
    for (const child of children) child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
}

const [images = 256, shards = 8, workers = 2] = process.argv.slice(2, 5).map(Number);
if (spawnSync('redis-server', ['--version']).status !== 0) console.error('redis-server is not here');
else await bench(images, shards, workers, process.argv[5] ?? 'wasm');
