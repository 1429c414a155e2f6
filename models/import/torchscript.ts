/** TorchScript modules as classifiers. A module is a program: whoever loads one runs it. The engine that can do so says how when it starts. */
import { RampartError } from '../../errors.ts';
import { type Shape, tf } from '../../tensor/tf.ts';
import type { Classifier } from '../classifier.ts';

export interface ScriptOptions {
  readonly inputShape: Shape;
  readonly classes: number;
  /** What messages call the file. */
  readonly source: string;
}

export interface ScriptClassifier extends Classifier {
  /** Numbers that were trained; 0 of a module that was frozen before it was saved. */
  readonly parameters: number;
}

/** The caller owns the classifier. Throws a RampartError that says what the module lacks. */
export type ScriptLoader = (file: Uint8Array, options: ScriptOptions) => ScriptClassifier;

const loaders = new Map<string, ScriptLoader>();

/** Called by an engine when it starts, with the name of its TensorFlow.js backend. */
export function registerScriptLoader(backend: string, loader: ScriptLoader): void {
  loaders.set(backend, loader);
}

/**
 * Runs a TorchScript file as a classifier on the engine of this process: its `forward` takes images `[n,c,h,w]` in [0,1], normalisation is
 * inside, and gives logits `[n,classes]`. The caller owns it. Throws a RampartError where the engine has no libtorch, and where the module
 * does not load or does not take one image of `inputShape`.
 */
export function loadScript(file: Uint8Array, options: ScriptOptions): ScriptClassifier {
  const loader = loaders.get(tf.getBackend());
  if (!loader)
    throw new RampartError(`[model] ${options.source} is a TorchScript module, which the engine ${tf.getBackend()} cannot run`, {
      remedy:
        'give --engine torch (rampart doctor says what it needs); or run it in its own Python, as a function of a file: my_model.py:load',
    });
  return loader(file, options);
}
