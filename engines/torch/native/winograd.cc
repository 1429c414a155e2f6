// Which Winograd code this processor runs, and packing of filters for it.
#include "winograd.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <memory>

#include "convolve.h"
#include "cpus.h"

namespace rampart {
namespace {

// Tiles that a thread takes at a time: their transforms stay in its cache.
constexpr int64_t kTiles = 120, kFewTiles = 48;
// From this many on it repays the transform of a filter that is used once.
constexpr int64_t kTilesForOneUse = 1024;

int64_t tilesOf(at::IntArrayRef shape) { return shape[0] * ((shape[1] + 1) / 2) * ((shape[2] + 1) / 2); }

// Numbers of a filter that a thread packs at a time.
constexpr int64_t kPackedAtOnce = 1 << 12;

// `G g G'` of F(2, 3) (Lavin and Gray's eq. 7) for rows of `panel` channels: taps lie `tap` numbers apart and rows `stride`, in the result points
// lie `point` apart and rows one after the other.
RAMPART_EACH_CPU void packRun(const float* g, int64_t tap, int64_t stride, float* to, int64_t point, int64_t panel, int64_t rows) {
  for (int64_t row = 0; row < rows; ++row, g += stride, to += panel)
#pragma omp simd
    for (int64_t j = 0; j < panel; ++j) {
      float half[4][3];
#pragma GCC unroll 3
      for (int64_t k = 0; k < 3; ++k) {
        const float above = g[k * tap + j], middle = g[(3 + k) * tap + j], below = g[(6 + k) * tap + j];
        half[0][k] = above;
        half[1][k] = 0.5F * above + 0.5F * middle + 0.5F * below;
        half[2][k] = 0.5F * above - 0.5F * middle + 0.5F * below;
        half[3][k] = below;
      }
#pragma GCC unroll 4
      for (int64_t k = 0; k < 4; ++k) {
        const float left = half[k][0], middle = half[k][1], right = half[k][2];
        to[4 * k * point + j] = left;
        to[(4 * k + 1) * point + j] = 0.5F * left + 0.5F * middle + 0.5F * right;
        to[(4 * k + 2) * point + j] = 0.5F * left - 0.5F * middle + 0.5F * right;
        to[(4 * k + 3) * point + j] = right;
      }
    }
}

const float* dataOf(const MaybeTensor& t) { return t ? t->data_ptr<float>() : nullptr; }

}  // namespace

const WinogradKernels* winogradKernels() {
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
  static const WinogradKernels* chosen = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                                                 __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw")
                                             ? winogradAvx512()
                                         : __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? winogradAvx2()
                                                                                                           : nullptr;
  return chosen;
#else
  return nullptr;
#endif
}

bool winogradFits(const Tensor& filter, int64_t stride, int64_t pad) {
  const auto* kernels = winogradKernels();
  return kernels && filter.is_cpu() && filter.scalar_type() == at::kFloat && stride == 1 && pad == 1 && filter.size(0) == 3 &&
         filter.size(1) == 3 && filter.size(2) % kernels->lanes == 0 && filter.size(3) % kernels->lanes == 0;
}

bool winogradRepays(const Tensor& filter, at::IntArrayRef image, int64_t stride, int64_t pad) {
  return winogradFits(filter, stride, pad) && tilesOf(image) >= kTilesForOneUse;
}

Tensor winogradPack(const Tensor& filterIn, bool back) {
  const Tensor filter = filterIn.contiguous();
  // each tap's matrix, of the channels that are read by those that are made
  const Tensor g = back ? filter.transpose(2, 3).contiguous() : filter;
  const int64_t in = g.size(2), out = g.size(3), panel = winogradKernels()->panel(out), matrix = in * out;
  const Tensor packed = at::empty({16, out / panel, in, panel}, g.options());
  const auto* taps = g.data_ptr<float>();
  auto* points = packed.data_ptr<float>();
  at::parallel_for(0, matrix / panel, std::max<int64_t>(1, kPackedAtOnce / panel), [&](int64_t from, int64_t to) {
    for (int64_t row = from; row < to;) {
      const int64_t first = row / in, i = row % in, rows = std::min(to - row, in - i);
      const float* read = taps + i * out + first * panel;
      if (back) packRun(read + 8 * matrix, -matrix, out, points + row * panel, matrix, panel, rows);
      else packRun(read, matrix, out, points + row * panel, matrix, panel, rows);
      row += rows;
    }
  });
  return packed;
}

Tensor winogradConvolve(const Tensor& xIn, const Tensor& packed, const Epilogue& after) {
  const auto* kernels = winogradKernels();
  const Tensor x = xIn.contiguous();
  const int64_t n = x.size(0), h = x.size(1), w = x.size(2), in = x.size(3), out = packed.numel() / (16 * in);
  const Tensor y = at::empty({n, h, w, out}, x.options());
  const MaybeTensor add = after.add ? MaybeTensor(after.add->contiguous()) : MaybeTensor();
  const MaybeTensor mask = after.mask ? MaybeTensor(after.mask->contiguous()) : MaybeTensor();
  const WinogradTask task{x.data_ptr<float>(), packed.data_ptr<float>(), dataOf(after.bias), dataOf(add), dataOf(mask), after.relu,
                          y.data_ptr<float>(), n,  h,  w,  in, out};
  const int64_t tiles = tilesOf(x.sizes());
  const int64_t size = tiles / kTiles < 4 * at::get_num_threads() ? kFewTiles : kTiles;
  at::parallel_for(0, (tiles + size - 1) / size, 1, [&](int64_t from, int64_t to) {
    const auto scratch = std::make_unique<float[]>(static_cast<size_t>(kernels->scratchSize(size, in, out)));
    for (int64_t block = from; block < to; ++block) kernels->run(task, block * size, std::min(tiles, (block + 1) * size), scratch.get());
  });
  return y;
}

}  // namespace rampart
