/** File names and anchors: letters, digits and hyphens, whatever a record is called. */
import { createHash } from 'node:crypto';

/** At most 40 characters of `text` that are safe in a path and an anchor; `x` where nothing is left. */
export function slug(text: string): string {
  const safe = text
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 40)
    .replace(/^-+|-+$/g, '');
  return safe || 'x';
}

/** JSON with its keys sorted, for comparing values. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (value && typeof value === 'object') {
    const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${entries.map(([k, v]) => `${JSON.stringify(k)}:${canonical(v)}`).join(',')}}`;
  }
  return JSON.stringify(value) ?? 'null';
}

/** The first `length` hex digits of the SHA-256 of `text`. */
export function digest(text: string, length: number): string {
  return createHash('sha256').update(text).digest('hex').slice(0, length);
}

/** A slug for every text: short where texts are told apart by it, with a piece of hash of `identities[i]` where not. */
export function uniqueSlugs(texts: readonly string[], identities: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(slug(text), (counts.get(slug(text)) ?? 0) + 1);
  return texts.map((text, i) => (counts.get(slug(text)) === 1 ? slug(text) : `${slug(text)}-${digest(identities[i] as string, 8)}`));
}
/** The label of run `draw`, from 1, of the attack whose first run has the label `label`. */
export const drawLabel = (label: string, draw: number): string => `${label} (draw ${draw + 1})`;

/** The label of the first run, from that of run `draw`; as it is where that is the first. */
export function firstLabel(label: string, draw: number | undefined): string {
  const end = draw === undefined ? '' : drawLabel('', draw);
  return end && label.endsWith(end) ? label.slice(0, -end.length) : label;
}
