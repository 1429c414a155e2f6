/** Workers as users have them, of the built package: from source each would take seconds to start. */
import { existsSync } from 'node:fs';
import type * as executor from '../../../harness/run/executor.ts';
import type * as local from '../../../harness/run/local/process-executor.ts';

const folder = new URL('../../../dist/harness/run/', import.meta.url);
if (!existsSync(folder)) throw new Error(`${folder.pathname} is not there: npm run build`);
const load = (file: string): Promise<unknown> => import(new URL(file, folder).href);

export const { JobError } = (await load('executor.js')) as typeof executor;
export const { probeEngine, processExecutor } = (await load('local/process-executor.js')) as typeof local;
