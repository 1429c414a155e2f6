/** The table of engines. */
import { unknownName } from '../errors.ts';
import { cpu } from './cpu.ts';
import type { Engine } from './engine.ts';
import { tensorflow } from './tensorflow/index.ts';
import { torch } from './torch/index.ts';
import { wasm } from './wasm/index.ts';
import { webgpu } from './webgpu.ts';

export const engines: readonly Engine[] = [torch, tensorflow, webgpu, wasm, cpu];

/** Throws, with the nearest name, when there is none such. */
export function engine(name: string): Engine {
  const found = engines.find((e) => e.name === name);
  if (!found)
    throw unknownName(
      'engine',
      name,
      engines.map((e) => e.name),
    );
  return found;
}
