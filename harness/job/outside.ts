/** Models that are asked where they are: looked at when a run is planned, opened where a cell needs them, and refused where they are no longer the same. */
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { EngineInfo } from '../../engines/engine.ts';
import { RampartError } from '../../errors.ts';
import type { Classifier } from '../../models/classifier.ts';
import { askPython, openPython } from '../../models/outside/python/classifier.ts';
import type { PythonFacts } from '../../models/outside/python/process.ts';
import { canonicalJson, sha256 } from '../../records/hash.ts';
import type { ModelRecord, OutsideRecord } from '../../records/record.ts';
import { isOutside, type OutsideSource } from '../suite/models.ts';
import type { Suite } from '../suite/suite.ts';
import { findEndpoint, openEndpoint } from './endpoint.ts';
import type { DataForm, OutsideFound } from './job.ts';
import type { PlannedData } from './prepare-data.ts';

type LiveSource = Extract<OutsideSource, { via: 'python' }>;
type LiveRecord = Extract<OutsideRecord, { via: 'python' }>;

/** The sources of a suite's models as a run into the folder `out` asks them. */
export function sourcesOf(suite: Suite, out: string): OutsideSource[] {
  const sources = suite.models.filter(isOutside).map(({ source }) => source);
  return sources.map((source) => (source.via === 'http' ? { answers: join(out, 'answers'), ...source } : source));
}

/** By the names of the suite's models. What cannot be asked is found as why: it costs its own cells alone. */
export async function findOutside(
  suite: Suite,
  data: readonly PlannedData[],
  threads: number,
  signal: AbortSignal,
  mayAsk: (file: string) => boolean = () => true,
): Promise<Map<string, OutsideFound>> {
  const found = new Map<string, OutsideFound>();
  for (const model of suite.models.filter(isOutside)) {
    const form = data.find(({ ref }) => ref.label === model.dataset)?.ref.form;
    const asks = model.source.via === 'http' || mayAsk(model.source.file);
    if (form) found.set(model.name, asks ? await find(model.source, form, threads, signal) : { failure: 'it was not asked' });
  }
  return found;
}

async function find(source: OutsideSource, form: DataForm, threads: number, signal: AbortSignal): Promise<OutsideFound> {
  const { shape, classes } = form;
  try {
    if (source.via === 'http') return findEndpoint(source, form);
    const facts = await askPython(source, { shape, classes, threads }, signal);
    const { weights, parameters, multiplyAdds = 0, activations = 0 } = facts;
    return { model: recordOf(source, facts), weights, parameters, multiplyAdds, activations };
  } catch (error) {
    if (!(error instanceof RampartError)) throw error;
    return { failure: error.message };
  }
}

function recordOf(source: LiveSource, facts: PythonFacts): LiveRecord {
  const { sources, module, python, torch, device, deviceName } = facts;
  return { via: 'python', file: basename(source.file), function: source.function, sources, module, python, torch, device, deviceName };
}

/** The model of a record, asked from this process; `here` are those that this machine has. Throws where it is not here, or no longer what the run was planned with. `alive` is called while it is asked, where that takes long. The caller owns the classifier. */
export function openOutside(
  record: ModelRecord,
  form: DataForm,
  here: readonly OutsideSource[],
  engine: EngineInfo,
  alive: () => void,
): Classifier {
  const { name, weightsHash, outside } = record;
  const { shape, classes } = form;
  const { source: planned } = outside as NonNullable<ModelRecord['outside']>;
  if (planned.via === 'http')
    return openEndpoint(
      record,
      form,
      here.filter((source) => source.via === 'http'),
      alive,
    );
  const source = sourceOf(
    planned,
    here.filter((source) => source.via === 'python'),
  );
  if (!source)
    throw new RampartError(`[model ${name}] ${planned.file} is not here as the run was planned with it`, { remedy: 'run the suite again' });
  // a worker on one of several GPUs has its own
  const device = source.device === 'auto' && engine.device.startsWith('cuda') ? engine.device : source.device;
  const { classifier, facts } = openPython({ ...source, device }, { shape, classes, threads: engine.threads });
  const kindOf = ({ device }: { device: string }) => device.split(':')[0];
  const same =
    facts.weights === weightsHash &&
    facts.torch === planned.torch &&
    kindOf(facts) === kindOf(planned) &&
    canonicalJson(facts.sources) === canonicalJson(planned.sources);
  if (same) return classifier;
  classifier.dispose();
  throw new RampartError(
    `[model ${name}] ${planned.file}:${planned.function} is not what the run was planned with: ${differenceOf(planned, weightsHash, facts)}`,
    {
      remedy: 'run the suite again; a function that returns other weights each time must load or seed them',
    },
  );
}

function differenceOf(planned: LiveRecord, weights: string, facts: PythonFacts): string {
  if (facts.torch !== planned.torch) return `PyTorch is ${facts.torch}, was ${planned.torch}`;
  if (canonicalJson(facts.sources) !== canonicalJson(planned.sources)) return 'its code changed';
  return facts.weights === weights ? `it runs on ${facts.device}, ran on ${planned.device}` : 'its weights changed';
}

/** The file of that name and content, on the same kind of device where several have it. */
function sourceOf(planned: LiveRecord, here: readonly LiveSource[]): LiveSource | undefined {
  const hash = planned.sources.find(({ path }) => path === planned.file)?.hash;
  const same = here.filter(
    (source) => source.function === planned.function && basename(source.file) === planned.file && hashOf(source.file) === hash,
  );
  return same.find(({ device }) => device === planned.device) ?? same[0];
}

function hashOf(file: string): string | undefined {
  try {
    return sha256(readFileSync(file));
  } catch {
    return undefined;
  }
}
