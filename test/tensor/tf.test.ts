/** How TensorFlow.js comes in: one instance of it, in Node when it is first used, and into a bundle for a browser. */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { runInNewContext } from 'node:vm';
import { build } from 'esbuild';
import { expect, test } from 'vitest';
import { tf } from '../../tensor/tf.ts';

test('everything is that of the package itself, so that other packages add to the same core', () => {
  const own = createRequire(import.meta.url)('@tensorflow/tfjs') as typeof tf;
  expect(tf.conv2d).toBe(own.conv2d);
  expect(tf.engine()).toBe(own.engine());
});

test('it gives no advice to install another backend', () => {
  expect(tf.env().getBool('PROD')).toBe(true);
});

test('a bundle for a browser holds it and nothing of Node', { timeout: 30_000 }, async () => {
  const entry = fileURLToPath(new URL('../../tensor/tf.ts', import.meta.url));
  const { outputFiles } = await build({
    stdin: {
      contents: `import { tf } from '${entry}'; tf.setBackend('cpu'); globalThis.sum = tf.add(1, 2).dataSync()[0];`,
      resolveDir: '.',
    },
    bundle: true,
    platform: 'browser',
    write: false,
    logLevel: 'silent',
  });
  const page: Record<string, unknown> = { console, setTimeout, performance, TextEncoder, TextDecoder, URL };
  Object.assign(page, { window: page, document: {}, navigator: {} });
  runInNewContext(outputFiles[0]?.text ?? '', page);
  expect(page.sum).toBe(3);
});
