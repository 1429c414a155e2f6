/** What each worker of a run works on, by what the machine has and what was asked for. */
import { cpus } from 'node:os';
import { expect, test } from 'vitest';
import type { EngineProbe } from '../../../harness/run/executor.ts';
import { asked, type EngineRequest, remembered, slotsOn } from '../../../harness/run/slots.ts';
import { suiteWith } from '../suites.ts';

const suiteOf = async (engine = '') => (await suiteWith(engine === '' ? {} : { engine: `engine: ${engine}` })).suite;

const probe = (device: string, devices: string[], threads = 1): EngineProbe => ({
  info: { name: 'torch', version: '2', device, threads, details: {}, warnings: [] },
  devices,
  why: 'for a test',
});

async function devicesOf(found: EngineProbe, request: EngineRequest = {}, engine = ''): Promise<string[]> {
  const slots = slotsOn(found, await suiteOf(engine), request);
  for (const slot of slots) expect(slot).toMatchObject({ name: 'torch', threads: found.info.threads, beside: slots.length - 1 });
  return slots.map((slot) => slot.device);
}

test('on GPUs there is a worker on each, and none on the processor', async () => {
  expect(await devicesOf(probe('cuda:0', ['cpu', 'cuda:0', 'cuda:1']))).toEqual(['cuda:0', 'cuda:1']);
});

test('a device that was asked for by name is the only one', async () => {
  expect(await devicesOf(probe('cuda:1', ['cpu', 'cuda:0', 'cuda:1']), { engine: 'torch:cuda:1' })).toEqual(['cuda:1']);
  expect(await devicesOf(probe('cuda:1', ['cpu', 'cuda:0', 'cuda:1']), {}, '{ name: "torch:cuda:1" }')).toEqual(['cuda:1']);
});

test('workers take turns at the devices', async () => {
  expect(await devicesOf(probe('cuda:0', ['cpu', 'cuda:0', 'cuda:1']), { workers: 3 })).toEqual(['cuda:0', 'cuda:1', 'cuda:0']);
});

test('on the processor there are as many as its cores hold with their threads, at least one', async () => {
  const found = await devicesOf(probe('cpu', ['cpu', 'cuda:0']));
  expect(new Set(found)).toEqual(new Set(['cpu']));
  expect(found.length).toBeLessThanOrEqual(cpus().length);
  expect(await devicesOf(probe('cpu', ['cpu'], 1000))).toEqual(['cpu']);
});

test('how many was asked for goes before what the suite says, and that before what would fit', async () => {
  expect(await devicesOf(probe('cpu', ['cpu']), {}, '{ workers: 5 }')).toHaveLength(5);
  expect(await devicesOf(probe('cpu', ['cpu']), { workers: 2 }, '{ workers: 5 }')).toHaveLength(2);
});

test('engine and threads are those asked for, else those of the suite, else any and one', async () => {
  expect(asked(await suiteOf(), {})).toEqual({ request: 'auto', threads: 1, precision: 'fp32' });
  expect(asked(await suiteOf('{ name: wasm, threads: 3 }'), {})).toEqual({ request: 'wasm', threads: 3, precision: 'fp32' });
  expect(asked(await suiteOf('{ name: wasm, threads: 3, precision: bf16 }'), { engine: 'torch', threads: 2 })).toEqual({
    request: 'torch',
    threads: 2,
    precision: 'bf16',
  });
  expect(asked(await suiteOf('{ precision: bf16 }'), { precision: 'tf32' }).precision).toBe('tf32');
});

test('an answer is remembered for the same question alone', () => {
  const index = { engine: { asked: 'this', probe: probe('cpu', ['cpu']) } } as unknown as Parameters<typeof remembered>[0];
  expect(remembered(index, 'this')).toEqual(probe('cpu', ['cpu']));
  expect(remembered(index, 'that')).toBeUndefined();
  expect(remembered(undefined, 'this')).toBeUndefined();
});
