/** What the WebAssembly module exports: pure functions on pointers into the memory of TensorFlow.js's wasm backend. */
export { clear, convolve, copyRows, packFilter } from './conv';
export { clip, maximum, minimum, reluGrad, select, sgdMomentum, sign, signStep } from './elementwise';
export { filterGrad } from './filter-grad';
export { gather, repeat, reverse } from './movement';
export { affine, gradInput, gradSums, moments } from './norm';
export { maxPoolGrad } from './pool';
export { sum } from './reduce';
export { winograd, winogradFilter } from './winograd';
