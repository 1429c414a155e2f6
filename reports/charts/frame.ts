/** What all charts share: the plot area, axes, tick labels, series colours and the placing of labels. */
import { type ScaleContinuousNumeric, scaleLinear, scaleLog } from 'd3-scale';
import { compact } from '../formats/format.ts';
import { type Child, element, picture, type Svg } from '../formats/svg.ts';
import type { Column, Table } from '../formats/table.ts';

/** A picture, its data, and the sentence under it. */
export interface Chart {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  readonly svg: Svg;
  readonly table: Table;
  /** A line per test image: written as CSV, not as a page. */
  readonly bulk?: boolean;
}

/** What a chart says beside its drawing. */
export interface ChartData extends Omit<Chart, 'svg' | 'table'> {
  readonly columns: readonly Column[];
  readonly rows: Table['rows'];
}

/** A chart from its drawing, in a picture of this size. Its data take its id as their name and its title as their caption. */
export function chartOf(data: ChartData & { width: number; height: number }, ...drawing: Child[]): Chart {
  const { id, title, description, bulk, columns, rows } = data;
  const svg = picture(data, ...drawing);
  return { id, title, description, svg, table: { name: id, caption: title, columns, rows }, ...(bulk ? { bulk } : {}) };
}

/** A share in [0,1] as whole percent, for the ticks of an axis. */
export const wholePercent = (share: number) => String(Math.round(share * 100));

export type Scale = ScaleContinuousNumeric<number, number>;

export interface Area {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** The plot area inside a picture of this size, with room for the axes. */
export function areaOf(width: number, height: number): Area {
  return { left: 52, right: width - 16, top: 14, bottom: height - 44 };
}

/** Linear, from the area's bottom (or left) to its top (or right). */
export function linear(domain: readonly [number, number], range: readonly [number, number]): Scale {
  return scaleLinear([...domain], [...range]).nice();
}

/** Logarithmic, with a little room on both sides. */
export function logarithmic(values: readonly number[], range: readonly [number, number]): Scale {
  return scaleLog([Math.min(...values) / 1.35, Math.max(...values) * 1.5], [...range]);
}

/** One side of the plot area. */
export interface Axis {
  readonly scale: Scale;
  readonly title: string;
  readonly ticks?: readonly number[];
  readonly format?: (v: number) => string;
}

/** Both axes with grid lines, tick labels and titles. */
export function axes(area: Area, x: Axis, y: Omit<Axis, 'ticks'>): Svg {
  const xTicks = x.ticks ?? x.scale.ticks(6);
  const middleX = (area.left + area.right) / 2;
  const middleY = (area.top + area.bottom) / 2;
  return element(
    'g',
    { class: 'axes' },
    y.scale.ticks(5).map((v) => {
      const at = y.scale(v);
      return [
        element('line', { class: 'grid', x1: area.left, x2: area.right, y1: at, y2: at }),
        element('text', { x: area.left - 6, y: at + 4, 'text-anchor': 'end' }, (y.format ?? compact)(v)),
      ];
    }),
    xTicks.map((v) => {
      const at = x.scale(v);
      return [
        element('line', { class: 'tick', x1: at, x2: at, y1: area.bottom, y2: area.bottom + 4 }),
        element('text', { x: at, y: area.bottom + 16, 'text-anchor': 'middle' }, (x.format ?? compact)(v)),
      ];
    }),
    element('line', { class: 'axis', x1: area.left, x2: area.right, y1: area.bottom, y2: area.bottom }),
    element('text', { class: 'axis-title', x: middleX, y: area.bottom + 36, 'text-anchor': 'middle' }, x.title),
    element(
      'text',
      { class: 'axis-title', x: 0, y: 0, 'text-anchor': 'middle', transform: `translate(12 ${Math.round(middleY)}) rotate(-90)` },
      y.title,
    ),
  );
}

/** Ticks of a logarithmic axis at 1, 2 and 5 times powers of ten. */
export function logTicks(scale: Scale): number[] {
  const [low, high] = scale.domain() as [number, number];
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    for (const step of [1, 2, 5]) {
      const v = step * 10 ** power;
      if (v >= low && v <= high) ticks.push(v);
    }
  }
  return ticks.length > 7 ? ticks.filter((v) => String(v).replace(/[0.]/g, '')[0] === '1') : ticks;
}

/** A 95 % interval around `value`, upwards or to the right: the part below is dotted, for the worst case over some attacks is no lower bound of robustness. */
export function whisker(
  place: (value: number) => { x: number; y: number },
  [low, high]: readonly [number, number],
  value: number,
  extra?: string,
): Child[] {
  const part = (from: number, to: number, name?: string) => {
    const [a, b] = [place(from), place(to)];
    return element('line', { x1: a.x, x2: b.x, y1: a.y, y2: b.y, class: [name, extra].filter(Boolean).join(' ') || undefined });
  };
  return [part(low, value, 'below'), part(value, high)];
}

export const SERIES = 8;

/** The class that colours a series; the palette is in the style sheet. */
export const series = (index: number) => `s${index % SERIES}`;

/** Shortened for a label in a picture; the full name is in its title. */
export function short(name: string, length = 24): string {
  const characters = [...name];
  return characters.length > length ? `${characters.slice(0, length - 1).join('')}…` : name;
}

interface Box {
  x: number;
  y: number;
  w: number;
  h: number;
}

const overlaps = (a: Box, b: Box) => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;

/** Puts a label beside each point where there is room, in order of importance; points without room keep their hover text. */
export function placeLabels(points: readonly { x: number; y: number; text: string; class?: string }[], area: Area): Child[] {
  const taken: Box[] = points.map((p) => ({ x: p.x - 5, y: p.y - 5, w: 10, h: 10 }));
  return points.map((p, index) => {
    const text = short(p.text);
    const w = text.length * 6.4;
    const others = taken.filter((_, i) => i !== index);
    const places = [
      { x: p.x + 9, y: p.y + 4, anchor: 'start' },
      { x: p.x - 9, y: p.y + 4, anchor: 'end' },
      { x: p.x, y: p.y - 10, anchor: 'middle' },
      { x: p.x, y: p.y + 18, anchor: 'middle' },
    ];
    for (const place of places) {
      const x = place.anchor === 'start' ? place.x : place.anchor === 'end' ? place.x - w : place.x - w / 2;
      const box = { x, y: place.y - 11, w, h: 14 };
      if (x < area.left || x + w > area.right + 14 || box.y < area.top - 10 || place.y > area.bottom + 2) continue;
      if (others.some((o) => overlaps(o, box))) continue;
      taken.push(box);
      return element('text', { class: `label ${p.class ?? ''}`.trim(), x: place.x, y: place.y, 'text-anchor': place.anchor }, text);
    }
    return undefined;
  });
}
