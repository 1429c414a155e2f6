/** What does not fit in a folder that several people add to, and why. */
import { RampartError } from '../../errors.ts';

export interface Refusal {
  /** Relative to the folder. */
  readonly file: string;
  readonly reason: string;
}

export interface Found<T> {
  readonly file: string;
  readonly record: T;
}

export type Refuse = (file: string, reason: string) => void;

/** A reason may quote a text of a record: enough of it to be found. */
const LONGEST_REASON = 500;

/** Does `work`; where the file does not fit or cannot be read, the reason is a refusal. */
export async function orRefuse(file: string, refuse: Refuse, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (error instanceof RampartError) return refuse(file, error.message.slice(0, LONGEST_REASON));
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    refuse(file, `cannot be read (${code})`);
  }
}
