/** What the WebAssembly module exports: pure functions on pointers into the memory of TensorFlow.js's wasm backend. */
export { clear, convolve, copyRows, packFilter } from './conv';
export { filterGrad } from './filter-grad';
