/** What a server on a user's machine must not do: show what is not the site, answer to other names, or die of a reader or a file. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { request, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { serveFolder } from '../../cli/commands/serve.ts';
import { freshFolder } from '../harness/folders.ts';
import { freePort } from './free-port.ts';

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

async function served(fill: (root: string, parent: string) => void): Promise<{ port: number; server: Server }> {
  const parent = freshFolder();
  const root = join(parent, 'site');
  mkdirSync(root);
  writeFileSync(join(root, 'index.html'), 'front');
  fill(root, parent);
  const server = await serveFolder(root, 0);
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, server };
}

/** The status of a request, or the code of the error that it ended with. */
function status(port: number, path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<number | string | undefined> {
  return new Promise((resolve) => {
    request({ port, path, method, host: '127.0.0.1', headers }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode)).on('error', (error: NodeJS.ErrnoException) => resolve(error.code));
    })
      .on('error', (error: NodeJS.ErrnoException) => resolve(error.code))
      .end();
  });
}

test.each(['localhost', 'localhost:8080', '127.0.0.1:1', '[::1]:8080', 'LOCALHOST'])('the host %s is answered', async (host) => {
  const { port } = await served(() => undefined);
  expect(await status(port, '/', { host })).toBe(200);
});

test.each([
  'evil.example',
  'evil.example:8080',
  'localhost.evil.example',
  '127.0.0.1.evil.example',
  'evil.example#localhost',
  'localhost:8080@evil.example',
])('the host "%s" is refused', async (host) => {
  const { port } = await served(() => undefined);
  expect(await status(port, '/', { host })).toBe(421);
});

test('a request of HTTP/1.0 without a host is refused', async () => {
  const { port } = await served(() => undefined);
  const answer = await new Promise<string>((resolve) => {
    let text = '';
    const socket = connect(port, '127.0.0.1', () => socket.write('GET / HTTP/1.0\r\n\r\n'));
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    socket.on('close', () => resolve(text));
  });
  expect(answer).toMatch(/^HTTP\/1\.1 421 /);
});

test('links that leave the folder are not followed, whether to a file, through a folder, or in a chain; those that stay are', async () => {
  const { port } = await served((root, parent) => {
    writeFileSync(join(parent, 'secret.txt'), 'secret');
    mkdirSync(join(parent, 'site-of-another'));
    writeFileSync(join(parent, 'site-of-another/index.html'), 'other');
    symlinkSync('../secret.txt', join(root, 'file.txt'));
    symlinkSync('..', join(root, 'up'));
    symlinkSync('file.txt', join(root, 'chain.txt'));
    symlinkSync('../site-of-another', join(root, 'sibling'));
    symlinkSync('loop', join(root, 'loop'));
    symlinkSync('index.html', join(root, 'inside.html'));
  });
  for (const path of ['/file.txt', '/up/secret.txt', '/chain.txt', '/sibling/', '/sibling/index.html', '/loop'])
    expect([path, await status(port, path)]).toEqual([path, 404]);
  expect(await status(port, '/inside.html')).toBe(200);
});

test('a pipe and a device are no files', { timeout: 20_000 }, async () => {
  const { port } = await served((root) => {
    execFileSync('mkfifo', [join(root, 'pipe')]);
    symlinkSync('/dev/zero', join(root, 'zero'));
  });
  expect(await status(port, '/pipe')).toBe(404);
  expect(await status(port, '/zero')).toBe(404);
});

test('a file that vanishes between finding and opening ends its own response, and nothing else', async () => {
  const folder: string[] = [];
  const { port, server } = await served((root) => {
    folder.push(root);
    writeFileSync(join(root, 'gone.bin'), 'x');
  });
  // the handler has found the file and asked for it; it is opened later
  server.once('request', () => rmSync(join(folder[0] as string, 'gone.bin')));
  expect(await status(port, '/gone.bin')).toBe('ECONNRESET');
  expect(await status(port, '/gone.bin')).toBe(404);
  expect(await status(port, '/')).toBe(200);
});

test.each([
  ['bytes=1-2', 206],
  ['bytes=2-', 206],
  ['bytes=4-1', 200],
  ['bytes=-2', 200],
  ['bytes=x', 200],
  ['bytes=0-99999999999999999999', 200],
  ['bytes=9-', 416],
])('the range %s gives %i', async (range, code) => {
  const { port } = await served(() => undefined);
  expect(await status(port, '/', { range })).toBe(code);
});

test('nothing can be written', async () => {
  const { port } = await served(() => undefined);
  for (const method of ['POST', 'PUT', 'DELETE']) expect(await status(port, '/', {}, method)).toBe(405);
});

/** Reads the first bytes of a large file and hangs up. */
function breakOff(port: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('GET /large.bin HTTP/1.1\r\nHost: localhost\r\n\r\n'));
    socket.once('data', () => socket.destroy());
    socket.on('error', () => undefined);
    socket.once('close', () => resolve());
  });
}

test('300 downloads that are broken off leave no descriptor open, with at most 200', { timeout: 60_000 }, async () => {
  const port = await freePort();
  const root = freshFolder();
  writeFileSync(join(root, 'index.html'), 'front');
  writeFileSync(join(root, 'large.bin'), '');
  truncateSync(join(root, 'large.bin'), 64 * 2 ** 20);
  const child = spawn('bash', ['-c', `ulimit -n 200; exec "${process.execPath}" "${main}" serve "${root}" --port ${port}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  const open = () => readdirSync(`/proc/${child.pid}/fd`).length;
  await status(port, '/');
  const before = open();
  for (let i = 0; i < 300; i += 10) await Promise.all(Array.from({ length: 10 }, () => breakOff(port)));
  await expect.poll(open, { timeout: 10_000 }).toBeLessThanOrEqual(before + 1);
  expect(await status(port, '/')).toBe(200);
});
