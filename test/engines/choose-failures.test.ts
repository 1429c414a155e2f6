import { expect, test } from 'vitest';
import { chooseEngine } from '../../engines/choose.ts';
import { cpu } from '../../engines/cpu.ts';
import type { Engine } from '../../engines/engine.ts';
import { RampartError } from '../../errors.ts';

const choose = (request: string, among?: readonly Engine[]) => chooseEngine(request, { threads: 1, among });

test('an unknown name is refused with the nearest one and all there are', async () => {
  await expect(choose('wsm')).rejects.toThrow(/^unknown engine "wsm"; did you mean "wasm"\? known: auto, .*wasm, cpu$/);
});

test('an engine that is not usable is refused with the reason and the command that mends it', async () => {
  const absent: Engine = {
    ...cpu,
    name: 'absent',
    probe: async () => ({ usable: false, detail: 'no library', remedy: 'npm run engine:absent' }),
  };
  const refused = choose('absent', [absent, cpu]);
  await expect(refused).rejects.toThrow('[engine absent] not usable here: no library; try `npm run engine:absent`');
  await expect(refused).rejects.toBeInstanceOf(RampartError);
});

test('a device that is not there is refused with those that are', async () => {
  await expect(choose('cpu:cuda:3')).rejects.toThrow('[engine cpu] no device "cuda:3" here; it has cpu');
});

test('an engine asked for that does not start says so in its own words', async () => {
  const broken: Engine = {
    ...cpu,
    name: 'broken',
    init: async () => {
      throw new RampartError('[engine broken] libfoo.so.1 is too old');
    },
  };
  await expect(choose('broken', [broken])).rejects.toThrow('[engine broken] libfoo.so.1 is too old');
});

test('when nothing works, each engine says why', async () => {
  const absent: Engine = { ...cpu, name: 'absent', probe: async () => ({ usable: false, detail: 'no driver' }) };
  await expect(choose('auto', [absent])).rejects.toThrow('no engine works here: absent: no driver');
});
