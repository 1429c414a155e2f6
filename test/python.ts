/** A Python that has PyTorch, for tests of models that live in one: `RAMPART_PYTHON`, else the system's own. */
import { spawnSync } from 'node:child_process';

const usable = (python: string) => spawnSync(python, ['-c', 'import torch'], { timeout: 120_000 }).status === 0;

/** Its path; undefined where none is here, and such tests are skipped by name. */
export const python = [process.env.RAMPART_PYTHON, '/usr/bin/python3', 'python3'].find((path) => path !== undefined && usable(path));
