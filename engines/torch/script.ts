/** TorchScript modules as classifiers, run by the libtorch of this engine. */
import { RampartError } from '../../errors.ts';
import type { Linearized } from '../../models/classifier.ts';
import type { ScriptClassifier, ScriptOptions } from '../../models/import/torchscript.ts';
import { type Shape, tf } from '../../tensor/tf.ts';
import type { TorchBackend } from './backend.ts';
import type { Script } from './passes.ts';
import type { Output, Slot } from './slot.ts';

/** What libtorch says of the file or of a call, as an error that names the file. */
function explained<T>(source: string, call: () => T): T {
  try {
    return call();
  } catch (cause) {
    // the operation and its arguments say nothing to whom the file belongs to
    const what = (cause as Error).message.replace(/^\[torch\] script\w+\(.*?\): (?=\S)/s, '');
    throw new RampartError(`[model] the TorchScript module ${source}: ${what}`, { cause, ...remedyOf(what) });
  }
}

/** By what the addon says (native/script.cc). */
const REMEDIES: readonly (readonly [RegExp, string])[] = [
  [
    /of a newer PyTorch/,
    'build the addon against the PyTorch that saved it (PYTHON=python3 node engines/torch/build.mjs), or save it with an older one',
  ],
  [/not part of PyTorch/, 'save a module without it, or serve the model from its own Python'],
  [/expected one: images/, 'trace or script a module whose forward takes the images alone'],
  [
    /, expected (a tensor of logits|float32 \[)/,
    'trace or script a module whose forward gives float32 logits [n, classes] and nothing else',
  ],
];

function remedyOf(what: string): { remedy?: string } {
  const found = REMEDIES.find(([pattern]) => pattern.test(what));
  return found ? { remedy: found[1] } : {};
}

class LoadedScript implements ScriptClassifier {
  readonly classes: number;
  readonly inputShape: Shape;
  readonly #torch: TorchBackend;
  readonly #script: Script;
  readonly #source: string;

  constructor(torch: TorchBackend, script: Script, { classes, inputShape, source }: ScriptOptions) {
    this.classes = classes;
    this.inputShape = inputShape;
    this.#torch = torch;
    this.#script = script;
    this.#source = source;
  }

  #input(x: tf.Tensor4D): Slot {
    const [h, w, c] = this.inputShape;
    if (x.shape.length !== 4 || x.shape[1] !== h || x.shape[2] !== w || x.shape[3] !== c || x.dtype !== 'float32')
      throw new RampartError(`[model] ${this.#source} expected float32 [n, ${h}, ${w}, ${c}], got ${x.dtype} [${x.shape.join(', ')}]`);
    return this.#torch.slot(x);
  }

  get parameters(): number {
    return this.#torch.ops.scriptParameters(this.#script);
  }

  /** Takes the output over; a module with another number of classes is refused. */
  #logits(output: Output): tf.Tensor2D {
    const logits = this.#torch.tensor(output) as tf.Tensor2D;
    const got = logits.shape[1];
    if (got === this.classes) return logits;
    logits.dispose();
    throw new RampartError(`[model] the TorchScript module ${this.#source} gives ${got} logits an image, expected ${this.classes}`, {
      remedy: 'the model must have one output per class of the data set, and no other',
    });
  }

  logits(x: tf.Tensor4D): tf.Tensor2D {
    const slot = this.#input(x);
    return this.#logits(explained(this.#source, () => this.#torch.ops.scriptLogits(this.#script, slot)));
  }

  linearize(x: tf.Tensor4D): Linearized {
    const torch = this.#torch;
    const slot = this.#input(x);
    const pass = explained(this.#source, () => torch.ops.scriptForward(this.#script, slot));
    let logits: tf.Tensor2D;
    try {
      logits = tf.keep(this.#logits(torch.ops.scriptOutput(pass)));
    } catch (error) {
      torch.ops.scriptRelease(pass);
      throw error;
    }
    let disposed = false;
    return {
      logits,
      pullback: (dlogits) =>
        torch.tensor(explained(this.#source, () => torch.ops.scriptPullback(pass, torch.slot(dlogits)))) as tf.Tensor4D,
      dispose: () => {
        if (disposed) return;
        disposed = true;
        logits.dispose();
        torch.ops.scriptRelease(pass);
      },
    };
  }

  dispose(): void {
    this.#torch.ops.scriptUnload(this.#script);
  }
}

/** Loads the module and asks it for the logits of one gray image, so that one that does not fit is refused at once. */
export function loadScriptOn(torch: TorchBackend, file: Uint8Array, options: ScriptOptions): ScriptClassifier {
  const script = explained(options.source, () => torch.ops.scriptLoad(file));
  const classifier = new LoadedScript(torch, script, options);
  try {
    tf.tidy(() => void classifier.logits(tf.fill([1, ...options.inputShape], 0.5)));
    return classifier;
  } catch (error) {
    classifier.dispose();
    throw error;
  }
}
