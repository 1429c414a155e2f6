import { type ChildProcess, fork, spawn } from 'node:child_process';
import { readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect, onTestFinished, test, vi } from 'vitest';
import { isAlive, lock, processName, tryLock } from '../lock.ts';
import { freshFolder } from './harness/folders.ts';

const [MACHINE] = processName().split(' ');
const GONE = `${MACHINE} 999999999 1 abc`;

test('one holder at a time; the next has it after the release', async () => {
  const path = join(freshFolder(), 'a.lock');
  const held = await tryLock(path);
  expect(held).toBeDefined();
  expect(await tryLock(path)).toBeUndefined();
  await held?.release();
  await (await tryLock(path))?.release();
  expect(readdirSync(join(path, '..'))).toEqual([]);
});

test('a lock of a process that is gone is taken over at once, and one of a number that another process has by now', async () => {
  for (const content of [GONE, `${MACHINE} ${process.pid} 1 abc`]) {
    const path = join(freshFolder(), 'a.lock');
    writeFileSync(path, content);
    const held = await tryLock(path);
    expect(readFileSync(path, 'utf8')).toMatch(processName());
    await held?.release();
    expect(readdirSync(join(path, '..'))).toEqual([]);
  }
});

test('a process that is killed while it takes a lock over leaves it to others', async () => {
  const path = join(freshFolder(), 'a.lock');
  writeFileSync(path, GONE);
  writeFileSync(`${path}.abc`, `${MACHINE} 999999999 1 def`);
  const held = await tryLock(path);
  expect(readFileSync(path, 'utf8')).toMatch(processName());
  await held?.release();
  expect(readdirSync(join(path, '..'))).toEqual([]);
});

test('a lock of another machine, or one that says nothing, is taken over after a minute without a sign of life', async () => {
  for (const content of ['elsewhere 1 1 abc', '']) {
    const path = join(freshFolder(), 'a.lock');
    writeFileSync(path, content);
    expect(await tryLock(path)).toBeUndefined();
    const seconds = Date.now() / 1000;
    utimesSync(path, seconds - 55, seconds - 55);
    expect(await tryLock(path)).toBeUndefined();
    utimesSync(path, seconds - 61, seconds - 61);
    expect(await tryLock(path)).toBeDefined();
  }
});

test('after this process stood still, one of another machine has a minute to show life', async () => {
  const path = join(freshFolder(), 'a.lock');
  writeFileSync(path, 'elsewhere 1 1 abc');
  vi.useFakeTimers({ toFake: ['Date'] });
  try {
    expect(await tryLock(path)).toBeUndefined();
    vi.setSystemTime(Date.now() + 3_600_000);
    for (let seconds = 0; seconds < 60; seconds += 5) {
      expect(await tryLock(path)).toBeUndefined();
      vi.setSystemTime(Date.now() + 5000);
    }
    expect(await tryLock(path)).toBeDefined();
  } finally {
    vi.useRealTimers();
  }
});

test('a lock that was lost to another holder is not taken away from it', async () => {
  const path = join(freshFolder(), 'a.lock');
  const held = await tryLock(path);
  writeFileSync(path, 'elsewhere 1 1 def');
  await held?.release();
  expect(readFileSync(path, 'utf8')).toBe('elsewhere 1 1 def');
});

test('whoever is frozen and loses a lock hears of it, and shows no sign of life in the place of its next holder', {
  timeout: 15_000,
}, async () => {
  const path = join(freshFolder(), 'a.lock');
  const held = await tryLock(path);
  writeFileSync(path, 'elsewhere 1 1 def');
  utimesSync(path, 1, 1);
  await new Promise((heard) => held?.lost.addEventListener('abort', heard));
  expect(held?.lost.reason.message).toContain('was taken over by another process');
  expect(statSync(path).mtimeMs).toBe(1000);
  expect(readFileSync(path, 'utf8')).toBe('elsewhere 1 1 def');
});

test('whoever waits is told once, and gives up when the signal says so', async () => {
  const path = join(freshFolder(), 'a.lock');
  await tryLock(path);
  const abort = new AbortController();
  let told = 0;
  const waiting = lock(path, abort.signal, () => told++);
  setTimeout(() => abort.abort(new Error('enough')), 400);
  await expect(waiting).rejects.toThrow('enough');
  expect(told).toBe(1);
});

test('a process is told from one that had its number before', () => {
  expect(isAlive(processName())).toBe(true);
  expect(isAlive(`${MACHINE} ${process.pid} 1`)).toBe(false);
  expect(isAlive(GONE)).toBe(false);
  expect(isAlive(`elsewhere ${process.pid} 1`)).toBeUndefined();
});

test.skipIf(process.platform !== 'linux')('of a container or a machine with the same host name nothing can be told', () => {
  expect(MACHINE).toMatch(/\+[0-9a-f]{12}$/);
  expect(isAlive(`${hostname()} 999999999 1 abc`)).toBeUndefined();
  expect(isAlive(`${hostname()}+0123456789ab ${process.pid} 1`)).toBeUndefined();
});

test.skipIf(process.platform !== 'linux')('a process that has ended is gone, though its parent never hears of it', async () => {
  // what the shell becomes does not know of its child
  const parent = spawn('sh', ['-c', 'sleep 0.05 & echo $!; exec sleep 30'], { stdio: ['ignore', 'pipe', 'ignore'] });
  onTestFinished(() => void parent.kill('SIGKILL'));
  const pid = String(await new Promise((resolve) => parent.stdout.once('data', resolve))).trim();
  const [, rest = ''] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ');
  const name = `${MACHINE} ${pid} ${rest.split(' ')[19]}`;
  expect(isAlive(name)).toBe(true);
  while (!/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))) await new Promise((next) => setTimeout(next, 5));
  expect(isAlive(name)).toBe(false);
});

/** Processes that each take an abandoned lock many times, and note every time that another one is inside. */
function racers(count: number): ChildProcess[] {
  const file = fileURLToPath(new URL('./lock-racer.ts', import.meta.url));
  const loader = ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href];
  const all = Array.from({ length: count }, () => fork(file, { execArgv: loader }));
  onTestFinished(() => {
    for (const racer of all) racer.kill('SIGKILL');
  });
  return all;
}

const heard = (racer: ChildProcess) => new Promise<unknown>((resolve) => racer.once('message', resolve));

test('of processes that find a lock abandoned at the same time, one has it', { timeout: 60_000 }, async () => {
  const folder = freshFolder();
  const all = racers(4);
  await Promise.all(all.map(heard));
  for (let round = 0; round < 150; round++) {
    const path = join(folder, `${round}.lock`);
    writeFileSync(path, `${GONE}${round}`);
    const answers = all.map(heard);
    for (const racer of all) racer.send(path);
    expect((await Promise.all(answers)).filter((got) => got === 'has it').length, `round ${round}`).toBe(1);
  }
});
