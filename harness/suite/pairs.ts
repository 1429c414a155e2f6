/** Impossible pairs of a suite: each part is right by itself, but they cannot go together. */
import { RampartError, unknownName } from '../../errors.ts';
import { withFile } from '../../models/import/bytes.ts';
import { importWeights } from '../../models/import/import.ts';
import { referenceLogits } from '../../models/import/reference.ts';
import { readWeightsFile } from '../../models/import/weights.ts';
import { accessProblems } from './access.ts';
import { isImported, normalizationOf, type SuiteModel } from './models.ts';
import { modelLabelsOf } from './names.ts';
import { rangeProblems } from './ranges.ts';
import type { Registry } from './registry.ts';
import { attacked, countOf, firstImages, reachOf, type Selection, shown } from './selection.ts';
import { type Path, type Problem, problemOf } from './source/problems.ts';
import { CLEAN, type Suite } from './suite.ts';
import { tuneProblems } from './trainings.ts';

/** Labels by which an attack may name a model of the suite. */
export function modelLabels(suite: Suite): string[] {
  return [...suite.defenses.flatMap(modelLabelsOf), ...suite.models.map((m) => m.name)];
}

export function pairProblems(suite: Suite, registry: Registry): Problem[] {
  // the draws of an attack are one entry of the file
  const asWritten = { ...suite, attacks: suite.attacks.filter(({ draw }) => draw === undefined) };
  return [
    ...nothingToAttack(asWritten),
    ...rangeProblems(asWritten, registry),
    ...normProblems(asWritten, registry),
    ...sourceProblems(asWritten),
    ...accessProblems(asWritten, registry),
    ...attackedProblems(asWritten),
    ...curveProblems(suite),
    ...tuneProblems(suite, registry),
    ...selectionProblems(asWritten, registry),
    ...validationProblems(suite, registry),
    ...trainingNormProblems(suite, registry),
    ...suite.models.flatMap((model, i) => weightProblems(model, i, suite, registry)),
  ];
}

function nothingToAttack(suite: Suite): Problem[] {
  const problems: Problem[] = [];
  if (suite.defenses.length === 0 && suite.models.length === 0)
    problems.push({ path: [], message: 'has neither defenses nor models: there is nothing to attack' });
  if (suite.defenses.some((d) => d.kind === 'training') && suite.architectures.length === 0)
    problems.push({ path: ['defenses'], message: 'are to be trained, but architectures is missing or empty' });
  for (const [i, attack] of suite.attacks.entries())
    if (attack.label === CLEAN.name)
      problems.push({ path: ['attacks', i], message: `the label "clean" is that of the clean accuracy; give it another label` });
  return problems;
}

function normProblems(suite: Suite, registry: Registry): Problem[] {
  const inSuite = suite.threats.map((t) => t.norm);
  return suite.attacks.flatMap((attack, i) =>
    attack.norms.flatMap((norm): Problem[] => {
      const has = registry.normsOf(attack.ref);
      if (!inSuite.includes(norm))
        return [{ path: ['attacks', i, 'norms'], message: `${norm} is the norm of no threat of this suite (${inSuite.join(', ')})` }];
      if (has.includes(norm)) return [];
      const common = has.filter((n) => inSuite.includes(n));
      const remedy = common.length > 0 ? `; add norms: [${common.join(', ')}] to run it in those only` : '';
      return [{ path: ['attacks', i], message: `${attack.ref.name} has no norm ${norm}, it has ${has.join(', ')}${remedy}` }];
    }),
  );
}

/** `models` of an attack that are not in the suite. */
function attackedProblems(suite: Suite): Problem[] {
  const known = modelLabels(suite);
  return suite.attacks.flatMap((attack, i) =>
    (attack.models ?? [])
      .filter((name) => !known.includes(name))
      .map((name) => ({ path: ['attacks', i, 'models'], message: unknownName('model of this suite', name, known).message })),
  );
}

/** A curve of attacks that are not there, of nothing that is trained, or with more points than epochs. */
function curveProblems({ curve, attacks, defenses }: Suite): Problem[] {
  if (!curve) return [];
  const known = attacks.map(({ label }) => label);
  const unknown = curve.attacks.flatMap((label, i): Problem[] =>
    known.includes(label) ? [] : [{ path: ['curve', 'attacks', i], message: unknownName('attack of this suite', label, known).message }],
  );
  const trainings = defenses.flatMap((d) => d.trainings.map(({ recipe }) => ({ label: d.label, epochs: recipe.epochs })));
  if (trainings.length === 0) return [...unknown, { path: ['curve'], message: 'nothing is trained: there are no epochs to attack' }];
  const short = trainings.find(({ epochs }) => epochs < curve.points);
  if (!short) return unknown;
  const message = `expected at most ${short.epochs}, the epochs of ${short.label}, got ${curve.points}`;
  return [...unknown, { path: ['curve', 'points'], message }];
}

function sourceProblems(suite: Suite): Problem[] {
  const known = modelLabels(suite);
  return suite.attacks.flatMap((attack, i) =>
    attack.sources
      .filter((source) => !known.includes(source))
      .map((source) => ({
        path: ['attacks', i, 'sources'],
        message: `transfer source: ${unknownName('model of this suite', source, known).message}`,
      })),
  );
}

/** Images that a data set does not have, or an attack's that are not among the suite's, where the counts are known before anything is loaded. */
function selectionProblems(suite: Suite, registry: Registry): Problem[] {
  return suite.datasets.flatMap(({ label, ref, select }, i): Problem[] => {
    const { counts } = registry.dataset(ref.name);
    const beyond = (['train', 'test'] as const).flatMap((part): Problem[] => {
      const selection = select[part];
      if (!counts || !selection || reachOf(selection) <= counts[part]) return [];
      return [{ path: ['datasets', i, part], message: `expected images of 0..${counts[part] - 1}, got ${shown(selection)}` }];
    });
    const test = select.test ?? (counts && firstImages(counts.test));
    if (beyond.length > 0 || !test) return beyond;
    return suite.attacks.flatMap(({ n }, k) => attackedProblem(test, n, label, ['attacks', k, 'n']));
  });
}

function attackedProblem(test: Selection, n: number | Selection | undefined, label: string, path: Path): Problem[] {
  return problemOf(path, `on data set ${label}: `, () => attacked(test, n));
}

/** The validation split must leave something to train on. */
function validationProblems(suite: Suite, registry: Registry): Problem[] {
  return suite.datasets.flatMap(({ label: dataset, ref, select }, i) => {
    const images = select.train ? countOf(select.train) : registry.dataset(ref.name).counts?.train;
    return suite.defenses
      .flatMap(({ label, trainings }) => trainings.map((training) => ({ label, ...training })))
      .filter((t) => t.dataset === dataset && images !== undefined && t.recipe.validation + t.recipe.batchSize > images)
      .slice(0, 1)
      .map(({ label, recipe }) => ({
        path: ['datasets', i, 'train'],
        message: `${images} images are fewer than recipe.validation (${recipe.validation}) and one batch (${recipe.batchSize}) of ${label}`,
      }));
  });
}

/** A defense that trains for other norms than its threat has. */
function trainingNormProblems(suite: Suite, registry: Registry): Problem[] {
  return suite.defenses.flatMap(({ ref, threat }, i): Problem[] => {
    const plugin = registry.defense(ref.name);
    const norms = plugin.kind === 'training' ? (plugin.normsWith?.(ref.params) ?? plugin.norms) : undefined;
    if (!norms || norms.includes(threat.norm)) return [];
    const remedy = `give it a threat of its own, such as threat: { norm: ${norms[0]}, eps: ... }`;
    return [{ path: ['defenses', i], message: `${ref.name} cannot train for ${threat.norm}, it has ${norms.join(', ')}; ${remedy}` }];
  });
}

/** Whether a weights file fits its architecture and data set, entry by entry. */
function weightProblems(model: SuiteModel, i: number, suite: Suite, registry: Registry): Problem[] {
  const data = suite.datasets.find((d) => d.label === model.dataset);
  if (!data || !isImported(model)) return [];
  const plugin = registry.dataset(data.ref.name);
  const { shape, classes } = plugin;
  // where only the files tell, the job that imports the weights finds out
  if (!shape || classes === undefined || registry.isStandIn(registry.architecture(model.arch).plugin)) return [];
  const channels = shape[2];
  const normalization = normalizationOf(model, channels);
  for (const key of ['mean', 'std'] as const)
    if (normalization && normalization[key].length !== channels)
      return [{ path: ['models', i, key], message: `expected ${channels} numbers, one per channel, got ${normalization[key].length}` }];
  const { reference } = model;
  const referenceProblems = reference
    ? problemOf(['models', i, 'expect', 'logits'], '', () =>
        referenceLogits(readWeightsFile(reference.file).entries, shape, classes, reference.file),
      )
    : [];
  try {
    withFile(model.weights, (source) =>
      importWeights(source, {
        arch: model.arch,
        inputShape: shape,
        classes,
        normalization,
        bnEps: model.bnEps,
        families: registry.families,
      }),
    );
    return referenceProblems;
  } catch (error) {
    if (!(error instanceof RampartError)) throw error;
    return [{ path: ['models', i, 'weights'], message: error.message }, ...referenceProblems];
  }
}
