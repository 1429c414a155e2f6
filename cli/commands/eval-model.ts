/** The options of `rampart eval` that say where its model is, in the words of a suite. */
import { existsSync, statSync } from 'node:fs';
import { basename, extname } from 'node:path';
import { withFile } from '../../models/import/bytes.ts';
import { kindOf as kindOfFile } from '../../models/import/weights.ts';
import { type RawOptions, UsageError } from '../options.ts';

export interface EvalOptions extends RawOptions {
  arch?: unknown;
  dataset?: unknown;
  threat?: unknown;
  attacks?: unknown;
  n?: unknown;
  mean?: unknown;
  std?: unknown;
  normalization?: unknown;
  bnEps?: unknown;
  expect?: unknown;
  expectLogits?: unknown;
  python?: unknown;
  device?: unknown;
  timeout?: unknown;
  access?: unknown;
  scores?: unknown;
  format?: unknown;
  modelVersion?: unknown;
  batch?: unknown;
  retries?: unknown;
  rate?: unknown;
  mostQueries?: unknown;
  price?: unknown;
  budget?: unknown;
  answers?: unknown;
  tokenEnv?: unknown;
  headersFrom?: unknown;
  queries?: unknown;
}

/** Options of an endpoint that are keys of the same name. */
const ENDPOINT = ['access', 'scores', 'format', 'batch', 'retries', 'rate', 'price', 'budget', 'answers', 'tokenEnv'] as const;

/** A function of a Python file: `my_model.py:load`. */
const isPython = (model: string) => /\.py(:\w+)?$/.test(model);

const isUrl = (model: string) => /^https?:/i.test(model);

/** A TorchScript module, told by its bytes. Nothing of the file is executed. */
const isScript = (model: string) => existsSync(model) && statSync(model).isFile() && withFile(model, kindOfFile) === 'torchscript';

type Kind = 'weights' | 'torchscript' | 'python' | 'url';
export const kindOf = (model: string): Kind =>
  isUrl(model) ? 'url' : isPython(model) ? 'python' : isScript(model) ? 'torchscript' : 'weights';

/** What a model is called where nobody has named it. */
export function nameIn(model: string): string {
  if (isUrl(model)) return URL.canParse(model) ? new URL(model).hostname : 'endpoint';
  return basename(model, extname(model)).replace(/\.py$/, '');
}

/** Options that go with one kind of model, and what that kind is. */
const KINDS: Record<Kind, { readonly options: readonly (keyof EvalOptions)[]; readonly what: string }> = {
  weights: { options: ['arch', 'mean', 'std', 'normalization', 'bnEps'], what: 'a file of weights' },
  torchscript: { options: [], what: 'a TorchScript module' },
  python: { options: ['python', 'device', 'timeout'], what: 'a function of a Python file, such as my_model.py:load' },
  url: {
    options: [...ENDPOINT, 'timeout', 'modelVersion', 'mostQueries', 'headersFrom'],
    what: 'an endpoint, such as https://host/predict',
  },
};

/** Throws where an option is given that goes with another kind of model. */
function checkKind(model: string, options: EvalOptions): void {
  const kind = kindOf(model);
  const own = KINDS[kind];
  for (const { options: names, what } of Object.values(KINDS)) {
    const strangers = names.filter((name) => options[name] !== undefined && !own.options.includes(name));
    if (strangers.length > 0)
      throw new UsageError(
        `[eval] ${strangers.map(optionOf).join(', ')} ${strangers.length > 1 ? 'go' : 'goes'} with ${what}, got ${urlOrPath(model)}${kind === 'torchscript' ? `, ${own.what}` : ''}`,
      );
  }
}

/** What is typed may hold a secret behind its question mark. */
const urlOrPath = (model: string) => (isUrl(model) ? model.replace(/\?.*/, '') : model);

/** Where the model is, in the words of a suite. */
export function placeOf(model: string, options: EvalOptions): Record<string, unknown> {
  checkKind(model, options);
  const kind = kindOf(model);
  if (kind === 'torchscript') return { torchscript: model };
  const { arch, mean, std, normalization, bnEps, python, device, timeout } = options;
  if (kind === 'url') return endpointOf(model, options);
  if (kind === 'python')
    return {
      python: model,
      ...(python !== undefined && { interpreter: String(python) }),
      ...(device !== undefined && { device: String(device) }),
      ...(timeout !== undefined && { timeout }),
    };
  return {
    weights: model,
    arch: required('arch', arch, 'wrn-28-10'),
    ...numbers('mean', mean),
    ...numbers('std', std),
    ...(normalization !== undefined && { normalization }),
    ...(bnEps !== undefined && { bnEps }),
  };
}

function endpointOf(url: string, options: EvalOptions): Record<string, unknown> {
  const { timeout, modelVersion, mostQueries, headersFrom } = options;
  return {
    url,
    ...Object.fromEntries(ENDPOINT.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]]))),
    ...(timeout !== undefined && { timeout }),
    ...(modelVersion !== undefined && { version: String(modelVersion) }),
    ...(mostQueries !== undefined && { queries: mostQueries }),
    ...(headersFrom !== undefined && { headersFrom: headersIn(String(headersFrom)) }),
  };
}

/** `x-api-key=KEY,x-user=USER` */
const headersIn = (text: string) => Object.fromEntries(listOf(text).map((pair) => [pair.replace(/=.*/, ''), pair.replace(/^[^=]*=?/, '')]));

/** `--bn-eps` */
const optionOf = (name: string) => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

export function required(name: string, value: unknown, example: string): string {
  if (typeof value === 'string' && value !== '') return value;
  throw new UsageError(`[eval] --${name} is missing, such as --${name} ${example}`);
}

export const listOf = (text: string) =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean);

function numbers(name: 'mean' | 'std', value: unknown): Record<string, number[]> {
  if (value === undefined) return {};
  const given = listOf(String(value)).map(Number);
  if (given.length === 0 || !given.every(Number.isFinite)) throw new UsageError(`[--${name}] expected numbers with commas, got "${value}"`);
  return { [name]: given };
}
