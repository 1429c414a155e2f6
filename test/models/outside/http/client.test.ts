/** An endpoint that fails, stalls, limits and answers nonsense: what is asked again, what is refused, and what is paid once. */
import { appendFileSync, mkdtempSync, readFileSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PNG } from 'pngjs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HttpClient } from '../../../../models/outside/http/client.ts';
import type { HttpSource } from '../../../../models/outside/http/source.ts';
import { Endpoint, first, saying } from './server.ts';

let endpoint: Endpoint;
let answers: string;

beforeEach(async () => {
  endpoint = await Endpoint.start();
  answers = join(mkdtempSync(join(tmpdir(), 'rampart-answers-')), 'below', 'answers');
});
afterEach(() => endpoint.stop());

const clientOf = (changes: Partial<HttpSource> = {}, classes = 2) =>
  new HttpClient(
    {
      url: endpoint.url,
      access: 'scores',
      scores: 'probabilities',
      format: 'float32',
      version: '',
      batch: 4,
      timeout: 5,
      retries: 3,
      headersFrom: {},
      ...changes,
    },
    { shape: [1, 2, 1], classes, answers },
  );

/** Images of two pixels, both of the value. */
const images = (...values: number[]) => ({ n: values.length, values: Float32Array.from(values.flatMap((v) => [v, v])) });

const rounded = (values: Float32Array) => [...values].map((v) => Number(v.toFixed(4)));
const logs = (...means: number[]) => means.flatMap((m) => [Math.log(1 - m), Math.log(m)]).map((v) => Number(v.toFixed(4)));

describe('what is asked and answered', () => {
  test('float32 goes as it is, in requests of a batch, and probabilities come back as their logarithms', async () => {
    const { logits, sent, kept } = await clientOf().ask(images(0.1, 0.2, 0.3, 0.4, 0.5));
    expect(rounded(logits)).toEqual(logs(0.1, 0.2, 0.3, 0.4, 0.5));
    expect({ sent, kept }).toEqual({ sent: 5, kept: 0 });
    expect(endpoint.asked.map(({ headers }) => headers['x-shape'])).toEqual(['4,1,2,1', '1,1,2,1']);
    expect(endpoint.asked[0]?.headers).toMatchObject({ 'content-type': 'application/octet-stream', 'x-dtype': 'float32' });
    expect(endpoint.asked[1]?.body).toEqual(Buffer.from(Float32Array.of(0.5, 0.5).buffer));
  });

  test('PNG goes as JSON, rounded to 1/255', async () => {
    endpoint.answer = () => ({ labels: [1] });
    await clientOf({ format: 'png', access: 'labels' }).ask({ n: 1, values: Float32Array.of(0.3, 0.9999) });
    const { images: sent } = JSON.parse(endpoint.asked[0]?.body.toString() ?? '') as { images: string[] };
    const png = PNG.sync.read(Buffer.from(sent[0] as string, 'base64'));
    expect([png.width, png.height, png.data[0], png.data[4]]).toEqual([2, 1, Math.round(0.3 * 255), 255]);
    expect(endpoint.asked[0]?.headers['content-type']).toBe('application/json');
  });

  test('a label stands far above the rest; logits come as they are', async () => {
    endpoint.answer = () => ({ labels: [2, 0] });
    expect([...(await clientOf({ access: 'labels' }, 3).ask(images(0.1, 0.2))).logits]).toEqual([0, 0, 100, 100, 0, 0]);
    endpoint.answer = () => ({ scores: [[-3, 7.5]] });
    expect([...(await clientOf({ scores: 'logits' }).ask(images(0.3))).logits]).toEqual([-3, 7.5]);
  });

  test('a probability of 0 is a very small one', async () => {
    endpoint.answer = () => ({ scores: [[0, 1]] });
    expect(rounded((await clientOf().ask(images(0.3))).logits)).toEqual([-27.631, 0]);
  });
});

describe('answers that are none', () => {
  test.each<[string, unknown, string]>([
    ['another list', { labels: [1] }, 'expected JSON with a list "scores", got {"labels":[1]}'],
    ['too few', { scores: [] }, 'expected scores of 1 images, got 0'],
    ['another number of classes', { scores: [[0.5, 0.25, 0.25]] }, 'expected 2 scores for image 0, got 3'],
    ['a number', { scores: [1] }, 'expected 2 scores for image 0, got 1'],
    ['null', { scores: [[null, 1]] }, 'expected finite scores for image 0, got null for class 0'],
    ['more than float32 holds', { scores: [[1e300, 1]] }, 'expected finite scores for image 0, got 1e+300 for class 0'],
    [
      'logits',
      { scores: [[4, -2]] },
      'expected probabilities that sum to 1 for image 0, got a sum of 2.000; where the endpoint answers with logits, say so',
    ],
  ])('%s', async (_, answer, message) => {
    endpoint.answer = () => answer;
    await expect(clientOf().ask(images(0.1))).rejects.toThrow(`[127.0.0.1:${new URL(endpoint.url).port}/predict] ${message}`);
    // no answer is kept that was none, and none is asked for again
    expect(endpoint.asked.length).toBe(1);
    expect(readFileSync(answers, 'utf8')).not.toContain('image');
  });

  test('NaN, as Python writes it, is no JSON', async () => {
    endpoint.mischief = saying(200, '{"scores": [[NaN, 1.0]]}');
    await expect(clientOf().ask(images(0.1))).rejects.toThrow('expected JSON, got {"scores": [[NaN, 1.0]]}');
  });

  test.each([[2], [-1], [0.5], ['cat']])('the label %j', async (label) => {
    endpoint.answer = () => ({ labels: [label] });
    await expect(clientOf({ access: 'labels' }).ask(images(0.1))).rejects.toThrow(
      `expected a label from 0 to 1 for image 0, got ${JSON.stringify(label)}`,
    );
  });

  test('a status that says no, and a redirect, end it at once', async () => {
    endpoint.mischief = saying(401, 'who are you?');
    await expect(clientOf().ask(images(0.1))).rejects.toThrow('answered with status 401 (who are you?)');
    endpoint.mischief = saying(307, '', { location: 'http://127.0.0.1:9/' });
    await expect(clientOf().ask(images(0.1))).rejects.toThrow('answered with status 307');
    expect(endpoint.asked.length).toBe(2);
  });
});

describe('trouble that passes', () => {
  test('500, then a closed connection, then half an answer, then an answer', async () => {
    endpoint.mischief = (nth, response) => {
      if (nth === 0) response.writeHead(500).end();
      else if (nth === 1) response.destroy();
      else if (nth === 2) response.writeHead(200, { 'content-length': 100 }).write('{"sco', () => response.destroy());
      return nth < 3;
    };
    const { logits, sent } = await clientOf().ask(images(0.25));
    expect(rounded(logits)).toEqual(logs(0.25));
    expect(sent).toBe(4);
    const pauses = endpoint.asked.slice(1).map(({ at }, i) => at - (endpoint.asked[i]?.at ?? 0));
    // half a second, doubled each time
    pauses.forEach((pause, i) => {
      expect(pause).toBeGreaterThanOrEqual(500 * 2 ** i - 20);
    });
  }, 30_000);

  test('429 with Retry-After is waited for', async () => {
    endpoint.mischief = first(saying(429, '', { 'retry-after': '2' }));
    await clientOf().ask(images(0.25));
    const [early, late] = endpoint.asked;
    expect((late?.at ?? 0) - (early?.at ?? 0)).toBeGreaterThanOrEqual(1980);
  }, 30_000);

  test('one that asks to come back tomorrow is left, and told', async () => {
    endpoint.mischief = saying(503, '', { 'retry-after': '86400' });
    await expect(clientOf().ask(images(0.25))).rejects.toThrow(
      'answered with status 503; the next try would be 86400 s later; run the suite again: what was answered is kept',
    );
  });

  test('one that stalls is asked again, and in the end left', async () => {
    endpoint.mischief = () => true;
    await expect(clientOf({ timeout: 0.3, retries: 1 }).ask(images(0.25))).rejects.toThrow('gave no answer within 0.3 s, 2 times');
    expect(endpoint.asked.length).toBe(2);
  }, 30_000);

  test('one that is not there', async () => {
    const client = clientOf({ retries: 0 });
    await endpoint.stop();
    await expect(client.ask(images(0.25))).rejects.toThrow(/could not be asked: .*ECONNREFUSED.*1 times/);
    endpoint = await Endpoint.start();
  });
});

describe('limits', () => {
  test('requests keep their distance', async () => {
    await clientOf({ batch: 1, rate: 5 }).ask(images(0.1, 0.2, 0.3));
    endpoint.asked.slice(1).forEach(({ at }, i) => {
      expect(at - (endpoint.asked[i]?.at ?? 0)).toBeGreaterThanOrEqual(180);
    });
  });

  test('nor does a clock that was hours ahead when the last was sent keep another waiting', async () => {
    await clientOf().ask(images(0.25));
    appendFileSync(answers, `${JSON.stringify({ sent: 0, at: Date.now() + 3_600_000 })}\n`);
    await clientOf({ rate: 20 }).ask(images(0.5));
    expect(endpoint.asked.length).toBe(2);
  });

  test('no image is sent beyond the number that may be, over all runs; what is there may still be asked for', async () => {
    const limited = { queries: 5, batch: 2 };
    await clientOf(limited).ask(images(0.1, 0.2, 0.3, 0.4));
    const again = clientOf(limited);
    await expect(again.ask(images(0.1, 0.5, 0.6))).rejects.toThrow(
      '4 images were sent, 2 more would be over the limit (queries: 5); raise it and run the suite again: what was answered is kept',
    );
    expect(rounded((await again.ask(images(0.4, 0.7))).logits)).toEqual(logs(0.4, 0.7));
    expect(endpoint.images.length).toBe(5);
  });

  test('nor beyond what may be spent, images that are sent again included', async () => {
    endpoint.mischief = first(saying(500));
    const client = clientOf({ price: 1.5, budget: 0.0045 });
    await client.ask(images(0.1));
    await expect(client.ask(images(0.2, 0.3))).rejects.toThrow(
      '2 images were sent, 2 more would be over the limit (budget: 0.0045 at 1.5 per 1,000 images)',
    );
    await client.ask(images(0.2));
    expect(endpoint.asked.length).toBe(3);
  });
});

describe('answers that are kept', () => {
  test('an image is asked about once, in one batch, in the next and in the next run; under another draw anew', async () => {
    const client = clientOf();
    await client.ask(images(0.1, 0.2, 0.1));
    expect(await client.ask(images(0.2, 0.3))).toMatchObject({ sent: 1, kept: 1 });
    const next = clientOf();
    expect(await next.ask(images(0.3, 0.1, 0.2))).toMatchObject({ sent: 0, kept: 3 });
    expect(rounded((await next.ask(images(0.3, 0.1))).logits)).toEqual(logs(0.3, 0.1));
    expect(endpoint.images.length).toBe(3);
    expect(await next.ask({ ...images(0.1), draws: ['cell/7'] })).toMatchObject({ sent: 1 });
    expect(await next.ask({ ...images(0.1, 0.1), draws: ['cell/7', 'cell/8'] })).toMatchObject({ sent: 1, kept: 1 });
  });

  test('two processes share what they know and what they may send', async () => {
    const [one, other] = [clientOf({ queries: 3 }), clientOf({ queries: 3 })];
    await one.ask(images(0.1, 0.2));
    expect(await other.ask(images(0.2, 0.3))).toMatchObject({ sent: 1, kept: 1 });
    await expect(one.ask(images(0.4))).rejects.toThrow('3 images were sent');
  });

  test('one that dies midway has paid for what it has; a file cut off or torn anywhere costs what lay there', async () => {
    await clientOf().ask(images(0.1, 0.2));
    const whole = readFileSync(answers);
    truncateSync(answers, whole.length - 10);
    // what another process wrote after that one died
    expect(await clientOf().ask(images(0.1, 0.2))).toMatchObject({ sent: 1, kept: 1 });
    appendFileSync(answers, '{"image":"abc","logits":"AAAA"}\n{"image":3}\n[]\nnull\n{"sent":"many"}');
    const next = clientOf();
    expect(await next.ask(images(0.3))).toMatchObject({ sent: 1 });
    expect(rounded((await next.ask(images(0.1, 0.2, 0.3))).logits)).toEqual(logs(0.1, 0.2, 0.3));
    expect(endpoint.images.length).toBe(4);
  });

  test('answers of another number of classes are not taken', async () => {
    await clientOf().ask(images(0.1));
    endpoint.answer = (means) => ({ scores: means.map(() => [0.2, 0.3, 0.5]) });
    expect((await clientOf({}, 3).ask(images(0.1))).logits.length).toBe(3);
  });
});

describe('secrets', () => {
  test('come from the environment, go into headers, and stand in no message and no file', async () => {
    process.env.RAMPART_TEST_TOKEN = 'open-sesame';
    process.env.RAMPART_TEST_KEY = 'barley';
    const source = { tokenEnv: 'RAMPART_TEST_TOKEN', headersFrom: { 'x-api-key': 'RAMPART_TEST_KEY' } };
    const client = clientOf({ ...source, url: `${endpoint.url}?key=hidden` });
    await client.ask(images(0.1));
    expect(endpoint.asked[0]?.headers).toMatchObject({ authorization: 'Bearer open-sesame', 'x-api-key': 'barley' });
    endpoint.mischief = saying(403, 'Bearer open-sesame with barley may not');
    const error = await client.ask(images(0.2)).catch((e: Error) => e.message);
    expect(error).toContain('/predict?key=...] answered with status 403 (Bearer *** with *** may not)');
    expect(readFileSync(answers, 'utf8')).not.toMatch(/sesame|barley|hidden/);
  });

  test('that are not there are missed before anything is sent', () => {
    expect(() => clientOf({ tokenEnv: 'RAMPART_TEST_NOWHERE' })).toThrow(
      'expected the environment variable RAMPART_TEST_NOWHERE, for the header authorization',
    );
  });
});
