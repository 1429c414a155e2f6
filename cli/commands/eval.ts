/** `rampart eval`: one model from a file of weights or of TorchScript, or asked where it is, attacked as a suite of it alone would be. */
import { statSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { stringify } from 'yaml';
import type { z } from 'zod';
import { attacks as attackPlugins } from '../../attacks/index.ts';
import { datasets } from '../../datasets/index.ts';
import { resolveSuite } from '../../harness/suite/read.ts';
import { pathText, SuiteError } from '../../harness/suite/source/problems.ts';
import { nearestArchitecture } from '../../models/import/import.ts';
import { readWeightsFile } from '../../models/import/weights.ts';
import { paramsIn } from '../../models/index.ts';
import { slug } from '../../records/slug.ts';
import { percent } from '../../reports/formats/format.ts';
import { boardTitle, type View } from '../../reports/view/view.ts';
import { UsageError } from '../options.ts';
import { bold, print } from '../output.ts';
import { type EvalOptions, kindOf, listOf, nameIn, placeOf, required } from './eval-model.ts';
import { parametersOf } from './ls.ts';
import { runResolved } from './run.ts';

/** Resolves with the exit code, after the line that says the number. */
export async function evalCommand(weights: string, options: EvalOptions, signal: AbortSignal): Promise<number> {
  checkGiven(weights, options);
  const { suite, registry } = await resolveSuite(stringify(suiteOf(weights, options)), 'eval').catch(inWordsOfOptions);
  const { folder } = dataOf(required('dataset', options.dataset, 'cifar10'));
  const { code, view } = await runResolved(suite, registry, { ...options, data: folder ?? options.data }, signal);
  if (!options.json) for (const line of answers(view)) print(line);
  return code;
}

/** Which option a place in the suite comes from. */
const PLACES: readonly (readonly [place: RegExp, option: string])[] = [
  [/^models\[0\]\.(arch|mean|std|normalization|device|timeout|access|scores|format|batch|retries|rate|price|budget|answers)$/, '--$1'],
  [/^models\[0\]\.interpreter$/, '--python'],
  [/^models\[0\]\.version$/, '--model-version'],
  [/^models\[0\]\.queries$/, '--most-queries'],
  [/^models\[0\]\.tokenEnv$/, '--token-env'],
  [/^models\[0\]\.headersFrom.*$/, '--headers-from'],
  [/^models\[0\]\.bnEps$/, '--bn-eps'],
  [/^models\[0\]\.expect\.logits$/, '--expect-logits'],
  [/^models\[0\]\.expect\.clean$/, '--expect'],
  [/^datasets\[0\]\.test$/, '--n'],
  [/^(dataset|threat)s\[.*$/, '--$1'],
  [/^attacks\[.*$/, '--attacks'],
];

/** Throws what is wrong with the suite as what is wrong with the options that it was made of: nobody has seen a suite. */
function inWordsOfOptions(error: unknown): never {
  if (!(error instanceof SuiteError) || error.problems.length === 0) throw error;
  const texts = error.problems.map(({ path, message }) => {
    const place = pathText(path);
    const found = PLACES.find(([pattern]) => pattern.test(place));
    return found ? `${place.replace(...found)}: ${message}` : message;
  });
  throw new UsageError(`[eval] ${texts.join('\n  ')}`, { cause: error });
}

/** The suite file that says the same. What the options name is checked as everything in a suite is. */
export function suiteOf(weights: string, options: EvalOptions): Record<string, unknown> {
  const { n, expect, expectLogits } = options;
  const known = { ...(expect !== undefined && { clean: expect }), ...(expectLogits !== undefined && { logits: expectLogits }) };
  const name = slug(nameIn(weights)) || 'model';
  const { entry, title } = dataOf(required('dataset', options.dataset, 'cifar10'));
  return {
    name: `eval-${name}`,
    title: `${name} on ${title}`,
    datasets: [{ ...entry, train: 0, ...(n !== undefined && { test: n }) }],
    threats: threatsOf(required('threat', options.threat, 'Linf:8/255')),
    models: [{ name, ...placeOf(weights, options), ...(Object.keys(known).length > 0 && { expect: known }) }],
    attacks: attacksOf(options),
    keepExamples: 8,
  };
}

/** `--attacks` as a suite has them; `--queries` is the parameter of that name, of each attack that has it. */
function attacksOf({ attacks, queries }: EvalOptions): unknown[] {
  const names = attacks === undefined ? ['autoattack'] : listOf(String(attacks));
  if (queries === undefined) return names;
  const asking = names.filter((name) => attackPlugins.some((plugin) => plugin.name === name && takesQueries(plugin)));
  if (asking.length === 0)
    throw new UsageError(
      `[eval] --queries goes with ${attackPlugins
        .filter(takesQueries)
        .map(({ name }) => name)
        .join(', ')}`,
    );
  return names.map((name) => (asking.includes(name) ? { name, queries } : name));
}

const takesQueries = ({ params }: { params: z.ZodType }) => parametersOf(params).some(({ name }) => name === 'queries');

interface Data {
  /** Of the suite's `datasets`, without the images that it takes. */
  readonly entry: Readonly<Record<string, unknown>>;
  readonly title: string;
  /** Where its files are; `--data` says it for a data set by name. */
  readonly folder?: string;
}

/** A data set by name, an .npz archive or a folder of images, each with parameters behind it: `photos resize=256 crop=224`. */
export function dataOf(text: string): Data {
  const { head, params } = withParams(text);
  if (datasets.some(({ name }) => name === head)) return { entry: { name: head, ...params }, title: head };
  const about = statSync(head, { throwIfNoEntry: false });
  if (!about) return { entry: { name: head, ...params }, title: head }; // the suite says which names there are
  const path = resolve(head);
  const own = { folder: dirname(path), title: basename(path) };
  if (about.isDirectory()) return { entry: { name: 'folder', folder: basename(path), ...params }, ...own };
  if (/\.npz$/i.test(path)) return { entry: { name: 'arrays', file: basename(path), ...params }, ...own };
  throw new UsageError(`[--dataset] expected the name of a data set, an .npz archive or a folder of images, got the file ${head}`, {
    remedy: 'for .npy files: --dataset "arrays images=X.npy labels=Y.npy" --data FOLDER',
  });
}

/** The words `key=value` at the end of a text, and what is before them. */
function withParams(text: string): { head: string; params: Record<string, unknown> } {
  const [head = '', ...words] = text.trim().split(/\s+(?=[A-Za-z]\w*=\S)/);
  return { head, params: paramsIn(words) };
}

const REQUIRED = { arch: 'wrn-28-10', dataset: 'cifar10', threat: 'Linf:8/255' } as const;

/** Throws a UsageError that names all that is missing at once, and for the architecture the one whose names the file has. */
function checkGiven(weights: string, options: EvalOptions): void {
  const missing = (Object.keys(REQUIRED) as (keyof typeof REQUIRED)[]).filter(
    (name) => (name !== 'arch' || kindOf(weights) === 'weights') && (typeof options[name] !== 'string' || options[name] === ''),
  );
  if (missing.length === 0) return;
  const likely = missing.includes('arch') ? likelyArchitecture(weights) : undefined;
  const examples = missing.map((name) => `--${name} "${name === 'arch' ? (likely ?? REQUIRED.arch) : REQUIRED[name]}"`);
  throw new UsageError(
    `[eval] expected ${missing.map((name) => `--${name}`).join(', ')} too, such as ${examples.join(' ')}${likely === undefined ? '' : ` (the names in ${weights} are those of ${likely})`}`,
  );
}

/** By the names in the file, for images as most data sets have them. */
function likelyArchitecture(weights: string): string | undefined {
  const { entries } = readWeightsFile(weights);
  const [small, large] = [32, 224].map((side) => nearestArchitecture(entries, { inputShape: [side, side, 3], classes: 10 }));
  return small ?? large;
}

/** `Linf:8/255,Linf:4/255,L2:0.5` as the threats of a suite: one entry a norm, its radii together. */
function threatsOf(text: string): { norm: string; eps: number[] }[] {
  const threats = new Map<string, number[]>();
  for (const part of listOf(text)) {
    const [norm = '', radius = '', ...more] = part.split(':');
    const [over = Number.NaN, under = 1, ...rest] = radius.split('/').map((v) => (v.trim() === '' ? Number.NaN : Number(v)));
    const eps = over / under;
    if (more.length > 0 || rest.length > 0 || !Number.isFinite(eps))
      throw new UsageError(`[--threat] expected norm:radius such as Linf:8/255, got "${part}"`);
    threats.set(norm, [...(threats.get(norm) ?? []), eps]);
  }
  return [...threats].map(([norm, eps]) => ({ norm, eps }));
}

/** One line a threat: the number, its interval, on how many images, and the flags. */
function answers({ boards }: View): string[] {
  return boards.flatMap((board) =>
    board.rows.map(({ worst, flags }) => {
      const names = [...new Set(flags.map((f) => f.flag.name))];
      const flagged = names.length > 0 ? `; flags: ${names.join(', ')}` : '';
      if (!worst) return `${bold('no robust accuracy')} on ${boardTitle(board)}${flagged}`;
      const interval = `${percent(worst.interval[0])}-${percent(worst.interval[1])}`;
      return `${bold(`robust accuracy ${percent(worst.accuracy)} %`)} (95 %: ${interval}) on ${worst.n} images, ${boardTitle(board)}${flagged}`;
    }),
  );
}
