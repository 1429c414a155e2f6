/** The graph of a run: which models to make, which cells to fill, in what order, and about how much work each is. */
import type { Passes, Threat } from '../../attacks/attack.ts';
import { costOf, type Member, membersOf } from '../../attacks/members.ts';
import { FROST } from '../../corruptions/frost.ts';
import { aboutCorruption } from '../../corruptions/index.ts';
import type { EngineIdentity } from '../job/engine.ts';
import type { CellJob, CellThreat, DataRef, Images, ModelJob, ModelRef, OutsideFound } from '../job/job.ts';
import { withKey } from '../job/job.ts';
import type { PlannedData } from '../job/prepare-data.ts';
import { beyondAccess } from '../suite/access.ts';
import type { PluginRef, Registry } from '../suite/registry.ts';
import { DIAGNOSED } from '../suite/schema.ts';
import { countOf } from '../suite/selection.ts';
import { CLEAN, CORRUPTED, type Suite, type SuiteAttack } from '../suite/suite.ts';
import { isMeant, type Made, modelsOf, type PlannedModel, type Setting, type Work } from './plan-models.ts';

export type { PlannedModel, Work } from './plan-models.ts';

export interface PlannedCell {
  readonly kind: 'cell';
  readonly id: string;
  /** Ids of what must be done before: models, and the cells it builds on. */
  readonly needs: readonly string[];
  readonly work: Work;
  readonly model: PlannedModel;
  readonly label: string;
  readonly threat: CellThreat;
  readonly n: number;
  /** Whether it depends on the outcomes of all images together whether a member of its attack runs. */
  readonly together: boolean;
  /** The job, once the weights of the models it needs are known. */
  job(weightsHash: (modelKey: string) => string, cellKey: (id: string) => string, diagnosis?: number): CellJob;
}

export type Planned = PlannedModel | PlannedCell;

export interface Plan {
  readonly models: readonly PlannedModel[];
  readonly cells: readonly PlannedCell[];
  /** Attacks that are left out because a model cannot transfer to itself. */
  readonly omitted: readonly string[];
}

/** What a user calls it: `trades`, or `pgd on trades`. */
export function nameOf(planned: Planned): string {
  return planned.kind === 'model' ? planned.job.name : `${planned.label} on ${planned.model.job.name}`;
}

/** What is done first when several jobs could start: the one with the longest chain of work behind it. */
export function priorities(plan: Plan): Map<string, number> {
  const all: Planned[] = [...plan.models, ...plan.cells];
  const behind = new Map<string, number>();
  for (const planned of all.reverse()) {
    const own = flops(planned.work) + (behind.get(planned.id) ?? 0);
    behind.set(planned.id, own);
    for (const id of planned.needs) behind.set(id, Math.max(behind.get(id) ?? 0, own));
  }
  return behind;
}

/** Floating point operations: two per multiply-add and pass. */
export function flops({ passes, multiplyAdds }: Work): number {
  return 2 * multiplyAdds * (passes.forward + passes.backward);
}

/** Attacks stop at points that are broken: the part of the passes planned at most that is usually spent. */
const USUALLY_SPENT = 0.5;

/** The part of the planned passes that a job is expected to do. */
export const expectedShare = ({ kind }: Planned): number => (kind === 'model' ? 1 : USUALLY_SPENT);

/** `data` are the suite's data sets in its order, `outside` its models that are asked where they are, by name. */
export function planRun(
  suite: Suite,
  registry: Registry,
  data: readonly PlannedData[],
  engine: EngineIdentity,
  outside: ReadonlyMap<string, OutsideFound> = new Map(),
): Plan {
  const setting = { suite, registry, engine, data, outside };
  const made = data.flatMap(({ ref }) => modelsOf(setting, ref));
  const omitted: string[] = [];
  const cells = made.filter(({ trial }) => !trial).flatMap((model) => cellsOf(setting, model, made, omitted));
  return { models: made, cells, omitted };
}

/** The model that a transfer attack on `target` means by `alias`: of that name, else of that label on the same data, architecture and seed. */
function sourceFor(alias: string, target: Made, models: readonly Made[]): Made | undefined {
  const there = models.filter((m) => m.job.data.label === target.job.data.label && (isMeant(m, [alias]) || m.job.name === alias));
  const score = (m: Made) =>
    (m.job.name === alias ? 4 : 0) + (m.job.arch.name === target.job.arch.name ? 2 : 0) + (m.job.seed === target.job.seed ? 1 : 0);
  return there.sort((a, b) => score(b) - score(a))[0];
}

/** Whether two models are one, or two epochs of one training. */
function sameTraining(a: Made, b: Made): boolean {
  const trained = a.job.origin.by === 'training' && b.job.origin.by === 'training';
  return a.id === b.id || (trained && (a.needs.includes(b.id) || b.needs.includes(a.id)));
}

function cellsOf(setting: Setting, model: Made, models: readonly Made[], omitted: string[]): PlannedCell[] {
  const { suite } = setting;
  const first = suite.threats[0];
  const threat = { norm: first?.norm ?? 'Linf', eps: first?.main ?? 0 } as const;
  const clean = diagnosed(setting, model, plannedCell(setting, model, { label: 'clean', plugin: CLEAN }, threat, model.job.data.test, []));
  const cells = [clean];
  const images = setting.data.find(({ ref }) => ref === model.job.data)?.attacked ?? [];
  for (const [i, attack] of suite.attacks.entries()) {
    const onCurve = model.point ? (suite.curve?.attacks.indexOf(attack.label) ?? -1) : undefined;
    if (onCurve === -1 || (attack.models && !isMeant(model.point ? { ...model, labels: [model.label] } : model, attack.models))) continue;
    const beyond = beyondAccess(
      attack,
      suite.models.find(({ name }) => name === model.label),
    );
    if (beyond !== undefined) {
      omitted.push(`${attack.label} on ${model.job.name}: ${beyond}`);
      continue;
    }
    const sources = attack.sources.map((alias) => ({ alias, model: sourceFor(alias, model, models) }));
    const usable = sources.flatMap(({ alias, model: source }) =>
      source && !sameTraining(source, model) ? [{ alias, model: source }] : [],
    );
    if (usable.length < sources.length) {
      const why = sources.some((s) => !s.model) ? 'a source is not trained on this data set' : 'it would transfer from itself';
      omitted.push(`${attack.label} on ${model.job.name}: ${why}`);
      continue;
    }
    const attacked = images[onCurve === undefined ? i : suite.attacks.length + onCurve];
    cells.push(...curveOf(setting, model, attack, attacked ?? model.job.data.test, usable, clean));
  }
  // of an earlier epoch the chosen attacks alone are wanted
  return model.point ? cells : [...cells, ...corruptedCells(setting, model, clean)];
}

/** A cell for every corruption at every severity, on all test images. */
function corruptedCells(setting: Setting, model: Made, clean: PlannedCell): PlannedCell[] {
  const { names = [], severities = [], photographs } = setting.suite.corruptions ?? {};
  return names.flatMap((name) =>
    severities.map((severity) => {
      const { version } = aboutCorruption(name);
      const own = name === FROST.name && photographs ? { photographs: photographs.hash } : {};
      const threat = { kind: 'corruption', name, version, severity, ...own } as const;
      return plannedCell(setting, model, { label: `${name} ${severity}`, plugin: CORRUPTED }, threat, model.job.data.test, [], clean);
    }),
  );
}

/** Passes per image of a diagnosis: its short attacks, where none of them breaks it, and what it measures beside them. */
const DIAGNOSIS = { forward: 360, backward: 130 };

/** The clean cell of a model, with a look for masked gradients where the suite asks for one and the model has gradients. */
function diagnosed({ suite }: Setting, model: Made, clean: PlannedCell): PlannedCell {
  const { origin } = model.job;
  const isEndpoint = origin.by === 'outside' && 'model' in origin.source && origin.source.model.via === 'http';
  // of an earlier epoch the chosen attacks alone are wanted
  if (suite.diagnosis === 'off' || isEndpoint || model.point) return clean;
  const images =
    suite.diagnosis === 'auto' ? Math.max(DIAGNOSED.least, Math.min(DIAGNOSED.most, Math.floor(clean.n / 8))) : suite.diagnosis;
  const { passes } = clean.work;
  const looked = Math.min(images, clean.n);
  const all = { forward: passes.forward + looked * DIAGNOSIS.forward, backward: passes.backward + looked * DIAGNOSIS.backward };
  return { ...clean, work: { ...clean.work, passes: all }, job: (weightsHash, cellKey) => clean.job(weightsHash, cellKey, images) };
}

/** The cells of one attack on one model: all its threats, and of each the radii from small to large. */
function curveOf(
  setting: Setting,
  model: Made,
  attack: SuiteAttack,
  images: Images,
  sources: readonly { alias: string; model: Made }[],
  clean: PlannedCell,
): PlannedCell[] {
  return setting.suite.threats
    .filter((threat) => attack.norms.includes(threat.norm))
    .flatMap(({ norm, radii, main }) => {
      const cells: PlannedCell[] = [];
      // what no radius bounds is the same at each
      for (const eps of setting.registry.isBounded(attack.ref) && !model.point ? radii : [main])
        cells.push(
          plannedCell(
            setting,
            model,
            { label: attack.label, plugin: attack.ref, budget: attack.budget, draw: attack.draw },
            { norm, eps },
            images,
            sources,
            clean,
            cells.at(-1),
          ),
        );
      return cells;
    });
}

function plannedCell(
  setting: Setting,
  model: Made,
  attack: CellJob['attack'],
  threat: CellThreat,
  images: Images,
  sources: readonly { alias: string; model: Made }[],
  clean?: PlannedCell,
  smaller?: PlannedCell,
): PlannedCell {
  const { data, seed } = model.job;
  const { engine } = setting;
  const ball = attack.plugin === CLEAN || threat.kind === 'corruption' ? undefined : threat;
  const perExample = ball ? costPerExample(setting, attack.plugin, ball, data) : { forward: 1, backward: 0 };
  const n = countOf(images.selection);
  // with a budget, forward and backward passes are cut in the same proportion
  const share = Math.min(1, (attack.budget ?? Number.POSITIVE_INFINITY) / Math.max(perExample.forward + perExample.backward, 1));
  const passes = { forward: n * perExample.forward * share, backward: n * perExample.backward * share };
  const earlier = [clean, smaller].filter((cell) => cell !== undefined);
  return {
    kind: 'cell',
    id: [model.id, attack.label, ...(threat.kind === 'corruption' ? [threat.kind] : [threat.norm, threat.eps])].join('/'),
    needs: [model.id, ...sources.map((s) => s.model.id), ...earlier.map((cell) => cell.id)],
    work: { passes, multiplyAdds: model.work.multiplyAdds },
    model,
    label: attack.label,
    threat,
    n,
    together: ball !== undefined && membersAt(setting, attack.plugin, ball, data).some(({ when, plugin }) => when || plugin.few),
    job(weightsHash, cellKey, diagnosis) {
      const ref = ({ key, name }: ModelJob): ModelRef => ({ key, name, weightsHash: weightsHash(key) });
      return withKey({
        kind: 'cell',
        model: ref(model.job),
        attack,
        threat,
        seed,
        data,
        images,
        sources: sources.map(({ alias, model: source }) => ({ alias, ...ref(source.job) })),
        clean: clean && cellKey(clean.id),
        smaller: smaller && cellKey(smaller.id),
        diagnosis,
        engine,
      });
    },
  };
}

/** Passes per example at most; those of an ensemble are those of its members together. */
function costPerExample({ registry }: Setting, { name, params }: PluginRef, threat: Threat, { form: { classes } }: DataRef): Passes {
  return costOf(membersAt({ registry }, { name, params }, threat, { form: { classes } }), classes, threat.norm);
}

function membersAt(
  { registry }: Pick<Setting, 'registry'>,
  { name, params }: Pick<PluginRef, 'name' | 'params'>,
  threat: Threat,
  { form: { classes } }: { readonly form: Pick<DataRef['form'], 'classes'> },
): Member[] {
  const lookup = (other: string) => registry.attack(other);
  return membersOf(lookup(name), params, threat, classes, lookup);
}
