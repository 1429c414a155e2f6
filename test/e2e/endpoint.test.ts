/** A model behind an endpoint from the command line: scores and labels, and a run that is broken off and goes on without asking anything twice. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FolderStore } from '../../records/folder-store.ts';
import type { CellRecord, ModelRecord } from '../../records/record.ts';
import { Endpoint } from '../models/outside/http/server.ts';
import { filesBelow, put, rampart, started, until, workFolder } from './cli.ts';
import { archive } from './gray-images.ts';

let endpoint: Endpoint;
beforeEach(async () => {
  endpoint = await Endpoint.start();
});
afterEach(() => endpoint.stop());

const asked = (folder: string, out: string, ...more: string[]) => [
  ...['eval', endpoint.url, '--dataset', archive(folder), '--threat', 'Linf:8/255', '--engine', 'wasm', '--workers', '1'],
  ...['--threads', '1', '--out', join(folder, out), '--batch', '4', ...more],
];
const square = ['--access', 'scores', '--attacks', 'square', '--queries', '40'];

async function recordsIn(folder: string, out: string) {
  const records = await new FolderStore(join(folder, out)).records();
  const cells = records.filter((r): r is CellRecord => r.kind === 'cell');
  return {
    model: records.find((r) => r.kind === 'model') as ModelRecord,
    cells,
    cell: (name: string) => cells.find((c) => c.attack.name === name),
  };
}

test('scores, by Square: number, flag, record and page say what was asked; the next run asks nothing', async () => {
  const folder = workFolder();
  process.env.RAMPART_E2E_TOKEN = 'open-sesame';
  const { code, output } = await started(...asked(folder, 'out', ...square, '--token-env', 'RAMPART_E2E_TOKEN')).ended;
  expect(code, output).toBe(0);
  expect(output).toMatch(/robust accuracy 75\.0 %.*flags: queries-only/);
  const { model, cell } = await recordsIn(folder, 'out');
  expect(model.outside?.source).toEqual({
    ...{ via: 'http', url: endpoint.url, access: 'scores', scores: 'probabilities', format: 'float32', version: '' },
  });
  // images nearer than 8 grey levels can be broken, of which 40 queries are enough for the nearest
  expect(cell('square')?.outcomes.robust).toBe('00111111');
  const [clean = 0, attack = 0] = [cell('clean'), cell('square')].map((c) => c?.asked?.sent);
  expect(clean).toBe(8 + 12);
  expect(clean + attack).toBe(endpoint.images.length);
  // a proposal that comes twice is asked about once
  const { passes, asked: of } = cell('square') as CellRecord;
  expect((of?.sent ?? 0) + (of?.kept ?? 0)).toBeGreaterThanOrEqual(passes.forward);
  expect(of?.kept).toBeGreaterThan(0);
  expect(endpoint.asked.every(({ headers }) => headers.authorization === 'Bearer open-sesame')).toBe(true);
  const page = readFileSync(join(folder, `out/site/models/${model.name}.html`), 'utf8');
  expect(page).toContain(
    `${endpoint.url}, which answered with probabilities, of which the logarithm was taken; images were sent as float32`,
  );
  expect(page).toContain(`${endpoint.images.length} images sent`);
  const written = filesBelow(folder).filter((path) => statSync(join(folder, path)).isFile());
  expect(written.filter((path) => readFileSync(join(folder, path)).includes('sesame'))).toEqual([]);
  expect(output).not.toContain('sesame');

  const before = endpoint.asked.length;
  const again = await started(...asked(folder, 'again', ...square, '--answers', join(folder, 'out/answers'))).ended;
  expect(again.code, again.output).toBe(0);
  expect(endpoint.asked.length).toBe(before);
  expect((await recordsIn(folder, 'again')).cell('square')).toMatchObject({ outcomes: cell('square')?.outcomes, asked: { sent: 0 } });
}, 120_000);

test('a plan says how many images it may be asked about, and at what price, and asks nothing', () => {
  const folder = workFolder();
  const model = `{ name: api, url: "${endpoint.url}", access: labels, price: 1.5, budget: 0.5 }`;
  const lines = ['name: priced', 'datasets: [{ name: shapes, train: 0, test: 20 }]', 'threats: [{ norm: Linf, eps: 8/255 }]'];
  const suite = put(folder, 'suite.yml', `${[...lines, `models: [${model}]`, 'attacks: [{ name: rays, queries: 50 }]'].join('\n')}\n`);
  const { code, output } = rampart('plan', suite, '--engine', 'wasm', '--out', join(folder, 'out'));
  expect(code, output).toBe(0);
  expect(output).toContain(
    'api is asked about 1020 images at most, at a price of 1.53; 333 may be sent (budget: 0.5 at 1.5 per 1,000 images)',
  );
  expect(endpoint.asked).toEqual([]);
}, 60_000);

test('labels, by RayS and HopSkipJump', async () => {
  endpoint.answer = (means) => ({ labels: means.map((mean) => (mean > 0.5 ? 1 : 0)) });
  const folder = workFolder();
  const labels = ['--access', 'labels', '--attacks', 'rays,hopskipjump', '--queries', '150'];
  const { code, output } = await started(...asked(folder, 'out', ...labels)).ended;
  expect(code, output).toBe(0);
  const { cell, model } = await recordsIn(folder, 'out');
  expect(cell('rays')?.outcomes.robust).toBe('00001111');
  expect(cell('rays')?.passes).toEqual({ forward: expect.any(Number), backward: 0 });
  expect(cell('hopskipjump')?.outcomes.robust).toMatch(/^....1111$/);
  expect(cell('clean')?.outcomes.confidences).toBeUndefined();
  expect(model.outside?.source).toMatchObject({ access: 'labels' });
}, 120_000);

test('a run that ends because the endpoint does, and one that is killed, go on without asking anything twice', async () => {
  const folder = workFolder();
  const whole = await started(...asked(folder, 'whole', ...square)).ended;
  expect(whole.code, whole.output).toBe(0);
  const images = endpoint.images.toSorted();

  endpoint.images.length = 0;
  const from = endpoint.asked.length;
  endpoint.mischief = (nth, response) => {
    if (nth < from + 20) return false;
    response.writeHead(503, { 'retry-after': '86400' }).end();
    return true;
  };
  const broken = await started(...asked(folder, 'out', ...square)).ended;
  expect(broken.code, broken.output).toBe(1);
  expect(broken.output).toContain('answered with status 503; the next try would be 86400 s later');

  endpoint.mischief = () => false;
  const killed = started(...asked(folder, 'out', ...square));
  await until('some more answers', () => endpoint.asked.length > from + 30);
  // a request that stalls comes after all answers before it have been kept: none is on its way
  let stalled = false;
  endpoint.mischief = () => {
    stalled = true;
    return true;
  };
  await until('a request that is not answered', () => stalled);
  killed.signal('SIGKILL');
  await killed.ended;

  endpoint.mischief = () => false;
  const resumed = await started(...asked(folder, 'out', ...square)).ended;
  expect(resumed.code, resumed.output).toBe(0);
  expect(endpoint.images.toSorted()).toEqual(images);
  const [one, other] = await Promise.all(['whole', 'out'].map((out) => recordsIn(folder, out)));
  expect(other?.cell('square')?.outcomes).toEqual(one?.cell('square')?.outcomes);
}, 180_000);
