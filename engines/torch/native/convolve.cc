// Convolutions through oneDNN (cuDNN on a GPU), with what follows them.
#include "convolve.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <stdexcept>

#include "cpus.h"

namespace rampart {
namespace {

// The smallest batch for which libtorch's own choice is oneDNN whatever the threads.
constexpr int64_t kFullBatch = 16;

RAMPART_EACH_CPU void finishRun(float* y, const float* add, const float* mask, bool relu, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    float value = add ? y[i] + add[i] : y[i];
    if (relu) value = value < 0 ? 0 : value;
    y[i] = !mask || mask[i] > 0 ? value : 0;
  }
}

// In one pass over the memory of `y`, which nobody else may hold.
Tensor finish(Tensor y, const Epilogue& after) {
  if (!after.add && !after.relu && !after.mask) return y;
  expectSizes(after, y);
  if (y.is_cpu() && y.scalar_type() == at::kFloat && y.is_contiguous()) {
    const auto dense = [](const MaybeTensor& t) { return t ? t->contiguous() : Tensor(); };
    const Tensor add = dense(after.add), mask = dense(after.mask);
    auto* to = y.data_ptr<float>();
    const auto *plus = add.defined() ? add.data_ptr<float>() : nullptr, *gate = mask.defined() ? mask.data_ptr<float>() : nullptr;
    at::parallel_for(0, y.numel(), 1 << 15, [&](int64_t from, int64_t end) {
      finishRun(to + from, plus ? plus + from : nullptr, gate ? gate + from : nullptr, after.relu, end - from);
    });
    return y;
  }
  if (after.add) y.add_(*after.add);
  if (after.relu) y.relu_();
  return after.mask ? at::threshold_backward(y, *after.mask, 0) : y;
}

// On a GPU cuDNN adds the bias and the other term and applies ReLU as it writes the convolution. Undefined where it has no kernel for that, which
// is so for all once it was so for one: a pass that is recorded must not come upon it.
Tensor inOneKernel(const Tensor& x, const Tensor& filter, const c10::optional<Tensor>& bias, int64_t stride, int64_t pad, const Epilogue& after) {
  static bool known = true;
  if (!known || !x.is_cuda() || !bias || !after.relu || after.mask || x.numel() == 0) return Tensor();
  const Ints strides{stride, stride}, pads{pad, pad}, ones{1, 1};
  try {
    if (!after.add) return at::cudnn_convolution_relu(x, filter, bias, strides, pads, ones, 1);
    return at::cudnn_convolution_add_relu(x, filter, after.add->permute({0, 3, 1, 2}), c10::nullopt, bias, strides, pads, ones, 1);
  } catch (const c10::OutOfMemoryError&) {
    throw;
  } catch (const c10::Error&) {
    known = false;
    return Tensor();
  }
}

// Numbers of a side of the tiles in which a matrix is transposed: two of them lie in the fastest cache.
constexpr int64_t kTile = 32;

RAMPART_EACH_CPU void transposeRun(const float* from, float* to, int64_t rows, int64_t columns, int64_t first, int64_t last) {
  for (int64_t row = 0; row < rows; row += kTile)
    for (int64_t c = first; c < last; ++c)
      for (int64_t r = row, end = std::min(rows, row + kTile); r < end; ++r) to[c * rows + r] = from[r * columns + c];
}

// By all threads, where there are several: libtorch has one do it.
Tensor transposed(const Tensor& matrix) {
  const bool tiles = matrix.is_cpu() && matrix.scalar_type() == at::kFloat && matrix.is_contiguous() && at::get_num_threads() > 1;
  if (!tiles) return matrix.t().contiguous();
  const int64_t rows = matrix.size(0), columns = matrix.size(1);
  const Tensor made = at::empty({columns, rows}, matrix.options());
  const auto* from = matrix.data_ptr<float>();
  auto* to = made.data_ptr<float>();
  const int64_t tilesAtOnce = std::max<int64_t>(1, (1 << 15) / (kTile * std::max<int64_t>(1, rows)));
  at::parallel_for(0, (columns + kTile - 1) / kTile, tilesAtOnce, [&](int64_t begin, int64_t end) {
    for (int64_t tile = begin; tile < end; ++tile)
      transposeRun(from, to, rows, columns, tile * kTile, std::min(columns, (tile + 1) * kTile));
  });
  return made;
}

// Of an image without numbers, where libtorch refuses some orders in memory.
Tensor ofNothing(const Tensor& x, const Tensor& weight, const c10::optional<Tensor>& bias, at::IntArrayRef pads, at::IntArrayRef strides,
                 at::IntArrayRef dilations) {
  Ints sizes{x.size(0), weight.size(0)}, perChannel(x.dim(), 1);
  for (size_t i = 0; i < strides.size(); ++i)
    sizes.push_back((x.size(i + 2) + 2 * pads[i] - dilations[i] * (weight.size(i + 2) - 1) - 1) / strides[i] + 1);
  perChannel[1] = weight.size(0);
  const Tensor y = at::zeros(sizes, x.options());
  return bias ? y.add(bias->reshape(perChannel)) : y;
}

Tensor padBatch(const Tensor& t) {
  Ints pads(2 * t.dim(), 0);
  pads.back() = kFullBatch - t.size(0);
  return at::constant_pad_nd(t, pads, 0).contiguous(t.suggest_memory_format());
}

}  // namespace

void expectSizes(const Epilogue& after, const Tensor& y) {
  for (const auto& t : {after.add, after.mask})
    if (t && t->sizes() != y.sizes()) throw std::invalid_argument("a convolution gives " + describe(y) + ", added to it is " + describe(*t));
}

Tensor channelsTogether(const Tensor& filter) {
  const auto sizes = filter.sizes();
  const Tensor rows = transposed(filter.reshape({-1, sizes[3]}));
  return rows.reshape({sizes[3], sizes[0], sizes[1], sizes[2]}).permute({1, 2, 3, 0});
}

Tensor channelsApart(const Tensor& grad) {
  const auto sizes = grad.sizes();
  const Tensor rows = grad.permute({0, 2, 3, 1}).reshape({sizes[0], -1});
  return transposed(rows).reshape({sizes[2], sizes[3], sizes[1], sizes[0]});
}

Tensor directConvolution(const Tensor& x, const Tensor& weight, const c10::optional<Tensor>& bias, at::IntArrayRef pads, at::IntArrayRef strides,
                         at::IntArrayRef dilations, int64_t groups) {
  if (x.numel() == 0) return ofNothing(x, weight, bias, pads, strides, dilations);
  const bool onednn = x.is_cpu() && x.dim() == 4 && x.scalar_type() == at::kFloat && at::hasMKLDNN() && groups == 1;
  if (onednn) return at::mkldnn_convolution(x, weight, bias, pads, strides, dilations, groups);
  const Ints none(strides.size(), 0);
  return at::convolution(x, weight, bias, strides, pads, dilations, false, none, groups);
}

std::tuple<Tensor, Tensor> directGradients(const Tensor& dy, const Tensor& x, const Tensor& weight, at::IntArrayRef pads, at::IntArrayRef strides,
                                           at::IntArrayRef dilations, int64_t groups, bool ofInput, bool ofWeight) {
  if (x.numel() == 0) return {at::zeros(x.sizes(), x.options()), at::zeros(weight.sizes(), weight.options())};
  const Ints none(strides.size(), 0);
  const int64_t n = x.size(0);
  // other small batches lose more by the images that are added than by the kernel that libtorch takes for them
  const bool pointwise = x.dim() == 4 && weight.size(2) == 1 && weight.size(3) == 1 && strides[0] == 1 && strides[1] == 1;
  const bool small = pointwise && x.is_cpu() && x.scalar_type() == at::kFloat && groups == 1 && n >= kFullBatch / 2 && n < kFullBatch;
  const auto grads = at::convolution_backward(small ? padBatch(dy) : dy, small ? padBatch(x) : x, weight, c10::nullopt, strides, pads, dilations,
                                              false, none, groups, {ofInput, ofWeight, false});
  return {ofInput && small ? std::get<0>(grads).narrow(0, 0, n) : std::get<0>(grads), std::get<1>(grads)};
}

Tensor convolve(const Tensor& x, const ConvWeights& weights, int64_t stride, int64_t pad, const Epilogue& after) {
  if (weights.winograd) return winogradConvolve(x, *weights.winograd, after);
  const c10::optional<Tensor> bias = after.bias ? c10::optional<Tensor>(*after.bias) : c10::nullopt;
  const Tensor in = x.to(weights.filter.scalar_type());
  const Tensor first = in.permute({0, 3, 1, 2}), filter = weights.filter.permute({3, 2, 0, 1});
  if (const Tensor y = inOneKernel(first, filter, bias, stride, pad, after); y.defined()) return y.permute({0, 2, 3, 1});
  const Tensor y = directConvolution(first, filter, bias, {pad, pad}, {stride, stride}, {1, 1}, 1);
  return finish(y.permute({0, 2, 3, 1}), after);
}

Tensor convolveBack(const Tensor& dyIn, const ConvWeights& weights, at::IntArrayRef shape, int64_t stride, int64_t pad, const Epilogue& after) {
  if (weights.winogradBack) return winogradConvolve(dyIn, *weights.winogradBack, after);
  const Tensor dy = dyIn.to(weights.filter.scalar_type());
  const Tensor x = at::empty(shape, dy.options()).permute({0, 3, 1, 2});
  const Tensor dx = std::get<0>(directGradients(dy.permute({0, 3, 1, 2}), x, weights.filter.permute({3, 2, 0, 1}), {pad, pad},
                                                {stride, stride}, {1, 1}, 1, true, false));
  return finish(dx.permute({0, 2, 3, 1}), after);
}

}  // namespace rampart
