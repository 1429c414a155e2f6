/** Pages from Handlebars templates: strict, escaping on, no way to raw markup except charts. */
import { readdirSync, readFileSync } from 'node:fs';
import Handlebars from 'handlebars';
import { RampartError } from '../../errors.ts';
import { Svg } from './svg.ts';
import { templatesFolder } from './templates.ts';

/** Characters whose direction is no question. */
const LEFT_TO_RIGHT = /^[\x20-\x7e–−±×…]*$/;

export type Render = (page: string, context: object) => string;

/** Compiles every template once. A name that a template uses and its context lacks is an error. */
export function pageRenderer(folder = templatesFolder()): Render {
  const handlebars = Handlebars.create();
  handlebars.registerHelper('svg', (chart: unknown) => {
    if (!(chart instanceof Svg)) throw new RampartError('[report] the helper svg takes a chart');
    return new Handlebars.SafeString(chart.markup);
  });
  // names and texts from outside may run from right to left: they are kept from turning what stands around them
  handlebars.registerHelper('isolated', (text: unknown) => {
    const escaped = Handlebars.escapeExpression(String(text));
    return new Handlebars.SafeString(LEFT_TO_RIGHT.test(String(text)) ? escaped : `<bdi>${escaped}</bdi>`);
  });
  const options = { strict: true, knownHelpers: { svg: true, isolated: true }, knownHelpersOnly: true, preventIndent: true };
  const pages = new Map<string, HandlebarsTemplateDelegate>();
  for (const file of readdirSync(folder).filter((f) => f.endsWith('.hbs'))) {
    const name = file.replace(/\.hbs$/, '');
    const template = handlebars.compile(readFileSync(`${folder}/${file}`, 'utf8'), options);
    handlebars.registerPartial(name, template);
    pages.set(name, template);
  }
  return (page, context) => {
    const template = pages.get(page);
    if (!template) throw new RampartError(`[report] no template ${page}`);
    return template(context);
  };
}
