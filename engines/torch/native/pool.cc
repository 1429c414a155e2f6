// Maximum and average pools over two or three axes of space `[n, space..., c]`, and their gradients.
#include <limits>

#include "window.h"

namespace rampart {
namespace {

std::tuple<Tensor, Tensor> maxWithIndices(const Tensor& x, const Window& w, const Ints& pads) {
  return w.size.size() == 3 ? at::max_pool3d_with_indices(x, w.size, w.strides, pads, w.dilations)
                            : at::max_pool2d_with_indices(x, w.size, w.strides, pads, w.dilations);
}

// Padding that libtorch's pools accept: symmetric and at most half a window.
std::optional<Ints> poolPads(const Window& w, at::IntArrayRef input) {
  const auto pads = w.symmetric(input);
  if (!pads) return std::nullopt;
  for (size_t i = 0; i < pads->size(); ++i)
    if ((*pads)[i] * 2 > w.size[i]) return std::nullopt;
  return pads;
}

// No window fits.
Tensor empty(const Tensor& x, const Ints& out) {
  Ints shape = {x.size(0)};
  for (const auto n : out) shape.push_back(std::max<int64_t>(n, 0));
  shape.push_back(x.size(-1));
  return at::empty(shape, x.options());
}

Tensor maxPool(const Tensor& x, const Ints& size, const Ints& strides, const Ints& dilations, const Ints& before, const Ints& out) {
  const Window w{size, strides, dilations, before, out};
  if (c10::multiply_integers(out) <= 0) return empty(x, out);
  const Tensor in = channelsFirst(x);
  const auto pads = poolPads(w, in.sizes().slice(2));
  if (pads) return channelsLast(std::get<0>(maxWithIndices(in, w, *pads)));
  const Tensor padded = padToFit(in, w, -std::numeric_limits<double>::infinity());
  return channelsLast(std::get<0>(maxWithIndices(padded, w, Ints(size.size(), 0))));
}

// The gradient goes to the first of equal maxima.
Tensor maxPoolGrad(const Tensor& dy, const Tensor& x, const Ints& size, const Ints& strides, const Ints& dilations, const Ints& before,
                   const Ints& out) {
  const Window w{size, strides, dilations, before, out};
  const Tensor in = channelsFirst(x), grad = channelsFirst(dy);
  const auto pads = poolPads(w, in.sizes().slice(2));
  const Tensor padded = pads ? in : padToFit(in, w, -std::numeric_limits<double>::infinity());
  const Ints p = pads ? *pads : Ints(size.size(), 0);
  const Tensor indices = std::get<1>(maxWithIndices(padded, w, p));
  const Tensor dx = size.size() == 3 ? at::max_pool3d_with_indices_backward(grad, padded, size, strides, p, dilations, false, indices)
                                     : at::max_pool2d_with_indices_backward(grad, padded, size, strides, p, dilations, false, indices);
  return channelsLast(pads ? dx : cropToInput(dx, w, in.sizes().slice(2)));
}

// Sums over windows, without padding.
Tensor windowSum(const Tensor& x, const Window& w) {
  const Ints none(w.size.size(), 0);
  return w.size.size() == 3 ? at::avg_pool3d(x, w.size, w.strides, none, false, true, 1) : at::avg_pool2d(x, w.size, w.strides, none, false, true, 1);
}

// How many entries of each window lie inside the input: padding does not count in an average. At least 1: a window of padding gives 0.
Tensor windowCount(const Tensor& like, const Window& w) {
  auto sizes = like.sizes().vec();
  sizes[0] = sizes[1] = 1;
  return windowSum(padToFit(at::ones(sizes, like.options()), w, 0), w).clamp_min_(1);
}

Tensor avgPool(const Tensor& x, const Ints& size, const Ints& strides, const Ints& before, const Ints& out) {
  const Window w{size, strides, Ints(size.size(), 1), before, out};
  const Tensor in = channelsFirst(x.to(at::kFloat));
  if (c10::multiply_integers(out) <= 0) return empty(x, out);
  return channelsLast(windowSum(padToFit(in, w, 0), w).div(windowCount(in, w)));
}

Tensor avgPoolGrad(const Tensor& dy, const Tensor& x, const Ints& size, const Ints& strides, const Ints& before, const Ints& out) {
  const Window w{size, strides, Ints(size.size(), 1), before, out};
  const Tensor in = channelsFirst(x), padded = padToFit(in, w, 0);
  const Tensor grad = channelsFirst(dy).div(windowCount(in, w));
  const Ints none(size.size(), 0);
  const Tensor dx = size.size() == 3 ? at::avg_pool3d_backward(grad, padded, size, strides, none, false, true, 1)
                                     : at::avg_pool2d_backward(grad, padded, size, strides, none, false, true, 1);
  return channelsLast(cropToInput(dx, w, in.sizes().slice(2)));
}

// Sums of squares over channels within `radius`, with `bias + alpha * sum`.
Tensor lrnScale(const Tensor& x, int64_t radius, double bias, double alpha) {
  const Tensor squares = at::constant_pad_nd(at::mul(x, x), {radius, radius}, 0);
  const Tensor sums = squares.unfold(-1, 2 * radius + 1, 1).sum(-1);
  return sums.mul(alpha).add(bias);
}

Tensor lrn(const Tensor& x, int64_t radius, double bias, double alpha, double beta) {
  return x.mul(lrnScale(x, radius, bias, alpha).pow(-beta));
}

Tensor lrnGrad(const Tensor& x, const Tensor& y, const Tensor& dy, int64_t radius, double bias, double alpha, double beta) {
  const Tensor scale = lrnScale(x, radius, bias, alpha);
  const Tensor spread = at::constant_pad_nd(dy.mul(y).div(scale), {radius, radius}, 0).unfold(-1, 2 * radius + 1, 1).sum(-1);
  return dy.mul(scale.pow(-beta)).sub(x.mul(spread).mul(2 * alpha * beta));
}

}  // namespace

void addPools(Exports& ops) {
  ops.add<maxPool>("maxPool");
  ops.add<maxPoolGrad>("maxPoolGrad");
  ops.add<avgPool>("avgPool");
  ops.add<avgPoolGrad>("avgPoolGrad");
  ops.add<lrn>("lrn");
  ops.add<lrnGrad>("lrnGrad");
}

}  // namespace rampart
