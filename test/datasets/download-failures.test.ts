import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { download } from '../../datasets/download.ts';
import { md5, sizeOf, temporaryFolder } from './files.ts';
import { type Behaviour, serveFiles } from './server.ts';

const FILE = new Uint8Array(200_000).fill(7);

async function serve(behaviour: Behaviour, body = FILE) {
  const server = await serveFiles({ 'a.bin': body }, behaviour);
  onTestFinished(() => server.close());
  return server;
}

const attempt = (target: string, url: string, signal?: AbortSignal) =>
  download(
    'test',
    { urls: [url], md5: md5(FILE) },
    target,
    { dataDir: '', download: true, ...(signal && { signal }) },
    'curl it by hand',
    1,
  );

test('a wrong checksum is refused: what arrived is thrown away and both sums are named', async () => {
  const other = new Uint8Array(200_000).fill(8);
  const server = await serve({}, other);
  const target = join(temporaryFolder(), 'a.bin');
  await expect(attempt(target, `${server.url}a.bin`)).rejects.toThrow(
    `[data test] could not download a.bin: ${server.url}a.bin: MD5 is ${md5(other)}, expected ${md5(FILE)} (thrown away); run it again, or curl it by hand`,
  );
  expect(existsSync(target)).toBe(false);
  expect(existsSync(`${target}.part`)).toBe(false);
});

test('a file that does not exist is not asked for again', async () => {
  const server = await serve({});
  await expect(attempt(join(temporaryFolder(), 'a.bin'), `${server.url}other.bin`)).rejects.toThrow('the server answered 404');
  expect(server.requests).toHaveLength(1);
});

test('a server that always breaks off at the start is given up, and what arrived is kept for the next run', async () => {
  const target = join(temporaryFolder(), 'a.bin');
  // a byte less each time, so that what an earlier attempt left is not taken for what this one received
  const sent = (requests: number) => 60_000 - requests;
  const received = () => sizeOf(`${target}.part`) === sent(server.requests.length);
  const server = await serve({ ranges: false, breakAfter: sent, received });
  await expect(attempt(target, `${server.url}a.bin`)).rejects.toThrow(/could not download a\.bin: .* \(5999\d bytes kept\)/);
  expect(existsSync(target)).toBe(false);
  expect(statSync(`${target}.part`).size).toBe(sent(server.requests.length));
});

test('a refused connection is named with its reason', async () => {
  const server = await serveFiles({});
  await server.close();
  await expect(attempt(join(temporaryFolder(), 'a.bin'), `${server.url}a.bin`)).rejects.toThrow('ECONNREFUSED');
});

test('an abort stops it at once and keeps the part', async () => {
  const server = await serve({ breakAfter: 60_000 });
  const target = join(temporaryFolder(), 'a.bin');
  const stop = new AbortController();
  stop.abort(new Error('stopped by the user'));
  await expect(attempt(target, `${server.url}a.bin`, stop.signal)).rejects.toThrow('stopped by the user');
  expect(existsSync(target)).toBe(false);
});
