/**
 * Ctrl-C and SIGTERM. Where nothing has to be ended in order, the system's way holds: the process ends at once, however busy it is.
 * A handler runs only between two pieces of work, so it is there only while the process does little but wait.
 */
import { RampartError } from '../errors.ts';

const controller = new AbortController();

/** Aborts when the user wants an end, while `endInOrder` holds. */
export const interrupted: AbortSignal = controller.signal;

/** The first signal ends what runs in order; a second one at once. */
function onSignal(): void {
  if (interrupted.aborted) process.exit(1);
  controller.abort(new RampartError('interrupted; what is finished is kept, and the same command goes on from there'));
}

const NAMES = ['SIGINT', 'SIGTERM'] as const;

export function endInOrder(): void {
  for (const name of NAMES) process.on(name, onSignal);
}

export function endAtOnce(): void {
  for (const name of NAMES) process.off(name, onSignal);
}
