import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { download, once, reachable } from '../../datasets/download.ts';
import { Rng } from '../../tensor/rng.ts';
import { md5, sizeOf, temporaryFolder } from './files.ts';
import { type Behaviour, type FileServer, serveFiles } from './server.ts';

const FILE = Uint8Array.from(new Rng('file').uniform(300_000, 0, 256));

async function serve(behaviour: Behaviour = {}, files: Record<string, Uint8Array> = { 'a.bin': FILE }): Promise<FileServer> {
  const server = await serveFiles(files, behaviour);
  onTestFinished(() => server.close());
  return server;
}

const fetchTo = (
  target: string,
  urls: string[],
  options: { signal?: AbortSignal; onProgress?: (m: string, d: number, t: number) => void } = {},
) => download('test', { urls, md5: md5(FILE) }, target, { dataDir: '', download: true, ...options }, 'curl it', 1);

test('a download arrives whole and leaves no part behind', async () => {
  const server = await serve();
  const target = join(temporaryFolder(), 'deep', 'a.bin');
  await fetchTo(target, [`${server.url}a.bin`]);
  expect(md5(readFileSync(target))).toBe(md5(FILE));
  expect(existsSync(`${target}.part`)).toBe(false);
});

test('a broken-off download resumes at the byte where it broke', async () => {
  const target = join(temporaryFolder(), 'a.bin');
  const server = await serve({ breakAfter: 100_000, breaks: 2, received: (from) => sizeOf(`${target}.part`) >= from + 100_000 });
  await fetchTo(target, [`${server.url}a.bin`]);
  expect(md5(readFileSync(target))).toBe(md5(FILE));
  expect(server.requests.map((r) => r.from)).toEqual([0, 100_000, 200_000]);
});

test('what an earlier run left is gone on with', async () => {
  const server = await serve();
  const target = join(temporaryFolder(), 'a.bin');
  writeFileSync(`${target}.part`, FILE.subarray(0, 123_456));
  await fetchTo(target, [`${server.url}a.bin`]);
  expect(server.requests.map((r) => r.from)).toEqual([123_456]);
  expect(md5(readFileSync(target))).toBe(md5(FILE));
});

test('a part that is whole is checked and taken without a byte more', async () => {
  const server = await serve();
  const target = join(temporaryFolder(), 'a.bin');
  writeFileSync(`${target}.part`, FILE);
  await fetchTo(target, [`${server.url}a.bin`]);
  expect(md5(readFileSync(target))).toBe(md5(FILE));
});

test('a server without ranges sends the file again from its start', async () => {
  const server = await serve({ ranges: false });
  const target = join(temporaryFolder(), 'a.bin');
  writeFileSync(`${target}.part`, new Uint8Array(50_000).fill(1));
  await fetchTo(target, [`${server.url}a.bin`]);
  expect(md5(readFileSync(target))).toBe(md5(FILE));
});

test('the second source goes on where the first gave up', async () => {
  const broken = await serve({ status: 503 });
  const good = await serve();
  const target = join(temporaryFolder(), 'a.bin');
  writeFileSync(`${target}.part`, FILE.subarray(0, 1000));
  await fetchTo(target, [`${broken.url}a.bin`, `${good.url}a.bin`]);
  expect(good.requests.map((r) => r.from)).toEqual([1000]);
  expect(md5(readFileSync(target))).toBe(md5(FILE));
});

test('progress ends at the size of the file', async () => {
  const server = await serve();
  const seen: [string, number, number][] = [];
  await fetchTo(join(temporaryFolder(), 'a.bin'), [`${server.url}a.bin`], { onProgress: (...p) => seen.push(p) });
  expect(seen.at(-1)).toEqual(['downloading a.bin', 300_000, 300_000]);
});

test('a source is reachable when it has the file', async () => {
  const server = await serve();
  expect(await reachable({ urls: [`${server.url}a.bin`], md5: '' })).toBe(true);
  expect(await reachable({ urls: [`${server.url}b.bin`], md5: '' })).toBe(false);
});

test('two that need the same download fetch it once', async () => {
  const folder = join(temporaryFolder(), 'set');
  const done: string[] = [];
  const messages: string[] = [];
  const options = { dataDir: join(folder, '..'), download: true, onProgress: (m: string) => messages.push(m) };
  const get = (who: string) =>
    once(
      'test',
      folder,
      options,
      async () => done.length > 0,
      async () => {
        await new Promise((resolve) => setTimeout(resolve, 50));
        done.push(who);
      },
    );
  await Promise.all([get('first'), get('second')]);
  expect(done).toHaveLength(1); // whichever was the first to have the lock
  expect(messages).toEqual(['waiting for another process to download test']);
});

test('the lock of a process that is gone is taken over', async () => {
  const folder = join(temporaryFolder(), 'set');
  const { processName } = await import('../../lock.ts');
  writeFileSync(`${folder}.lock`, `${processName().split(' ')[0]} 999999999`);
  let ran = false;
  await once(
    'test',
    folder,
    { dataDir: join(folder, '..'), download: true },
    async () => false,
    async () => {
      ran = true;
    },
  );
  expect(ran).toBe(true);
  expect(existsSync(`${folder}.lock`)).toBe(false);
});
