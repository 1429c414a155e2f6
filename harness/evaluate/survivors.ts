/** The staircase of survivors over the iterations of all members. */
import type { MemberProgress } from './state.ts';

/** Survivors of one member after the other, iterations counted on; only the steps of the staircase are kept. */
export function survivorsOf(members: readonly MemberProgress[]): [number, number][] {
  const all: [number, number][] = [];
  for (const { trace } of members) {
    const offset = all.at(-1)?.[0] ?? 0;
    const points = Object.entries(trace).map(([k, v]): [number, number] => [offset + Number(k), v]);
    points.sort((a, b) => a[0] - b[0]);
    all.push(...points.filter((p, i) => i === 0 || i === points.length - 1 || p[1] !== points[i - 1]?.[1] || p[1] !== points[i + 1]?.[1]));
  }
  return all;
}
