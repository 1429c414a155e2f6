/** What can be asked of each model of a suite, and which attacks ask for more. */
import { mayAsk, type Threat } from '../../attacks/attack.ts';
import { accessOf, isImported, isOutside, nameOfSource, type SuiteModel } from './models.ts';
import type { Registry } from './registry.ts';
import type { Path, Problem } from './source/problems.ts';
import type { Suite, SuiteAttack } from './suite.ts';

/** In words, what attacks ask for. */
export const ASKED_FOR = { gradient: 'gradients', scores: 'scores', decision: 'decisions', transfer: 'decisions' } as const;

/** In words, what a model answers with. */
export const answersOf = (access: 'scores' | 'decision' | undefined) => (access === 'decision' ? 'labels' : 'scores');

/** Why an attack has no cell on a model; undefined where it has. */
export function beyondAccess(attack: Pick<SuiteAttack, 'access' | 'features'>, model: SuiteModel | undefined): string | undefined {
  const access = model && accessOf(model);
  if (mayAsk(attack.access, access)) return model && beyondFeatures(attack, model);
  return `it asks for ${ASKED_FOR[attack.access]}, and ${nameOf(model as SuiteModel)} answers with ${answersOf(access)} alone`;
}

/** Why an attack cannot have the features of a model: they are of a network whose layers are known here. */
function beyondFeatures({ features }: Pick<SuiteAttack, 'features'>, model: SuiteModel): string | undefined {
  if (!features || isImported(model)) return undefined;
  return `it asks for features, which are of networks whose layers are known here, and ${nameOf(model)} shows logits alone`;
}

const nameOf = (model: SuiteModel) => (isOutside(model) ? nameOfSource(model.source) : model.name);

/** Attacks that ask for more than the models answer with that they are for, and threats that images as they are sent would leave. */
export function accessProblems(suite: Suite, registry: Registry): Problem[] {
  return [
    ...suite.attacks.flatMap((attack, i) => attackProblems(attack, ['attacks', i], suite, registry)),
    ...suite.models.flatMap((model, i) => formatProblems(model, ['models', i, 'format'], suite)),
  ];
}

function attackProblems(attack: SuiteAttack, at: Path, suite: Suite, registry: Registry): Problem[] {
  const meant = suite.models.filter(({ name }) => attack.models?.includes(name) ?? true);
  const beyond = meant.flatMap((model) => beyondAccess(attack, model) ?? []);
  const others = suite.defenses.length > 0 || meant.length > beyond.length;
  const problems: Problem[] = [];
  // an attack on all models is one on all that it may ask
  if (beyond.length > 0 && (attack.models || !others)) {
    const first = meant.find((model) => beyondAccess(attack, model)) as SuiteModel;
    const fitting = [...registry.attacks.values()].filter((other) => !beyondAccess(other, first)).map(({ name }) => name);
    problems.push({ path: at, message: `${attack.ref.name}: ${beyond[0]}; attacks that may: ${fitting.join(', ')}` });
  }
  for (const model of suite.models)
    if (attack.sources.includes(model.name) && accessOf(model))
      problems.push({ path: [...at, 'sources'], message: `a source is asked for gradients, and ${nameOf(model)} has none` });
  return problems;
}

/** Values between black and white of a PNG. */
const LEVELS = 255;

function formatProblems(model: SuiteModel, path: Path, { threats }: Suite): Problem[] {
  if (!isOutside(model) || model.source.via !== 'http' || model.source.format !== 'png') return [];
  const all = threats.flatMap(({ norm, radii }) => radii.map((eps) => ({ norm, eps })));
  return all.filter((threat) => !isRound(threat, LEVELS)).map((threat) => ({ path, message: `png ${notRound(threat, LEVELS)}` }));
}

/** How far a multiple may be off, in levels: 8/255 and its like are rounded in float32. */
const OFF = 1e-3;

export const isWhole = (v: number) => Math.abs(v - Math.round(v)) <= OFF;

/** Whether an image in the ball around a rounded one stays in it when it is rounded. */
export const isRound = ({ norm, eps }: Threat, levels: number) => norm === 'Linf' && isWhole(eps * levels);

/** Why a threat does not go with rounded images. */
export const notRound = ({ norm, eps }: Threat, levels: number) =>
  `rounds images to 1/${levels}, which would leave ${norm} ${eps}: expected Linf and a radius of whole grey levels, such as 8/${levels}, or images that are sent as float32`;
