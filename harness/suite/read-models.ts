/** What is made of a suite's entries of models from elsewhere, and what is wrong with them. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { RampartError } from '../../errors.ts';
import { withFile } from '../../models/import/bytes.ts';
import { kindOf as kindOfFile } from '../../models/import/weights.ts';
import type { ImportedModel, ModelEntry, OutsideSource, SuiteModel } from './models.ts';
import type { Path } from './source/problems.ts';

/** What reading a model takes of the suite around it. */
export interface ModelContext {
  /** Of the suite. */
  readonly folder: string;
  /** Of its data sets. */
  readonly labels: readonly string[];
  problem(path: Path, message: string): void;
  /** The canonical name; a problem at `path` where there is none such. */
  architecture(name: string, path: Path): string;
  unknownDataset(path: Path, name: string): void;
}

/** Where a model is, and the keys that go with it. */
const KINDS = {
  weights: ['arch', 'mean', 'std', 'normalization', 'bnEps'],
  torchscript: [],
  python: ['interpreter', 'device', 'timeout'],
  url: [
    'access',
    'scores',
    'format',
    'version',
    'batch',
    'timeout',
    'retries',
    'rate',
    'queries',
    'price',
    'budget',
    'answers',
    'tokenEnv',
    'headersFrom',
  ],
} as const satisfies Partial<Record<keyof ModelEntry, readonly (keyof ModelEntry)[]>>;

type Kind = keyof typeof KINDS;
const KIND_NAMES = Object.keys(KINDS) as Kind[];

/** In the order of the suite; what has a problem is left out where nothing can be made of it. */
export function readModels(entries: readonly ModelEntry[], context: ModelContext): SuiteModel[] {
  return entries.flatMap((entry, i): SuiteModel[] => {
    const at: Path = ['models', i];
    const dataset = datasetOf(entry, at, context);
    const kind = kindOf(entry, at, context);
    if (kind === undefined) return [];
    const { name, title = kind === 'python' || kind === 'url' ? 'asked where it is' : 'pretrained', paper = '', extraData } = entry;
    const stated = { name, dataset, title, paper, extraData, ...expectationsOf(entry.expect, [...at, 'expect'], context) };
    if (kind === 'weights') return [{ ...stated, ...weightsOf(entry, at, context) }];
    if (kind === 'torchscript') return [{ ...stated, torchscript: scriptOf(entry, at, context) }];
    const source = kind === 'python' ? pythonOf(entry, at, context) : endpointOf(entry, at, context);
    return source ? [{ ...stated, source }] : [];
  });
}

function datasetOf({ dataset }: ModelEntry, at: Path, { labels, problem, unknownDataset }: ModelContext): string {
  if (dataset === undefined && labels.length > 1) problem(at, `dataset is missing, expected one of ${labels.join(', ')}`);
  if (dataset !== undefined && !labels.includes(dataset)) unknownDataset([...at, 'dataset'], dataset);
  return dataset ?? (labels[0] as string);
}

/** The one place that is given; a problem where there are none or several, or a key of another. */
function kindOf(entry: ModelEntry, at: Path, { problem }: ModelContext): Kind | undefined {
  const [kind, ...more] = KIND_NAMES.filter((key) => entry[key] !== undefined);
  if (kind === undefined) problem(at, `one of ${KIND_NAMES.join(', ')} is missing: where is the model?`);
  if (kind === undefined || more.length > 0) {
    if (kind !== undefined) problem(at, `expected one of ${KIND_NAMES.join(', ')}, got ${[kind, ...more].join(' and ')}`);
    return undefined;
  }
  for (const other of KIND_NAMES.filter((name) => name !== kind))
    for (const key of KINDS[other])
      if (entry[key] !== undefined && !(KINDS[kind] as readonly string[]).includes(key))
        problem([...at, key], `goes with ${other}, and this model has ${kind}`);
  return kind;
}

/** A network that is known here. */
function weightsOf(
  entry: ModelEntry,
  at: Path,
  { folder, problem, architecture }: ModelContext,
): Pick<ImportedModel, 'arch' | 'weights' | 'normalization' | 'bnEps'> {
  const { mean, std, bnEps } = entry;
  const weights = resolve(folder, entry.weights as string);
  if (!existsSync(weights)) problem([...at, 'weights'], `no such file: ${weights}`);
  if (entry.arch === undefined) problem([...at, 'arch'], 'is missing: which network are the weights of?');
  const arch = entry.arch === undefined ? '' : architecture(entry.arch, [...at, 'arch']);
  if (entry.normalization !== undefined && (mean || std))
    problem([...at, 'normalization'], 'says that there is none, but mean or std is given too');
  if ((mean === undefined) !== (std === undefined)) problem([...at, mean ? 'std' : 'mean'], 'is missing; mean and std go together');
  const normalization = entry.normalization ?? (mean && std && { mean, std });
  return { arch, weights, normalization, bnEps };
}

/** The file of a TorchScript module, told by its bytes: nothing of it is executed before a worker loads it. */
function scriptOf({ torchscript = '' }: ModelEntry, at: Path, { folder, problem }: ModelContext): string {
  const file = resolve(folder, torchscript);
  const here = [...at, 'torchscript'];
  if (!existsSync(file)) problem(here, `no such file: ${file}`);
  else {
    try {
      const kind = withFile(file, kindOfFile);
      if (kind !== 'torchscript')
        problem(here, `${file} is no TorchScript module (${kind}); a file of weights goes under weights, with its arch`);
    } catch (error) {
      if (!(error instanceof RampartError)) throw error;
      problem(here, error.message);
    }
  }
  return file;
}

/** Seconds: the first pass of a compiled module may take minutes. */
const TIMEOUT = 600;

function pythonOf(
  { python = '', interpreter = 'python3', device = 'auto', timeout = TIMEOUT }: ModelEntry,
  at: Path,
  { folder, problem }: ModelContext,
): OutsideSource | undefined {
  const [, path, name] = /^(.+):([A-Za-z_]\w*)$/.exec(python) ?? [];
  if (path === undefined || name === undefined) {
    problem([...at, 'python'], `expected a file and the function in it that returns the module, such as my_model.py:load, got "${python}"`);
    return undefined;
  }
  const file = resolve(folder, path);
  if (!existsSync(file)) problem([...at, 'python'], `no such file: ${file}`);
  return {
    via: 'python',
    file,
    function: name,
    python: interpreter.includes('/') ? resolve(folder, interpreter) : interpreter,
    device,
    timeout,
  };
}

/** Of a request, in seconds. */
const REQUEST_TIMEOUT = 60;

function endpointOf(entry: ModelEntry, at: Path, { folder, problem }: ModelContext): OutsideSource | undefined {
  const { url = '', access, scores, format = 'float32', version = '', batch = 32, timeout = REQUEST_TIMEOUT, retries = 5 } = entry;
  const { rate, queries, price, budget, answers, tokenEnv, headersFrom = {} } = entry;
  const wrong = faultOfUrl(url);
  if (wrong !== undefined) problem([...at, 'url'], wrong);
  if (access === undefined) problem([...at, 'access'], 'is missing: does the endpoint answer with scores or with labels?');
  if (access === 'labels' && scores !== undefined) problem([...at, 'scores'], 'goes with access: scores');
  if ((price === undefined) !== (budget === undefined))
    problem([...at, price === undefined ? 'price' : 'budget'], 'is missing; price and budget go together');
  if (entry.expect?.logits !== undefined && scores !== 'logits')
    problem([...at, 'expect', 'logits'], 'goes with scores: logits; for another endpoint state its clean accuracy');
  if (wrong !== undefined || access === undefined) return undefined;
  return {
    via: 'http',
    ...{ url, access, scores: scores ?? 'probabilities', format, version, batch, timeout, retries, headersFrom },
    ...(rate !== undefined && { rate }),
    ...(queries !== undefined && { queries }),
    ...(price !== undefined && { price }),
    ...(budget !== undefined && { budget }),
    ...(answers !== undefined && { answers: resolve(folder, answers) }),
    ...(tokenEnv !== undefined && { tokenEnv }),
  };
}

function faultOfUrl(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) return `expected a URL such as https://host/predict, got "${text}"`;
  if (url.username !== '' || url.password !== '')
    return 'holds a password: name an environment variable that has it (tokenEnv, headersFrom)';
  return undefined;
}

/** What is known of a model from elsewhere. */
function expectationsOf(
  given: ModelEntry['expect'],
  at: Path,
  { folder, problem }: ModelContext,
): Pick<SuiteModel, 'expect' | 'reference'> {
  const { clean, tolerance = 0, logits, logitsTolerance } = given ?? {};
  const file = logits === undefined ? undefined : resolve(folder, logits);
  if (file !== undefined && !existsSync(file)) problem([...at, 'logits'], `no such file: ${file}`);
  return {
    ...(clean !== undefined && { expect: { clean, tolerance } }),
    ...(file !== undefined && { reference: { file, ...(logitsTolerance !== undefined && { tolerance: logitsTolerance }) } }),
  };
}
