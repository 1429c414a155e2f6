/** A suite whose jobs write down what they do as they do it: what was done twice, and whether two did the same job at once. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FolderStore } from '../../../records/folder-store.ts';
import { comparable } from '../../../records/store.ts';
import { put, rampart } from '../cli.ts';

/** Every step of a training and of an attack is a line of the file RAMPART_WATCHED: its process, its job, and which step of that. */
const PLUGIN = `import { appendFileSync } from 'node:fs';
import { z } from 'zod';
import { crossEntropy, defineAttack, defineDefense, steepest, tf } from 'rampart';

const note = (job, step) => appendFileSync(process.env.RAMPART_WATCHED, \`\${process.pid} \${job} \${step}\\n\`);

export const training = defineDefense({
  name: 'watched-training', title: 'Watched training', paper: '', version: 1, kind: 'training', selectBy: 'clean',
  params: z.strictObject({ copy: z.number().int().default(0) }),
  cost: () => ({ forward: 1, backward: 1 }),
  create: ({ copy }, { rng }) => ({
    async craft(batch, { epoch, step }) {
      note(\`\${rng.key.replaceAll(' ', '_')}/\${copy}\`, \`epoch \${epoch}/\${step}\`);
      return {};
    },
    objective({ x, y }, _crafted, ctx) {
      const { logits } = ctx.forward(x);
      return { loss: ctx.crossEntropy(logits, y).mul(1 + copy / 10), logits, terms: {} };
    },
  }),
});

export default defineAttack({
  name: 'watched', title: 'Watched', paper: '', version: 1, access: 'gradient', norms: ['Linf'],
  params: z.strictObject({ steps: z.number().int().min(1), copy: z.number().int().default(0) }),
  cost: ({ steps }) => ({ forward: steps + 1, backward: steps }),
  create: ({ steps, copy }) => ({
    async perturb({ x, y, ids }, target, { eps }, { rng }) {
      // models are told apart by what they say of a black image: the draws of two cells are the same
      const said = tf.tidy(() => target.logits(tf.zerosLike(x)).dataSync()[0]);
      let best = x.clone();
      for (let step = 0; step < steps; step++) {
        note(\`\${rng.key.replaceAll(' ', '_')}/\${said}/\${copy}\`, \`batch \${ids[0]}/\${step}\`);
        const { loss, logits, grad } = target.gradient(best, crossEntropy(y));
        const next = tf.tidy(() => tf.clipByValue(x.add(tf.clipByValue(best.add(grad.sign().mul(eps / 10)).sub(x), -eps, eps)), 0, 1));
        tf.dispose([loss, logits, grad, best]);
        best = next;
        await new Promise((next) => setImmediate(next));
      }
      return best;
    },
  }),
});
`;

const ATTACK = PLUGIN.replace(/export const training[\s\S]*?\n}\);\n/, '');
const DEFENSE = PLUGIN.replace(/export default defineAttack[\s\S]*\n}\);\n/, '').replace('export const training =', 'export default');

/** Between two checkpoints: an epoch, and a batch of the attack. */
const EPOCH_STEPS = 18;
const ATTACK_STEPS = 60;

const suiteOf = (models: number) => `
name: watched
title: Watched
diagnosis: off
datasets: [{ name: shapes, train: ${24 + 16 * EPOCH_STEPS}, test: 64 }]
threats: [{ norm: Linf, eps: 0.5/255 }]
architectures: [cnn-small]
recipe: { epochs: 6, validation: 24, validateEvery: 6, batchSize: 16, learningRate: 0.05, augment: none }
defenses: [${Array.from({ length: models }, (_, copy) => `{ name: watched-training, copy: ${copy} }`).join(', ')}]
attacks: [{ name: watched, steps: ${ATTACK_STEPS} }, { name: watched, label: again, steps: ${ATTACK_STEPS}, copy: 1 }, { name: autoattack, n: 3 }]
engine: { name: wasm, batchSize: 4, workers: 2 }
keepExamples: 2
plugins: [attack.ts, defense.ts]
`;

export interface Watched {
  /** What was done, in stages: the time from one checkpoint to the next. Each counted once. */
  readonly stages: number;
  /** What was done again, in stages. */
  readonly again: number;
  /** Steps of a process at a job that another process had begun meanwhile. */
  readonly atOnce: string[];
}

/** Lines come in the order of their steps: a file grows at its end, whoever writes. */
export function watchedIn(file: string): Watched {
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  const done = new Map<string, number>();
  let all = 0;
  const atOnce: string[] = [];
  const doing = new Map<string, { readonly pid: string; readonly before: Set<string> }>();
  for (const line of lines) {
    const [pid = '', job = '', stage = '', step = ''] = line.split(' ');
    const weight = 1 / (stage === 'epoch' ? EPOCH_STEPS : ATTACK_STEPS);
    all += weight;
    done.set(`${job} ${stage} ${step}`, weight);
    const last = doing.get(job);
    if (last?.before.has(pid)) atOnce.push(line);
    if (last?.pid !== pid) doing.set(job, { pid, before: new Set([...(last?.before ?? []), ...(last ? [last.pid] : [])]) });
  }
  const stages = [...done.values()].reduce((sum, weight) => sum + weight, 0);
  return { stages, again: all - stages, atOnce };
}

/** Files of the suite in `folder`, with so many models, and what it comes to on one machine that nothing disturbs. */
export async function watchedSuite(folder: string, { models = 2 } = {}): Promise<{ suite: string; expected: unknown[] }> {
  put(folder, 'attack.ts', ATTACK);
  put(folder, 'defense.ts', DEFENSE);
  const suite = put(folder, 'suite.yml', suiteOf(models));
  process.env.RAMPART_WATCHED = join(folder, 'alone.steps');
  const out = join(folder, 'alone');
  const { code, output } = rampart('run', suite, '--out', out, '--engine', 'wasm', '--threads', '1');
  if (code !== 0) throw new Error(output);
  return { suite, expected: await recordsIn(out) };
}

export const recordsIn = async (out: string) => (await new FolderStore(out, { onDamage: () => undefined }).records()).map(comparable);
