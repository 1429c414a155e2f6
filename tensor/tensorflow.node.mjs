/**
 * TensorFlow.js in Node, loaded when it is first used: most of what the command line does needs none of it. Through `require`, because for
 * an import Node looks for the names of the exports in the text of the bundle, which takes longer than to run it.
 */
import { createRequire } from 'node:module';

let loaded;

function load() {
  loaded = createRequire(import.meta.url)('@tensorflow/tfjs');
  // no advice to install another backend: engines are chosen here
  loaded.env().set('PROD', true);
  return loaded;
}

export const tf = new Proxy({}, { get: (_, name) => (loaded ?? load())[name] });
