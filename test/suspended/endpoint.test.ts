/** A process that asks an endpoint, and is stopped for longer than an answer may take. */
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { freshFolder } from '../harness/folders.ts';
import { Endpoint } from '../models/outside/http/server.ts';
import { starting } from './stop.ts';

test.skipIf(process.platform === 'win32')('an answer that came meanwhile is taken', { timeout: 120_000 }, async () => {
  const endpoint = await Endpoint.start();
  onTestFinished(() => endpoint.stop());
  let answer: () => void = () => undefined;
  const asked = new Promise<void>((resolve) => {
    endpoint.mischief = (_, response) => {
      answer = () => response.end(JSON.stringify({ scores: [[0.75, 0.25]] }));
      resolve();
      return true;
    };
  });
  const asking = starting('./asking.ts', [endpoint.url, join(freshFolder(), 'answers')]);
  await asked;
  await asking.standStill(5000, () => answer());
  expect(await asking.next()).toBe(2);
});
