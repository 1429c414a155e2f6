/** The list of a site's files. */

/** Every file of the site with the SHA-256 of its bytes, so that a copy can be checked: `sha256sum -c MANIFEST`. */
export const MANIFEST = 'MANIFEST';

/** Paths of files in the text of a manifest, as they stand there. */
export function pathsIn(manifest: string): string[] {
  return manifest
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.slice(66));
}

/** Whether a path is one of a site's: relative, with forward slashes, and nowhere else. */
export function isPath(path: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._/-]*$/.test(path) && !path.includes('..');
}
