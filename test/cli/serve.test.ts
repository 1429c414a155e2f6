import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { serveCommand, serveFolder } from '../../cli/commands/serve.ts';
import { freshFolder } from '../harness/folders.ts';

/** A served folder with a page, a style sheet in a folder, and a file beside it that must not be seen. */
async function served(): Promise<number> {
  const parent = freshFolder();
  const root = join(parent, 'site');
  mkdirSync(join(root, 'assets'), { recursive: true });
  writeFileSync(join(parent, 'secret.txt'), 'secret');
  writeFileSync(join(root, 'index.html'), '<p>front</p>');
  writeFileSync(join(root, 'assets/a b.css'), 'p{}');
  const server = await serveFolder(root, 0);
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** The path goes out as it is: `fetch` would tidy it. */
function get(port: number, path: string): Promise<{ status: number | undefined; type: string | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    request({ port, path, host: '127.0.0.1' }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => {
        body += chunk.toString();
      });
      response.on('end', () => resolve({ status: response.statusCode, type: response.headers['content-type'], body }));
    })
      .on('error', reject)
      .end();
  });
}

test('a folder is served by its index page', async () => {
  expect(await get(await served(), '/')).toEqual({ status: 200, type: 'text/html;charset=utf-8', body: '<p>front</p>' });
});

test('files come with their type, encoded names and queries understood', async () => {
  expect(await get(await served(), '/assets/a%20b.css?v=1')).toEqual({ status: 200, type: 'text/css', body: 'p{}' });
});

for (const path of ['/gone.html', '/../secret.txt', '/%2e%2e/secret.txt', '/..%2fsecret.txt', '/assets/', '/%'])
  test(`${path} is not found`, async () => {
    expect((await get(await served(), path)).status).toBe(404);
  });

test('a folder without a site is refused with the way out', async () => {
  await expect(serveCommand(freshFolder(), 0, new AbortController().signal)).rejects.toThrow(/holds no site; make one with .* report /);
});

test('a port that is taken is refused with the way out', async () => {
  const folder = freshFolder();
  writeFileSync(join(folder, 'index.html'), '');
  const other = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void other.close());
  await new Promise((ready) => other.once('listening', ready));
  const { port } = other.address() as AddressInfo;
  await expect(serveCommand(folder, port, new AbortController().signal)).rejects.toThrow(
    /port \d+: .*EADDRINUSE.*; choose another with --port/,
  );
});
