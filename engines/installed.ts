/** What there is to choose an engine from, without starting any. */
import { cpus } from 'node:os';
import type { Engine } from './engine.ts';
import { engines } from './index.ts';

/** Text that stays the same as long as the same request gives the same engine: the processor, Node, and what of each engine is installed. */
export async function installedEngines(among: readonly Engine[] = engines): Promise<string> {
  const found: unknown[] = [];
  for (const engine of among) {
    const { usable, detail } = await engine.probe();
    found.push([engine.name, engine.rank, usable, detail, usable ? await engine.devices() : []]);
  }
  return JSON.stringify([process.version, process.platform, process.arch, cpus()[0]?.model, found]);
}
