/** Where the templates of the pages are. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { RampartError } from '../../errors.ts';

/** The folder `templates/` at the root of the package, from the sources and from `dist/` alike. */
export function templatesFolder(): string {
  for (const up of ['../../templates', '../../../templates']) {
    const path = fileURLToPath(new URL(up, import.meta.url));
    if (existsSync(`${path}/layout.hbs`)) return path;
  }
  throw new RampartError('[report] the folder templates/ is missing from this installation', { remedy: 'install rampart again' });
}
