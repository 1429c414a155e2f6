// Which Winograd code this processor runs, and packing of filters for it.
#include "winograd.h"

#include <ATen/Parallel.h>

#include <memory>

#include "convolve.h"

namespace rampart {
namespace {

// Tiles that a thread takes at a time: their transforms stay in its cache.
constexpr int64_t kTiles = 120, kFewTiles = 48;
// From this many on it repays the transform of a filter that is used once.
constexpr int64_t kTilesForOneUse = 1024;

int64_t tilesOf(at::IntArrayRef shape) { return shape[0] * ((shape[1] + 1) / 2) * ((shape[2] + 1) / 2); }

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

Tensor winogradPack(const Tensor& filter, bool back) {
  const auto* kernels = winogradKernels();
  const Tensor g = (back ? at::flip(filter, {0, 1}).transpose(2, 3) : filter).contiguous();
  const int64_t in = g.size(2), out = g.size(3), panel = kernels->panel(out);
  // G of F(2, 3), Lavin and Gray's eq. 7
  const Tensor transform = at::tensor({1.0F, 0.0F, 0.0F, 0.5F, 0.5F, 0.5F, 0.5F, -0.5F, 0.5F, 0.0F, 0.0F, 1.0F}).reshape({4, 3});
  const Tensor rows = at::mm(transform, g.reshape({3, -1})).reshape({4, 3, in * out});
  const Tensor both = at::matmul(transform, rows);
  return both.reshape({16, in, out / panel, panel}).permute({0, 2, 1, 3}).contiguous();
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
