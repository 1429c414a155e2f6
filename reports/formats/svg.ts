/** The only way markup enters a page without Handlebars' escaping: elements built here, with every text and attribute escaped. */
import { RampartError } from '../../errors.ts';

/** Markup that `element` made. */
export class Svg {
  readonly markup: string;

  constructor(token: typeof MADE_HERE, markup: string) {
    if (token !== MADE_HERE) throw new RampartError('[svg] markup is made by element() only');
    this.markup = markup;
  }
}

const MADE_HERE = Symbol('made by element()');
const ESCAPES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** Text for XML: the five special characters as entities, characters that XML forbids left out. */
export function escapeXml(text: string): string {
  return text.replace(/[^\t\n\r\P{Cc}]|[\ufffe\uffff]/gu, '').replace(/[&<>"']/g, (c) => ESCAPES[c] as string);
}

export type Child = Svg | string | undefined | readonly Child[];

function content(child: Child): string {
  if (child === undefined) return '';
  if (child instanceof Svg) return child.markup;
  if (typeof child === 'string') return escapeXml(child);
  return child.map(content).join('');
}

/** One element. Attributes that are undefined are left out; numbers are rounded to a hundredth, enough for a screen. */
export function element(name: string, attributes: Readonly<Record<string, string | number | undefined>>, ...children: Child[]): Svg {
  if (!/^[a-zA-Z]+$/.test(name)) throw new RampartError(`[svg] expected an element name, got "${name}"`);
  let head = name;
  for (const [key, value] of Object.entries(attributes)) {
    if (!/^[a-zA-Z][a-zA-Z0-9-]*$/.test(key)) throw new RampartError(`[svg] expected an attribute name, got "${key}"`);
    if (value !== undefined) head += ` ${key}="${typeof value === 'number' ? number(value) : escapeXml(value)}"`;
  }
  const inner = content(children);
  return new Svg(MADE_HERE, inner === '' ? `<${head}/>` : `<${head}>${inner}</${name}>`);
}

/** A coordinate without noise digits. Throws on NaN, so that no chart is drawn from nothing. */
export function number(x: number): string {
  if (!Number.isFinite(x)) throw new RampartError(`[svg] expected a finite number, got ${x}`);
  return String(Math.round(x * 100) / 100);
}

/** A picture with its accessible title and description, scaling to the width of its place. */
export function picture(
  options: { id: string; title: string; description: string; width: number; height: number },
  ...children: Child[]
): Svg {
  const { id, title, description, width, height } = options;
  return element(
    'svg',
    {
      xmlns: 'http://www.w3.org/2000/svg',
      class: 'chart',
      viewBox: `0 0 ${number(width)} ${number(height)}`,
      width,
      height,
      role: 'img',
      'aria-labelledby': `${id}-t ${id}-d`,
    },
    element('title', { id: `${id}-t` }, title),
    element('desc', { id: `${id}-d` }, description),
    ...children,
  );
}

/** A picture as a file of its own, with the style that its page would give it. */
export function standalone(svg: Svg, css: string): string {
  const at = svg.markup.indexOf('>') + 1;
  return `<?xml version="1.0" encoding="UTF-8"?>\n${svg.markup.slice(0, at)}${element('style', {}, css).markup}${svg.markup.slice(at)}\n`;
}
