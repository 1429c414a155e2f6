/** Makes libtorch the backend of TensorFlow.js: loaded when the engine starts, not where it is only asked whether it is there. */
import { registerCompiler } from '../../models/graph/frozen.ts';
import { registerTrainingCompiler } from '../../models/graph/training.ts';
import { registerScriptLoader } from '../../models/import/torchscript.ts';
import { registerFiniteWatch } from '../../tensor/finite.ts';
import { tf } from '../../tensor/tf.ts';
import { BACKEND, TorchBackend } from './backend.ts';
import type { Binding } from './binding.ts';
import { compile } from './compile.ts';
import { watchOn } from './finite.ts';
import { kernelsOf } from './kernels/index.ts';
import { loadScriptOn } from './script.ts';
import { compileTrainingPass, registerTrainingPass } from './training.ts';

let started: TorchBackend | undefined;

/** The first call of a process registers the backend for `device`, which has `formulas` or not; every call makes it the current one. */
export async function start(binding: Binding, device: string, formulas: boolean): Promise<void> {
  if (!started) {
    const backend = new TorchBackend(binding, device !== 'cpu');
    started = backend;
    tf.registerBackend(BACKEND, () => backend, 10);
    for (const kernel of kernelsOf(device, formulas)) tf.registerKernel(kernel);
    registerCompiler(BACKEND, (graph, precision) => compile(graph, backend, precision));
    registerScriptLoader(BACKEND, (file, options) => loadScriptOn(backend, file, options));
    registerFiniteWatch(BACKEND, () => watchOn(backend));
    registerTrainingPass(backend);
    registerTrainingCompiler(BACKEND, compileTrainingPass);
  }
  await tf.setBackend(BACKEND);
  await tf.ready();
}
