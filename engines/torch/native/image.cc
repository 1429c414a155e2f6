// Resizing images `[n, h, w, c]` as TensorFlow does it, and the gradients.
#include "bind.h"

#include <cmath>
#include <stdexcept>

namespace rampart {
namespace {

double ratio(int64_t in, int64_t out, bool alignCorners) {
  const bool ends = alignCorners && out > 1;
  return static_cast<double>(in - (ends ? 1 : 0)) / static_cast<double>(out - (ends ? 1 : 0));
}

// Interpolation along one axis as a matrix `[out, in]`: a resize is two products with such, its gradient two with their transposes.
Tensor bilinear(int64_t in, int64_t out, bool alignCorners, bool halfPixels, const at::TensorOptions& options) {
  if (in == 0) throw std::invalid_argument("an image without rows or columns cannot be resized");
  const double scale = ratio(in, out, alignCorners);
  Tensor matrix = at::zeros({out, in}, at::kFloat);
  auto entry = matrix.accessor<float, 2>();
  for (int64_t i = 0; i < out; ++i) {
    const double at = halfPixels ? scale * (static_cast<double>(i) + 0.5) - 0.5 : scale * static_cast<double>(i);
    const auto low = std::max<int64_t>(0, static_cast<int64_t>(std::floor(at)));
    const auto high = std::min<int64_t>(in - 1, static_cast<int64_t>(std::ceil(at)));
    const double fraction = at - static_cast<double>(low);
    entry[i][low] += static_cast<float>(1 - fraction);
    entry[i][high] += static_cast<float>(fraction);
  }
  return matrix.to(options);
}

// The source index of every result index.
Tensor nearest(int64_t in, int64_t out, bool alignCorners, bool halfPixels, const Tensor& like) {
  const double scale = ratio(in, out, alignCorners);
  Ints index;
  for (int64_t i = 0; i < out; ++i) {
    const double at = scale * (static_cast<double>(i) + (halfPixels ? 0.5 : 0));
    const auto source = static_cast<int64_t>(alignCorners ? std::floor(at + 0.5) : std::floor(at));
    index.push_back(std::max<int64_t>(0, std::min<int64_t>(in - 1, source)));
  }
  return at::tensor(index, at::kLong).to(like.device());
}

Tensor resizeBilinear(const Tensor& x, int64_t height, int64_t width, bool alignCorners, bool halfPixels) {
  const Tensor in = x.to(at::kFloat);
  const Tensor rows = bilinear(x.size(1), height, alignCorners, halfPixels, in.options());
  const Tensor columns = bilinear(x.size(2), width, alignCorners, halfPixels, in.options());
  return at::einsum("ih,jw,nhwc->nijc", {rows, columns, in});
}

Tensor resizeBilinearGrad(const Tensor& dy, const Ints& inputShape, bool alignCorners, bool halfPixels) {
  const Tensor rows = bilinear(inputShape[1], dy.size(1), alignCorners, halfPixels, dy.options());
  const Tensor columns = bilinear(inputShape[2], dy.size(2), alignCorners, halfPixels, dy.options());
  return at::einsum("ih,jw,nijc->nhwc", {rows, columns, dy});
}

Tensor resizeNearest(const Tensor& x, int64_t height, int64_t width, bool alignCorners, bool halfPixels) {
  return x.index_select(1, nearest(x.size(1), height, alignCorners, halfPixels, x))
      .index_select(2, nearest(x.size(2), width, alignCorners, halfPixels, x));
}

Tensor resizeNearestGrad(const Tensor& dy, const Ints& inputShape, bool alignCorners, bool halfPixels) {
  const Tensor rows = nearest(inputShape[1], dy.size(1), alignCorners, halfPixels, dy);
  const Tensor columns = nearest(inputShape[2], dy.size(2), alignCorners, halfPixels, dy);
  Tensor tall = at::zeros({inputShape[0], inputShape[1], dy.size(2), inputShape[3]}, dy.options());
  tall.index_add_(1, rows, dy);
  return at::zeros(inputShape, dy.options()).index_add_(2, columns, tall);
}

}  // namespace

void addImages(Exports& ops) {
  ops.add<resizeBilinear>("resizeBilinear");
  ops.add<resizeBilinearGrad>("resizeBilinearGrad");
  ops.add<resizeNearest>("resizeNearest");
  ops.add<resizeNearestGrad>("resizeNearestGrad");
}

}  // namespace rampart
