/** Texts that would keep a parser or a pattern busy for ever, or fill its memory: each ends in a message, in a process that can be killed. */
import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';

/** Runs code that imports the sources, in a process that is killed when it does not end: a pattern that looks at a text again and again never would. */
function endsInTime(code: string): void {
  const source = new URL('../../../harness/suite/source/yaml.ts', import.meta.url).href;
  const script = `import { parseSuiteYaml, FRACTION } from ${JSON.stringify(source)};\n${code}`;
  const { signal, stderr } = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    encoding: 'utf8',
    timeout: 60_000,
    killSignal: 'SIGKILL',
  });
  expect({ signal, stderr }).toEqual({ signal: null, stderr: '' });
}

test('a fraction is told from a text as long as a suite may be', { timeout: 70_000 }, () => {
  // reading every digit twice would take 10^12 steps
  endsInTime(`
    const pattern = new RegExp(FRACTION);
    for (const text of ['1'.repeat(2 ** 20), '1'.repeat(2 ** 20) + '/', '1/' + '1'.repeat(2 ** 20) + 'x', '1' + ' '.repeat(2 ** 20), '.'.repeat(2 ** 20), '1.'.repeat(2 ** 19)])
      if (pattern.test(text)) throw new Error('not a fraction');
    if (!pattern.test('1'.repeat(2 ** 19) + '/' + '1'.repeat(2 ** 19))) throw new Error('a fraction');
  `);
});

test('texts that make a parser recurse, repeat itself or fill memory end in a message', { timeout: 70_000 }, () => {
  endsInTime(`
    const traps = ['['.repeat(2 ** 20), '['.repeat(20_000) + ']'.repeat(20_000), '- '.repeat(2 ** 19), '? '.repeat(2 ** 19), '?\\n'.repeat(2 ** 19), ': '.repeat(2 ** 19),
      '{a: '.repeat(200_000), '%A\\n'.repeat(300_000), 'a: "' + '\\\\\\n'.repeat(300_000) + '"', '] '.repeat(2 ** 19), '*a '.repeat(2 ** 18), '&a '.repeat(2 ** 18), '!a '.repeat(2 ** 18),
      Array.from({ length: 1300 }, (_, i) => ' '.repeat(i) + 'a:').join('\\n'), Array.from({ length: 100_000 }, (_, i) => 'k' + i + ': 1').join('\\n')];
    for (const trap of traps) {
      let taken = true;
      try { parseSuiteYaml(trap, 's.yml'); } catch (error) { taken = false; if (!error.message.startsWith('[suite] not valid YAML: s.yml')) throw error; }
      if (taken) throw new Error('taken: ' + trap.slice(0, 20));
    }
  `);
});
