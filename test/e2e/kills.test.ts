import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FolderStore } from '../../records/folder-store.ts';
import { comparable } from '../../records/store.ts';
import { filesBelow, put, rampart, type Started, started, workFolder } from './cli.ts';

/** A training of several epochs, and an AutoAttack each of whose members has images to work on, one after the other. */
const SUITE = `
name: kills
title: Kills
diagnosis: off
datasets: [{ name: shapes, train: 500, test: 16 }]
threats: [{ norm: Linf, eps: 0.5/255 }]
architectures: [cnn-small]
recipe: { epochs: 6, validation: 24, validateEvery: 6, batchSize: 16, learningRate: 0.05, augment: none }
defenses: [standard]
attacks: [{ name: autoattack, n: 3 }]
engine: { name: wasm, batchSize: 1, workers: 1 }
`;
/** Of them in all; a full series has 60. */
const KILLS = Number(process.env.RAMPART_KILLS ?? 2);

type Kind = 'models' | 'cells';

/** One kill: of the run or of its worker, so long after so many saves of a checkpoint, of a training or of an AutoAttack. */
interface Aim {
  readonly at: Kind;
  readonly victim: 'run' | 'worker';
  readonly saves: number;
  readonly afterMs: number;
}

/** Of three kills in a row one hits a training and two an AutoAttack: between a save and what follows it, or while a member works. */
const aim = (kill: number): Aim => ({
  at: kill % 3 === 0 ? 'models' : 'cells',
  victim: kill % 2 === 0 ? 'run' : 'worker',
  saves: 1 + (kill % 4),
  afterMs: [0, 7, 20, 60, 200][kill % 5] as number,
});

/** Changes of a checkpoint of that kind so far: a new file has another time of its last change. */
function checkpointTime(out: string, at: Kind): number {
  const times = filesBelow(out)
    .filter((file) => file.startsWith(at) && /checkpoint\.bin$/.test(file))
    .map((file) => statSync(join(out, file), { throwIfNoEntry: false })?.mtimeMs ?? 0);
  return Math.max(0, ...times);
}

/** Process ids of the workers of a run; needs Linux. */
function workersOf(run: Started): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[1] === String(run.process.pid);
      } catch {
        return false; // ended meanwhile
      }
    })
    .map(Number);
}

/** Waits for the saves of an aim; false where the run ends before. */
async function saves(run: Started, out: string, { at, saves: count }: Aim): Promise<boolean> {
  let ended = false;
  void run.ended.then(() => {
    ended = true;
  });
  let last = checkpointTime(out, at);
  for (let seen = 0; seen < count && !ended; ) {
    const now = checkpointTime(out, at);
    if (now > last) [seen, last] = [seen + 1, now];
    else await new Promise((next) => setTimeout(next, 2));
  }
  return !ended;
}

/** Kills whom the aim names once its moment has come; false where nobody was there any more. */
async function killed(run: Started, out: string, aim: Aim): Promise<boolean> {
  if (!(await saves(run, out, aim))) return false;
  await new Promise((next) => setTimeout(next, aim.afterMs));
  const victim = aim.victim === 'run' ? run.process.pid : workersOf(run)[0];
  try {
    return victim !== undefined && process.kill(victim, 'SIGKILL');
  } catch {
    return false; // ended meanwhile
  }
}

test.skipIf(process.platform !== 'linux')(
  `${KILLS} kills of worker or run around saves of a checkpoint change no record`,
  { timeout: 60_000 * (KILLS + 5) },
  async () => {
    const folder = workFolder();
    const suite = put(folder, 'kills.yml', SUITE);
    const contents = async (out: string) => (await new FolderStore(out).records()).map(comparable);
    const undisturbed = join(folder, 'undisturbed');
    expect(rampart('run', suite, '--out', undisturbed)).toMatchObject({ code: 0 });
    const wanted = await contents(undisturbed);
    const [attacked] = (await new FolderStore(undisturbed).records()).flatMap((r) => (r.kind === 'cell' && r.members ? [r] : []));
    expect(attacked?.members?.map(({ entered }) => entered > 0)).toEqual([true, true, true, true]);

    let kills = 0;
    for (let chain = 0; kills < KILLS; chain++) {
      const out = join(folder, `chain-${chain}`);
      const history: string[] = [];
      for (let done = false; !done; ) {
        const run = started('run', suite, '--out', out);
        if (kills < KILLS && (await killed(run, out, aim(kills)))) history.push(JSON.stringify(aim(kills++)));
        const { code, output } = await run.ended;
        done = code === 0;
        history.push(output);
        if (code !== null && code !== 0) expect(output, history.join('\n')).toMatch('the worker was killed by SIGKILL');
      }
      expect(await contents(out), history.join('\n')).toEqual(wanted);
      expect(
        filesBelow(out).filter((file) => /\.tmp$|checkpoint\.bin$|damaged/.test(file)),
        history.join('\n'),
      ).toEqual([]);
    }
  },
);
