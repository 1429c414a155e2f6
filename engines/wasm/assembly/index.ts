/** What the WebAssembly module exports: pure functions on pointers into the memory of TensorFlow.js's wasm backend. */
export { clear, convolve, copyRows, packFilter } from './conv';
export { reluGrad, sgdMomentum, signStep } from './elementwise';
export { filterGrad } from './filter-grad';
export { affine, gradInput, gradSums, moments } from './norm';
