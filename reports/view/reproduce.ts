/** A suite file that makes one model and its cells again, from its record alone. */
import { stringify } from 'yaml';
import type { CellRecord, ModelRecord } from '../../records/record.ts';
import { canonical, firstLabel } from '../../records/slug.ts';
import { radius } from '../formats/format.ts';
import { isClean, type ModelView, type View } from './view.ts';

export interface Reproduction {
  readonly suite: string;
  readonly command: string;
  /** What the file alone cannot bring. */
  readonly caveat: string | undefined;
}

/** The suite of this model, of what it wraps and of what attacks on it transfer from. */
export function reproduction(model: ModelView, view: View): Reproduction {
  const { record } = model;
  const base = record.wraps ? view.models.find((m) => m.record.key === record.wraps) : undefined;
  const sources = transferSources(model, view);
  const models = [...new Set([model, ...(base ? [base] : []), ...sources.keys()])];
  const trained = models.filter((m) => m.record.defense.kind === 'training');
  const pretrained = models.filter((m) => m.record.defense.kind === 'pretrained');
  const wrappers = models.filter((m) => m.record.defense.kind === 'wrapper');
  const lead = (trained[0] ?? model).record;
  const architectures = [...new Set(trained.map((m) => m.record.arch.name))];
  const { dataset, provenance } = record;
  const suite = {
    name: `again-${record.key.slice(0, 12).toLowerCase()}`,
    title: `${record.name}, again`,
    datasets: [{ name: dataset.name, ...dataset.params, train: dataset.train, test: dataset.test, ...dataset.selection }],
    threats: [...threatsOf(model), ...corruptionsOf(model)],
    ...(trained.length > 0 ? { architectures } : {}),
    defenses: [
      ...trained.map((m) => ({
        ...trainedEntry(m.record, lead, sources.get(m)),
        ...(architectures.length > 1 && { architectures: [m.record.arch.name] }),
      })),
      ...wrappers.map((m) => wrapperEntry(m.record, base?.record)),
    ],
    ...(pretrained.length > 0
      ? {
          models: pretrained.map((m) => ({ name: m.record.name, ...placeOf(m.record), ...known(m.record) })),
        }
      : {}),
    attacks: attacksOf(model),
    seeds: [record.seed],
    recipe: trained.length > 0 ? lead.recipe : {},
    engine: { name: provenance.engine.name, threads: provenance.engine.threads, ...precisionOf(model) },
  };
  const ice = new Set(model.corrupted.flatMap(({ threat }) => threat.photographs ?? []));
  const caveats = [
    ...pretrained.flatMap((m) => caveatsOf(m.record)),
    ...[...ice].map((hash) => `put the photographs of frost (shrunk, SHA-256 ${hash}) into the folder frost beside it`),
  ];
  return {
    suite: `# Rampart ${provenance.rampart}, revision ${provenance.revision}\n${stringify(suite, { lineWidth: 0, aliasDuplicateObjects: false })}`,
    command: 'npm run bench -- suite.yml',
    caveat: caveats.length > 0 ? caveats.join('; ') : undefined,
  };
}

/** What its cells were computed in, in the words of a suite. */
function precisionOf(model: ModelView): { precision?: string } {
  const { precision } = (model.cells[0] ?? model.record).provenance.engine;
  return precision === undefined || precision === 'fp32' ? {} : { precision };
}

/** Where a model from elsewhere is, in the words of a suite. */
function placeOf({ arch, weightsHash, imported, outside }: ModelRecord): Record<string, unknown> {
  if (outside?.source.via === 'http') {
    const { url, access, scores, format, version } = outside.source;
    return { url, access, ...(scores && { scores }), format, ...(version !== '' && { version }) };
  }
  if (outside) return { python: `${outside.source.file}:${outside.source.function}` };
  if (imported?.kind === 'torchscript') return { torchscript: fileOf(weightsHash, imported.file) };
  return { weights: fileOf(weightsHash, imported?.file), arch: arch.name, ...imported?.normalization };
}

/** What has to lie beside the suite. */
function caveatsOf({ weightsHash, imported, outside }: ModelRecord): string[] {
  const reference = (imported ?? outside)?.reference;
  if (outside?.source.via === 'http') return [`what ${outside.source.url} answers with today is not known here`];
  const { sources = [], torch } = outside?.source ?? {};
  return [
    ...(outside
      ? sources.map(({ path, hash }) => `save the file with SHA-256 ${hash} as ${path} beside it`)
      : [`save the weights with SHA-256 ${weightsHash} as ${fileOf(weightsHash, imported?.file)} beside it`]),
    ...(outside ? [`its function must load weights with SHA-256 ${weightsHash}, in a Python with PyTorch ${torch}`] : []),
    ...(reference
      ? [`save the reference logits with SHA-256 ${reference.hash} as ${fileOf(reference.hash, reference.file)} beside it`]
      : []),
  ];
}

/** A name that says which file it is; its kind is told by its bytes. */
function fileOf(hash: string, name = ''): string {
  const ending = /\.[a-z0-9]{1,12}$/i.exec(name)?.[0] ?? '.safetensors';
  return `${hash.slice(0, 12)}${ending}`;
}

/** What the user of a model from elsewhere stated of it. */
function known({ imported, outside }: ModelRecord): Record<string, unknown> {
  const { expect, reference } = imported ?? outside ?? {};
  const bnEps = imported?.bnEps;
  const logits = reference && {
    logits: fileOf(reference.hash, reference.file),
    ...(reference.tolerance !== undefined && { logitsTolerance: reference.tolerance }),
  };
  return { ...(bnEps !== undefined && { bnEps }), ...((expect ?? logits) && { expect: { ...expect, ...logits } }) };
}

/** The models that attacks on this one name as their sources, and by what name. */
function transferSources(model: ModelView, view: View): Map<ModelView, string> {
  const aliases = new Set(
    model.cells.filter((c) => c.attack.access === 'transfer').flatMap((c) => [c.attack.params.source, c.attack.params.sources].flat()),
  );
  const { record } = model;
  const found = [...aliases].flatMap((alias) => {
    if (typeof alias !== 'string') return [];
    const fits = view.models.filter(
      (m) =>
        m.record.dataset.hash === record.dataset.hash &&
        (m.record.name === alias || m.record.defense.name === alias || m.record.name.startsWith(`${alias} `)),
    );
    const same = fits.filter((m) => m.record.arch.name === record.arch.name && m.record.seed === record.seed);
    const best = [...same, ...fits].find((m) => m.record.name === alias) ?? same[0] ?? fits[0];
    return best && best !== model ? [[best, alias] as const] : [];
  });
  return new Map(found);
}

function threatsOf(model: ModelView) {
  const main = model.cells.find(isClean)?.threat ?? model.record.threat;
  const radii = new Map<string, Set<number>>();
  if (main) radii.set(main.norm, new Set([main.eps]));
  for (const { threat } of model.cells) radii.set(threat.norm, (radii.get(threat.norm) ?? new Set()).add(threat.eps));
  if (radii.size === 0) radii.set('Linf', new Set([8 / 255]));
  return [...radii].map(([norm, set]) => {
    const eps = [...set].sort((a, b) => a - b).map(value);
    if (eps.length === 1) return { norm, eps: eps[0] };
    return { norm, eps, ...(main?.norm === norm ? { main: value(main.eps) } : {}) };
  });
}

/** What it was shown without an attacker. */
function corruptionsOf({ corrupted }: ModelView) {
  const all = <T>(value: (cell: ModelView['corrupted'][number]) => T) => [...new Set(corrupted.map(value))].sort();
  if (corrupted.length === 0) return [];
  const ice = corrupted.some(({ threat }) => threat.photographs) ? { frost: 'frost' } : {};
  return [{ kind: 'corruptions', ...ice, names: all(({ threat }) => threat.name), severities: all(({ threat }) => threat.severity) }];
}

/** `8/255` where it is exactly that number: a suite reads fractions. */
function value(eps: number): number | string {
  const text = radius(eps);
  const [top, bottom] = text.split('/').map(Number);
  return top !== undefined && bottom !== undefined && top / bottom === eps ? text : eps;
}

/** `label` is what attacks call it. */
function trainedEntry(record: ModelRecord, lead: ModelRecord, label = record.defense.name) {
  const changed = Object.fromEntries(Object.entries(record.recipe).filter(([k, v]) => canonical(v) !== canonical(lead.recipe[k])));
  return {
    name: record.defense.name,
    ...(label === record.defense.name ? {} : { label }),
    ...record.defense.params,
    ...(record.threat ? { threat: { norm: record.threat.norm, eps: value(record.threat.eps) } } : {}),
    ...(Object.keys(changed).length > 0 ? { recipe: changed } : {}),
  };
}

function wrapperEntry(record: ModelRecord, base: ModelRecord | undefined) {
  return {
    name: record.defense.name,
    ...record.defense.params,
    ...(base?.defense.kind === 'training' ? { around: [base.defense.name] } : {}),
  };
}

function attacksOf(model: ModelView) {
  const byIdentity = new Map<string, CellRecord>();
  const repeats = new Map<string, number>();
  for (const cell of model.cells.filter((c) => !isClean(c))) {
    const { label, budget = 0, params, draw } = cell.attack;
    const id = canonical([firstLabel(label, draw), budget, params]);
    repeats.set(id, Math.max(repeats.get(id) ?? 1, (draw ?? 0) + 1));
    if (draw === undefined) byIdentity.set(id, cell);
  }
  const repeatOf = ({ label, budget = 0, params }: CellRecord['attack']) => repeats.get(canonical([label, budget, params])) ?? 1;
  return [...byIdentity.values()].map(({ attack, n }) => ({
    name: attack.name,
    ...(attack.label === attack.name ? {} : { label: attack.label }),
    ...(repeatOf(attack) > 1 ? { repeat: repeatOf(attack) } : {}),
    ...(attack.budget === undefined ? {} : { budget: attack.budget }),
    ...attack.params,
    ...(n > 0 && n < model.record.dataset.test ? { n } : {}),
  }));
}
