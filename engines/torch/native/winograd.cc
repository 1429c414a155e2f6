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
constexpr int64_t kTilesForOneUse = 64;
// Numbers of a filter that, packed, does not stay in the cache of one processor.
constexpr int64_t kManyWeights = 1 << 16;
// Channels that are read, of those that a thread packs at a time, and for how many weights of a tap another thread is worth it.
constexpr int64_t kPackedRows = 16, kPackedAtOnce = 1 << 11;

int64_t tilesOf(at::IntArrayRef shape) { return shape[0] * ((shape[1] + 1) / 2) * ((shape[2] + 1) / 2); }

// Numbers from one of the 16 points of a packed filter to the next: a line of the cache more than a matrix, so that not all points of a weight share
// a place in it.
constexpr int64_t kGap = 16;
int64_t pointOf(int64_t matrix) { return matrix + kGap; }
int64_t matrixOf(const Tensor& packed) { return packed.size(1) - kGap; }

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

// The nine taps of a filter for the product with the Jacobian, the last first, channels that are made side by side: `[9, rows, panel]` of matrices
// `[panel, rows]` that lie `matrix` numbers apart and their rows `stride`.
void turn(const float* taps, int64_t matrix, int64_t stride, float* to, int64_t panel, int64_t rows) {
  for (int64_t tap = 8; tap >= 0; --tap, to += rows * panel)
    for (int64_t j = 0; j < panel; ++j) {
      const float* from = taps + tap * matrix + j * stride;
      for (int64_t row = 0; row < rows; ++row) to[row * panel + j] = from[row];
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
         filter.size(1) == 3 && filter.numel() > 0 && filter.size(2) % kernels->lanes == 0 && filter.size(3) % kernels->lanes == 0;
}

bool winogradRepays(const Tensor& filter, at::IntArrayRef image, int64_t stride, int64_t pad) {
  return winogradFits(filter, stride, pad) && tilesOf(image) >= kTilesForOneUse;
}

Tensor winogradPack(const Tensor& filterIn, bool back) {
  const Tensor filter = filterIn.contiguous();
  const int64_t in = filter.size(back ? 3 : 2), out = filter.size(back ? 2 : 3), matrix = in * out, panel = winogradKernels()->panel(out);
  const Tensor packed = at::empty({16, pointOf(matrix)}, filter.options());
  const auto* taps = filter.data_ptr<float>();
  auto* points = packed.data_ptr<float>();
  // rows of a panel: channels that are read, for which `panel` are made
  const int64_t perPanel = (in + kPackedRows - 1) / kPackedRows;
  at::parallel_for(0, out / panel * perPanel, std::max<int64_t>(1, kPackedAtOnce / (kPackedRows * panel)), [&](int64_t from, int64_t to) {
    const auto turned = std::make_unique<float[]>(static_cast<size_t>(back ? 9 * kPackedRows * panel : 0));
    for (int64_t block = from; block < to; ++block) {
      const int64_t first = block / perPanel * panel, row = block % perPanel * kPackedRows, rows = std::min(kPackedRows, in - row);
      float* made = points + first * in + row * panel;
      if (back) {
        turn(taps + first * in + row, matrix, in, turned.get(), panel, rows);
        packRun(turned.get(), rows * panel, panel, made, pointOf(matrix), panel, rows);
      } else {
        packRun(taps + row * out + first, matrix, out, made, pointOf(matrix), panel, rows);
      }
    }
  });
  return packed;
}

Tensor winogradConvolve(const Tensor& xIn, const Tensor& packed, const Epilogue& after) {
  const auto* kernels = winogradKernels();
  const Tensor x = xIn.contiguous();
  const int64_t n = x.size(0), h = x.size(1), w = x.size(2), in = x.size(3), out = matrixOf(packed) / in;
  const Tensor y = at::empty({n, h, w, out}, x.options());
  expectSizes(after, y);
  const MaybeTensor add = after.add ? MaybeTensor(after.add->contiguous()) : MaybeTensor();
  const MaybeTensor mask = after.mask ? MaybeTensor(after.mask->contiguous()) : MaybeTensor();
  const WinogradTask task{x.data_ptr<float>(), packed.data_ptr<float>(), packed.size(1), dataOf(after.bias), dataOf(add), dataOf(mask), after.relu,
                          y.data_ptr<float>(), n,  h,  w,  in, out};
  const int64_t tiles = tilesOf(x.sizes()), threads = at::get_num_threads(), panel = kernels->panel(out), panels = out / panel;
  const bool few = tiles / kTiles < 4 * threads;
  // of few tiles and many weights each thread takes all tiles and its share of the weights, which are read from beyond its cache
  const bool byPanels = few && threads > 1 && panels >= threads && in * out >= kManyWeights;
  const int64_t most = few && !byPanels ? kFewTiles : kTiles, blocks = (tiles + most - 1) / most;
  const int64_t size = byPanels ? (tiles + blocks - 1) / blocks : most;
  at::parallel_for(0, byPanels ? panels : blocks, 1, [&](int64_t from, int64_t to) {
    const auto scratch = std::make_unique<float[]>(static_cast<size_t>(kernels->scratchSize(size, in, out)));
    for (int64_t block = byPanels ? 0 : from; block < (byPanels ? blocks : to); ++block)
      kernels->run(task, block * size, std::min(tiles, (block + 1) * size), byPanels ? from * panel : 0, byPanels ? to * panel : out,
                   scratch.get());
  });
  return y;
}

}  // namespace rampart
