/** Models that a suite brings from elsewhere: the schema of an entry, and the nouns that a run knows them by. */
import { z } from 'zod';
import type { Normalization } from '../../models/import/import.ts';
import { type HttpSource, nameOfUrl } from '../../models/outside/http/source.ts';
import { nameOf, type PythonSource } from '../../models/outside/python/process.ts';
import { line, name, path } from './limits.ts';

const environment = z.string().regex(/^[A-Za-z_]\w{0,199}$/, 'expected the name of an environment variable');

/** Of a model behind an HTTP endpoint. */
const endpointKeys = {
  url: line(4096).optional().describe('Of an endpoint that takes images and answers with scores or labels, as docs/importing.md describes'),
  access: z.enum(['scores', 'labels']).optional().describe('What the endpoint answers with'),
  scores: z.enum(['probabilities', 'logits']).optional().describe('What its scores are; probabilities unless given'),
  format: z
    .enum(['float32', 'png'])
    .optional()
    .describe('How images are sent: as they are (float32, unless given), or as PNG, which rounds them to 1/255'),
  version: line(200).optional().describe('What you call the model that is there now: answers of another version are not taken for its own'),
  batch: z.number().int().min(1).max(4096).optional().describe('Most images of a request; 32 unless given'),
  retries: z
    .number()
    .int()
    .min(0)
    .max(100)
    .optional()
    .describe('Requests after the first where the endpoint fails or stalls; 5 unless given'),
  rate: z.number().min(0.01).max(1e6).optional().describe('Requests per second at most'),
  queries: z.number().int().min(0).max(1e12).optional().describe('Images to send at most, over all runs into the same folder'),
  price: z.number().min(1e-9).max(1e9).optional().describe('Of 1,000 images; goes with budget'),
  budget: z.number().min(0).max(1e12).optional().describe('The most to spend on it, in the currency of price'),
  answers: path
    .optional()
    .describe('Folder where its answers are kept, relative to the suite; `answers` in the output folder unless given'),
  tokenEnv: environment.optional().describe('Environment variable whose value is sent as `Authorization: Bearer`'),
  headersFrom: z
    .record(line(200), environment)
    .refine((headers) => Object.keys(headers).every((key) => /^[A-Za-z][\w-]*$/.test(key)), 'names of headers, such as x-api-key')
    .optional()
    .describe('Headers, and the environment variables that hold their values'),
};

export const modelSchema = z.strictObject({
  name,
  weights: path
    .optional()
    .describe('A PyTorch checkpoint (.pt, .pth) or a safetensors file, relative to the suite; or `torchscript`, or `python`'),
  arch: name.optional().describe('The architecture that the weights are of: see `rampart ls models`'),
  torchscript: path
    .optional()
    .describe(
      'A TorchScript module (torch.jit.save), relative to the suite: run as it is by the torch engine, which executes what the file says',
    ),
  python: line(4096)
    .optional()
    .describe('`file.py:function`, relative to the suite: a function that returns a torch.nn.Module, run in a Python of its own'),
  interpreter: line(4096).optional().describe('The Python that has PyTorch; python3 unless given'),
  device: line(80)
    .optional()
    .describe('Where PyTorch runs the module: cpu, cuda:0, ...; the first GPU that it sees unless given, else the CPU'),
  timeout: z
    .number()
    .min(1)
    .max(86_400)
    .optional()
    .describe(
      'The longest that loading the module, a pass of it or a request to an endpoint may take, in seconds; 600 unless given, 60 of a request',
    ),
  ...endpointKeys,
  dataset: name.optional().describe('Label of the data set it classifies, where the suite has several'),
  title: line(200).optional().describe('How it was trained, in a few words'),
  paper: line(200).optional(),
  extraData: z.boolean().default(false),
  mean: z
    .array(z.number().min(-1e6).max(1e6))
    .min(1)
    .max(1024)
    .optional()
    .describe('Normalisation inside the model, per channel; to be given unless the file holds it'),
  std: z.array(z.number().min(1e-6).max(1e6)).min(1).max(1024).optional(),
  normalization: z.literal('none').optional().describe('`none`: the model takes images in [0,1] as they are'),
  bnEps: z
    .number()
    .min(1e-12)
    .max(1)
    .optional()
    .describe('What its batch normalisations add to a variance; 1e-5 as in PyTorch unless given'),
  expect: z
    .strictObject({
      clean: z.number().min(0).max(1).optional().describe('Clean accuracy on the test images of the suite'),
      tolerance: z.number().min(0).max(1).default(0.005).describe('How far from it the measured accuracy may be'),
      logits: path
        .optional()
        .describe(
          'A file (.pt, .npz, .npy, safetensors) with `logits` [n, classes], and `images` in [0,1] unless they are of the first test images',
        ),
      logitsTolerance: z
        .number()
        .min(0)
        .max(1)
        .optional()
        .describe('How far from them those of the model may be, of the largest; 1e-4 unless given, 2e-3 on a GPU'),
    })
    .refine(({ clean, logits }) => clean !== undefined || logits !== undefined, 'expected clean, logits, or both')
    .optional()
    .describe('What is known of the model: checked before any attack. Without it the import counts as unverified'),
});

export type ModelEntry = z.infer<typeof modelSchema>;

/** The clean accuracy that a model from elsewhere must have: checked before any attack. */
export interface Expectation {
  /** On the test images in [0,1], and how far from it the measured one may be. */
  readonly clean: number;
  readonly tolerance: number;
}

/** Logits that a model from elsewhere must give: checked before any attack. */
export interface Reference {
  /** Absolute path of the file that holds them. */
  readonly file: string;
  /** Of the largest logit; the engine's unless given. */
  readonly tolerance?: number;
}

/** What a suite says of any model from elsewhere. */
interface Stated {
  readonly name: string;
  /** Label of its data set. */
  readonly dataset: string;
  readonly title: string;
  readonly paper: string;
  readonly extraData: boolean;
  readonly expect?: Expectation;
  readonly reference?: Reference;
}

/** Weights of an architecture that is known here. */
export interface ImportedModel extends Stated {
  /** Absolute path. */
  readonly weights: string;
  readonly arch: string;
  /** As its user states it, `none` for images as they are; absent where the file states it. */
  readonly normalization?: 'none' | Normalization;
  /** Of its batch normalisations; the family's where absent. */
  readonly bnEps?: number;
}

/** A TorchScript module: a network and its code in a file, which the torch engine runs as it is. */
export interface ScriptModel extends Stated {
  /** Absolute path. */
  readonly torchscript: string;
}

/** A model that stays where it is and is asked for its answers. */
export interface OutsideModel extends Stated {
  readonly source: OutsideSource;
}

/** Where such a model is asked. */
export type OutsideSource = ({ readonly via: 'python' } & PythonSource) | EndpointSource;
export type EndpointSource = { readonly via: 'http' } & HttpSource;

export type SuiteModel = ImportedModel | ScriptModel | OutsideModel;

/** Whether a model's weights are read into a network that is known here. */
export const isImported = (model: SuiteModel): model is ImportedModel => 'weights' in model;

/** Whether it is run as its file says. */
export const isScript = (model: SuiteModel): model is ScriptModel => 'torchscript' in model;

/** Whether a model is asked rather than read. */
export const isOutside = (model: SuiteModel): model is OutsideModel => 'source' in model;

/** `my_model.py:load`, or `host/predict`. */
export const nameOfSource = (source: OutsideSource): string => (source.via === 'python' ? nameOf(source) : nameOfUrl(source.url));

/** What a model can be asked for; gradients too where undefined. */
export function accessOf(model: SuiteModel): 'scores' | 'decision' | undefined {
  if (!isOutside(model) || model.source.via !== 'http') return undefined;
  return model.source.access === 'labels' ? 'decision' : 'scores';
}

/** What a model's user states of its normalisation, for images of so many channels; undefined where the file is to state it. */
export function normalizationOf({ normalization }: Pick<ImportedModel, 'normalization'>, channels: number): Normalization | undefined {
  if (normalization !== 'none') return normalization;
  return { mean: Array.from({ length: channels }, () => 0), std: Array.from({ length: channels }, () => 1) };
}
