import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FolderStore } from '../../records/folder-store.ts';
import { comparable } from '../../records/store.ts';
import { filesBelow, put, rampart, started, until, workFolder } from './cli.ts';

/** Three epochs, and attacks that take many batches, each long enough for a look in between on a busy machine. */
const SUITE = `
name: resume
title: Resume
diagnosis: off
datasets: [{ name: shapes, train: 200, test: 40 }]
threats: [{ norm: Linf, eps: 8/255 }]
architectures: [cnn-small]
recipe: { epochs: 3, validation: 40, batchSize: 32 }
defenses: [standard, pgd-at]
attacks: [{ name: square, queries: 200 }, { name: transfer, sources: [standard], steps: 20 }]
engine: { name: wasm, batchSize: 2 }
keepExamples: 2
`;
/** Two models; clean accuracy and `square` of each; `transfer` to the one that is no source. */
const JOBS = 2 + 4 + 1;

const contents = async (out: string) => (await new FolderStore(out).records()).map(comparable);
const holds = (out: string, pattern: RegExp) => filesBelow(out).some((file) => pattern.test(file));
const aTraining = /models.*checkpoint\.bin$/;
const anAttack = /cells.*checkpoint\.bin$/;
const aRecord = /record\.json$/;

test('one suite gives one set of records: in fresh folders, killed and resumed, interrupted and resumed', {
  timeout: 300_000,
}, async () => {
  const folder = workFolder();
  const suite = put(folder, 'resume.yml', SUITE);
  const out = (name: string) => join(folder, name);
  const run = (name: string, workers: string) => ['run', suite, '--out', out(name), '--workers', workers];

  const first = rampart(...run('first', '2'));
  expect(first.code, first.output).toBe(0);
  const wanted = await contents(out('first'));
  expect(wanted.length).toBe(JOBS);

  const again = rampart(...run('first', '2'));
  expect(again.code).toBe(0);
  expect(again.output).toMatch(`${JOBS} of ${JOBS} jobs were there already`);

  // after the first epoch of a training, before any model is done; the worker must notice that its parent is gone
  const training = started(...run('second', '1'));
  await until('a checkpoint of a training', () => holds(out('second'), aTraining));
  training.process.kill('SIGKILL');
  await training.ended;
  await until('the end of its worker', () => !training.alive());
  expect(holds(out('second'), aRecord)).toBe(false);

  // Ctrl-C reaches the whole process group; the run ends by itself and says how to go on
  const interrupted = started(...run('second', '1'));
  await until('a model', () => holds(out('second'), aRecord));
  interrupted.signal('SIGINT');
  const { code, output } = await interrupted.ended;
  expect(code).toBe(1);
  expect(interrupted.alive()).toBe(false);
  expect(output).toMatch('interrupted; what is finished is kept, and the same command goes on from there');
  expect(output).not.toMatch('failed');

  const attack = started(...run('second', '1'));
  await until('a checkpoint of an attack', () => holds(out('second'), anAttack));
  attack.signal('SIGKILL');
  await attack.ended;
  expect(holds(out('second'), anAttack)).toBe(true);

  const resumed = rampart(...run('second', '1'));
  expect(resumed.code, resumed.output).toBe(0);
  expect(await contents(out('second'))).toEqual(wanted);
});
