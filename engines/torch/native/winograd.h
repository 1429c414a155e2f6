// Winograd's F(2x2, 3x3) (Lavin and Gray 2015, arXiv 1509.09308, section 4.1): 3x3 convolutions with 2.25 times fewer multiplications.
#pragma once
#include <cstdint>

namespace rampart {

// A 3x3 convolution, stride 1, padding 1, on dense `[n, h, w, in]` images, with what follows it. Null parts are skipped.
struct WinogradTask {
  const float* x;
  const float* packed;
  int64_t point;  // numbers from one of the 16 matrices of `packed` to the next
  const float* bias;
  const float* add;
  const float* mask;
  bool relu;
  float* y;
  int64_t n, h, w, in, out;
};

// One instruction set's code. Channels must be multiples of `lanes`.
struct WinogradKernels {
  int64_t lanes;
  // Channels of the result that the packed filter keeps together.
  int64_t (*panel)(int64_t out);
  // Tiles `from` to `to` of the batch, and of their channels whole panels, `first` to `last`; a tile is 2x2 points of the result. `scratch` holds
  // `scratchSize` floats, none of them NaN.
  void (*run)(const WinogradTask& task, int64_t from, int64_t to, int64_t first, int64_t last, float* scratch);
  int64_t (*scratchSize)(int64_t tiles, int64_t in, int64_t out);
};

// The widest that this processor runs, or null.
const WinogradKernels* winogradKernels();
const WinogradKernels* winogradAvx512();
const WinogradKernels* winogradAvx2();

}  // namespace rampart
