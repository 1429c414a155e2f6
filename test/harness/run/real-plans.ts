/** Plans that real workers can do: a small trained network on a few drawn images, and the processes that do them. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type EngineIdentity, type EngineRef, engineIdentity } from '../../../harness/job/engine.ts';
import type { Job, RunSettings } from '../../../harness/job/job.ts';
import { putPlugins } from '../../../harness/job/plugins.ts';
import { prepareData } from '../../../harness/job/prepare-data.ts';
import type { Task } from '../../../harness/run/executor.ts';
import type { Place } from '../../../harness/run/local/messages.ts';
import { nameOf, type Plan, type Planned, planRun } from '../../../harness/run/plan.ts';
import { isImported } from '../../../harness/suite/models.ts';
import { FolderStore } from '../../../records/folder-store.ts';
import { freshFolder } from '../folders.ts';
import { suiteWith } from '../suites.ts';
import { probeEngine } from './built.ts';

export const wasmEngine: EngineRef = { name: 'wasm', device: 'cpu', threads: 1 };
const golden = fileURLToPath(new URL('../../golden/model.safetensors', import.meta.url));

export const REAL = {
  datasets: 'datasets: [{ name: shapes, train: 40, test: 8 }]',
  recipe: 'recipe: { epochs: 1, validation: 8, batchSize: 16 }',
  defenses: 'defenses: [standard]',
  models: `models: [{ name: borrowed, weights: ${golden}, arch: resnet-tiny, title: From elsewhere }]`,
  attacks: 'attacks: [fgsm]',
};

export interface RealPlan {
  readonly plan: Plan;
  readonly store: FolderStore;
  readonly settings: RunSettings;
  readonly place: Place;
  /** In an order in which each has what it needs. */
  readonly names: { readonly models: readonly string[]; readonly clean: readonly string[]; readonly attacks: readonly string[] };
  /** The job of that name, `borrowed` or `fgsm on borrowed`; what it needs must be done. */
  job(name: string): Promise<Job>;
  /** The same with batches of 2. */
  task(name: string): Promise<Task>;
}

const identities = new Map<string, Promise<EngineIdentity>>();

/** Of what answers to an engine's name, which is started once to ask. */
function identityOf({ name, device, threads }: EngineRef): Promise<EngineIdentity> {
  const ask = async () => engineIdentity((await probeEngine({ request: `${name}:${device}`, threads }, new AbortController().signal)).info);
  const identity = identities.get(name) ?? ask();
  identities.set(name, identity);
  return identity;
}

/** A suite with a network that comes trained, `borrowed`, and one to be trained, `standard`; with a folder of its own. */
export async function realPlan(changes: Record<string, string> = {}, engine = wasmEngine): Promise<RealPlan> {
  const { suite, registry } = await suiteWith({ ...REAL, ...changes }, fileURLToPath(new URL('./real.yml', import.meta.url)));
  const data = await prepareData(suite, registry, { dataDir: '', download: false, signal: new AbortController().signal });
  const plan = planRun(suite, registry, data, await identityOf(engine));
  const place = { out: freshFolder(), dataDir: '', plugins: suite.plugins, outside: [] };
  const store = new FolderStore(place.out);
  for (const model of suite.models) if (isImported(model)) await store.putArtifact(readFileSync(model.weights));
  const settings = { plugins: await putPlugins(registry, store), keepExamples: 2 };
  const all: Planned[] = [...plan.models, ...plan.cells];
  const job = async (name: string): Promise<Job> => {
    const planned = all.find((p) => nameOf(p) === name);
    if (!planned) throw new Error(`no job "${name}" among ${all.map(nameOf).join(', ')}`);
    if (planned.kind === 'model') return planned.job;
    const hashes = new Map<string, string>();
    for (const { job } of plan.models) hashes.set(job.key, (await store.record('model', job.key))?.weightsHash ?? '');
    const weightsHash = (key: string) => hashes.get(key) ?? '';
    const cellKey = (id: string): string => plan.cells.find((c) => c.id === id)?.job(weightsHash, cellKey).key ?? '';
    return planned.job(weightsHash, cellKey);
  };
  const clean = plan.cells.filter((c) => c.label === 'clean');
  const attacks = plan.cells.filter((c) => c.label !== 'clean');
  return {
    plan,
    store,
    settings,
    place,
    names: { models: plan.models.map(nameOf), clean: clean.map(nameOf), attacks: attacks.map(nameOf) },
    job,
    task: async (name) => ({ job: await job(name), batchSize: 2 }),
  };
}

/** Process ids of the workers that this process has started and that live; needs Linux. */
export function workers(): number[] {
  const mine = (pid: string) => {
    try {
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
      const gone = fields[0] === 'Z';
      return !gone && Number(fields[1]) === process.pid && /worker\.[jt]s/.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
    } catch {
      return false; // ended meanwhile
    }
  };
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && mine(name))
    .map(Number);
}
