/** Numbers as a reader sees them; files for machines hold them unrounded. */

/** `0.4521` as `45.2`. */
export function percent(x: number): string {
  return (100 * x).toFixed(1);
}

/** `42.1–48.3` of an interval in [0,1]. */
export function interval([low, high]: readonly [number, number]): string {
  return `${percent(low)}–${percent(high)}`;
}

/** A time as `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`. */
export function duration(ms: number): string {
  const s = ms / 1000;
  if (s < 10) return `${s.toFixed(1)} s`;
  if (Math.round(s) < 60) return `${Math.round(s)} s`;
  if (s < 3600) return `${Math.floor(Math.round(s) / 60)} min ${Math.round(s) % 60} s`;
  const minutes = Math.round(s / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

const SCALES: readonly [number, string][] = [
  [1e12, 'T'],
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
];

/** A count to three figures: `78.0 k`, `1.20 M`. */
export function compact(x: number): string {
  for (const [scale, unit] of SCALES) {
    if (Math.abs(x) >= scale * 0.9995) return `${Number((x / scale).toPrecision(3))} ${unit}`;
  }
  return String(Number(x.toPrecision(3)));
}

/** Bytes as they count to load: `4 kB`, `1.2 MB`, `45 MB`. */
export function size(bytes: number): string {
  const mb = bytes / 1e6;
  if (mb >= 1) return `${mb < 10 ? mb.toFixed(1) : Math.round(mb)} MB`;
  return `${Math.max(1, Math.round(bytes / 1000))} kB`;
}

/** A radius as it is written in papers: `8/255` where it is a whole number of grey levels, else the number. */
export function radius(eps: number): string {
  const levels = eps * 255;
  return eps > 0 && eps < 0.5 && Math.abs(levels - Math.round(levels)) < 1e-6 * 255
    ? `${Math.round(levels)}/255`
    : String(Number(eps.toPrecision(6)));
}

/** A p-value: `0.03`, or `< 0.001`. */
export function pValue(p: number): string {
  return p < 0.001 ? '< 0.001' : p.toFixed(p < 0.1 ? 3 : 2);
}

/** A value of a parameter as text: numbers short, objects as JSON. */
export function parameter(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number')
    return Number.isInteger(value) ? String(value) : radius(value).includes('/') ? radius(value) : String(Number(value.toPrecision(6)));
  return JSON.stringify(value) ?? 'none';
}

/** `steps=20, stepSize=2/255`. */
export function parameters(params: Record<string, unknown>): string {
  return Object.entries(params)
    .map(([name, value]) => `${name}=${parameter(value)}`)
    .join(', ');
}
