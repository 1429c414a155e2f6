/**
 * What a queue costs: jobs that sleep in place of computing, through a real Redis, workers in processes of their own, and the folder store.
 * `node dist/bench/queue.js JOBS SECONDS PROCESSES SLOTS`, as 1000 2 5 10. Starts and ends its own `redis-server`.
 */
import { type ChildProcess, fork, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type EngineRef, engineIdentity } from '../harness/job/engine.ts';
import { failedCell } from '../harness/job/failures.ts';
import { type CellJob, type Images, withKey } from '../harness/job/job.ts';
import { provenance } from '../harness/job/provenance.ts';
import { BatchSizes } from '../harness/run/batch-sizes.ts';
import type { Executor } from '../harness/run/executor.ts';
import type { PlannedCell } from '../harness/run/plan.ts';
import { queueMachines } from '../harness/run/queue/coordinator.ts';
import { Board, type Line, openLine } from '../harness/run/queue/redis.ts';
import { serveQueue } from '../harness/run/queue/worker.ts';
import { schedule } from '../harness/run/scheduler.ts';
import { Registry } from '../harness/suite/registry.ts';
import { FolderStore } from '../records/folder-store.ts';
import { wilson } from '../records/stats.ts';

const info = { name: 'sleep', version: '1', device: 'cpu', threads: 1, details: {}, warnings: [] };
const engine = engineIdentity(info);
const registry = new Registry();

/** Sleeps, and writes a record. */
function sleeper(store: FolderStore, seconds: number): Executor {
  return {
    async run({ job }, _engine, _signal, { progress }) {
      // as often as a job says how far it is
      for (let left = seconds; left > 0; left--) {
        progress?.({ fraction: 1 - left / seconds, detail: '' });
        await sleep(1000 * Math.min(1, left));
      }
      if (job.kind !== 'cell') throw new Error('expected a cell');
      const { error: _, ...record } = failedCell(job, registry, { kind: 'error', message: '' }, provenance(info));
      const outcomes = { robust: '1', labels: [0], predictions: [0], distances: [0] };
      await store.writeRecord({ ...record, status: 'done', accuracy: 1, interval: wilson(1, 1), outcomes });
    },
    close: async () => undefined,
  };
}

async function work(url: string, out: string, slots: number, seconds: number): Promise<void> {
  const line = await openLine(url);
  const store = new FolderStore(out);
  const refs = new Array<EngineRef>(slots).fill({ name: info.name, device: 'cpu', threads: 1 });
  const stop = new AbortController();
  process.on('disconnect', () => stop.abort());
  const probe = { info, devices: ['cpu'], why: 'sleep' };
  const board = new Board(line, await store.id());
  await serveQueue(
    { line, board, store, probe, slots: refs, plugins: [], programs: new Set(), executor: () => sleeper(store, seconds) },
    stop.signal,
  );
  line.close();
}

function cell(i: number): PlannedCell {
  const none: Images = { selection: { from: 0, count: 1 }, hash: '0'.repeat(64) };
  const plugin = { name: 'shapes', version: 1, params: {} };
  const data = { label: 'shapes', plugin, form: { shape: [32, 32, 3], classes: 10 } as const, hash: none.hash, train: none, test: none };
  const model = { key: '0'.repeat(24), name: 'none', weightsHash: none.hash };
  const attack = { label: `noise ${i}`, plugin: { name: 'noise', version: 1, params: { i } } };
  const threat = { norm: 'Linf', eps: 8 / 255 } as const;
  const job: CellJob = withKey({ kind: 'cell', model, attack, threat, seed: i, data, images: none, sources: [], engine });
  const planned = { name: 'none', data, arch: { name: 'cnn-small', version: 1 } };
  return {
    kind: 'cell',
    id: `${i}`,
    needs: [],
    work: { passes: { forward: 1 + (i % 7), backward: 0 }, multiplyAdds: 1e6 },
    model: {
      kind: 'model',
      id: 'none',
      needs: [],
      work: { passes: { forward: 0, backward: 0 }, multiplyAdds: 0 },
      activations: 1,
      job: planned,
    } as never,
    label: attack.label,
    threat,
    n: 1,
    together: false,
    job: () => job,
  };
}

/** What Redis has spent so far. */
async function usageOf({ redis }: Line): Promise<{ commands: number; seconds: number; bytes: number }> {
  const text = await redis.info();
  const number = (name: string) => Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(text)?.[1]);
  return {
    commands: number('total_commands_processed'),
    seconds: number('used_cpu_user') + number('used_cpu_sys'),
    bytes: number('used_memory_peak'),
  };
}

async function measure(jobs: number, seconds: number, processes: number, slots: number): Promise<void> {
  const out = mkdtempSync(join(tmpdir(), 'rampart-queue-'));
  const port = 20_000 + (process.pid % 20_000);
  const redis = spawn('redis-server', ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', out]);
  const url = `redis://127.0.0.1:${port}`;
  const workers: ChildProcess[] = [];
  try {
    const line = await openLine(url);
    const store = new FolderStore(out);
    await store.prepare();
    const board = new Board(line, await store.id());
    for (let i = 0; i < processes; i++) workers.push(fork(fileURLToPath(import.meta.url), ['work', url, out, `${slots}`, `${seconds}`]));
    const machines = queueMachines(line, board);
    const { signal } = new AbortController();
    while (((await machines.slots?.()) ?? 0) < processes * slots) await sleep(200);
    const executor = machines.executor({ plugins: [], keepExamples: 0 });
    const plan = { models: [], cells: Array.from({ length: jobs }, (_, i) => cell(i)), omitted: [] };
    const ref = { name: info.name, device: 'cpu', threads: 1 };
    const begin = performance.now();
    const [cpu, before] = [process.cpuUsage(), await usageOf(line)];
    const batchSizes = new BatchSizes({ slots: [ref], memory: Number.POSITIVE_INFINITY });
    const finished = await schedule({
      plan,
      store,
      known: new Map(),
      registry,
      executor,
      slots: [ref],
      room: machines.room,
      batchSizes,
      provenance: () => provenance(info),
      signal,
    });
    const took = (performance.now() - begin) / 1000;
    const { user, system } = process.cpuUsage(cpu);
    const after = await usageOf(line);
    const ideal = Math.ceil(jobs / (processes * slots)) * seconds;
    await executor.close();
    line.close();
    console.log(
      `${finished.filter((f) => f.state === 'done').length} of ${jobs} jobs of ${seconds} s on ${processes} x ${slots} workers: ${took.toFixed(1)} s` +
        `${ideal > 0 ? `, ${(ideal / took).toFixed(3)} of the ideal ${ideal} s` : ''}, ${(jobs / took).toFixed(0)} jobs a second, ` +
        `coordinator ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MB, Redis ${(after.bytes / 2 ** 20).toFixed(0)} MB at most; ` +
        `a job costs ${((user + system) / 1000 / jobs).toFixed(2)} ms of the coordinator's processor and ` +
        `${((1000 * (after.seconds - before.seconds)) / jobs).toFixed(2)} ms of Redis', in ${((after.commands - before.commands) / jobs).toFixed(1)} commands`,
    );
    const read = performance.now();
    const count = (await store.records()).length;
    console.log(`${count} records read again in ${((performance.now() - read) / 1000).toFixed(1)} s`);
  } finally {
    for (const each of workers) each.disconnect();
    await Promise.all(workers.map((each) => new Promise((end) => (each.exitCode === null ? each.once('exit', end) : end(0)))));
    redis.kill('SIGKILL');
    rmSync(out, { recursive: true, force: true });
  }
}

const [first = '', ...rest] = process.argv.slice(2);
if (first === 'work') await work(rest[0] as string, rest[1] as string, Number(rest[2]), Number(rest[3]));
else if (spawnSync('redis-server', ['--version']).status !== 0) console.error('redis-server is not here');
else {
  const [seconds = 2, processes = 5, slots = 10] = rest.map(Number);
  await measure(Number(first) || 1000, seconds, processes, slots);
}
process.exit();
