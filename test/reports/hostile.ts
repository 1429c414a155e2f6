/** Names that try to be something else than text. */
export const HOSTILE = [
  '<script>window.hacked=1</script>',
  '"><img src=x onerror="window.hacked=1">',
  "'); window.hacked=1; //",
  '=cmd()|calc',
  '\u202Eمرحبا بالعالم\u202C',
  'x'.repeat(200),
  '{{constructor}} $(id) \\input{x} %',
  'a,b;c\td|e',
];

/** Rewrites every text to a hostile one that still holds it, so that names stay distinct. */
export function hostileNames(): (text: string) => string {
  const known = new Map<string, string>();
  return (text) => {
    const made = known.get(text) ?? `${HOSTILE[known.size % HOSTILE.length]} ${text}`;
    known.set(text, made);
    return made;
  };
}
