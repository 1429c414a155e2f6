/** Every error that a user can cause or mend: what was expected where, what was found, and the way out. */
export class RampartError extends Error {
  override readonly name = 'RampartError';
  /** The command or edit that mends it, if there is one. */
  readonly remedy: string | undefined;
  /** Of a command that it ends: 2 for what the user asked for, 1 for what became of it. */
  readonly exitCode: 1 | 2 = 2;

  constructor(message: string, options: { remedy?: string; cause?: unknown } = {}) {
    super(options.remedy ? `${message}; ${options.remedy}` : message, { cause: options.cause });
    this.remedy = options.remedy;
  }
}

/** A path or another word as a shell takes it: quoted where it holds what a shell would read as more than text. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** Levenshtein distance, for "did you mean". */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min((row[j] as number) + 1, (next[j - 1] as number) + 1, substituted));
    }
    row = next;
  }
  return row[b.length] as number;
}

/** Longer than any name that someone mistyped. */
const LONGEST = 100;

/** The known name nearest to `name`, or undefined when none is near. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  if (name.length > LONGEST) return undefined;
  const ranked = known.map((k) => ({ k, d: distance(name.toLowerCase(), k.toLowerCase()) })).sort((a, b) => a.d - b.d);
  const best = ranked[0];
  return best && best.d <= Math.max(2, Math.floor(name.length / 3)) ? best.k : undefined;
}

/** `unknown attack "pdg"; did you mean "pgd"? known: fgsm, pgd` */
export function unknownName(kind: string, name: string, known: readonly string[]): RampartError {
  const near = nearest(name, known);
  return new RampartError(`unknown ${kind} "${name}"; ${near ? `did you mean "${near}"? ` : ''}known: ${known.join(', ')}`);
}
