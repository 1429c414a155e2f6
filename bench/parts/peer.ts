/** A peer that stays for several rounds: it starts once, and compiles once. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { RampartError } from '../../errors.ts';
import { type Measure, peerCommand, type Rates } from '../rates.ts';

export class Peer {
  readonly #script: string;
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;

  constructor(script: string, arch: string, measure: Measure, more: readonly string[] = []) {
    const [command, args, env] = peerCommand(script, arch, measure, ['--serve', ...more]);
    this.#script = script;
    this.#child = spawn(command, args, { env, stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
    // one that is gone is told by its output, which ends
    for (const source of [this.#child, this.#child.stdin]) source.on('error', () => {});
  }

  /** One round of all steps that it was asked for. Throws RampartError where the peer ends instead. */
  async rates(): Promise<Rates> {
    this.#child.stdin.write('\n');
    const { value, done } = await this.#lines.next();
    if (done) throw new RampartError(`[bench] the peer ${this.#script} ended before it had an answer`);
    return (JSON.parse(value) as { images_per_second: Rates }).images_per_second;
  }

  close(): void {
    this.#child.stdin.end();
  }
}
