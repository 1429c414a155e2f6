// Convolutions over two or three axes of space, their gradients, and the depthwise ones. Images are `[n, space..., c]`, filters `[space..., in, out]`.
#include <algorithm>

#include "activation.h"
#include "convolve.h"
#include "window.h"

namespace rampart {
namespace {

// `[space..., in, out]` to `[out, in, space...]`.
Tensor outFirst(const Tensor& filter) {
  const int64_t n = filter.dim();
  if (n == 4) return channelsTogether(filter).permute({3, 2, 0, 1});
  Ints order = {n - 1, n - 2};
  for (int64_t i = 0; i + 2 < n; ++i) order.push_back(i);
  return filter.permute(order);
}

Tensor outLast(const Tensor& filter) {
  if (filter.dim() == 4) return channelsApart(filter);
  Ints order;
  for (int64_t i = 2; i < filter.dim(); ++i) order.push_back(i);
  order.push_back(1);
  order.push_back(0);
  return filter.permute(order);
}

// `[h, w, in, multiplier]` to `[in * multiplier, 1, h, w]`.
Tensor depthwiseFirst(const Tensor& filter) {
  return filter.permute({2, 3, 0, 1}).reshape({filter.size(2) * filter.size(3), 1, filter.size(0), filter.size(1)});
}

Window windowOf(const Tensor& filter, const Ints& strides, const Ints& dilations, const Ints& before, const Ints& out) {
  return {Ints(filter.sizes().begin() + 2, filter.sizes().end()), strides, dilations, before, out};
}

// A bias per channel goes into the convolution, one of another shape is added and broadcasts.
Tensor forward(const Tensor& x, const Tensor& filter, const Window& window, int64_t groups, const MaybeTensor& bias) {
  const Tensor in = channelsFirst(x);
  const auto pads = window.symmetric(in.sizes().slice(2));
  const Tensor padded = pads ? in : padToFit(in, window, 0);
  const Ints none(window.size.size(), 0);
  const bool perChannel = bias && bias->dim() == 1 && bias->size(0) == filter.size(0);
  const c10::optional<Tensor> b = perChannel ? c10::optional<Tensor>(*bias) : c10::nullopt;
  const Tensor y = channelsLast(directConvolution(padded, filter, b, pads ? *pads : none, window.strides, window.dilations, groups));
  return bias && !perChannel ? y.add(*bias) : y;
}

// The gradient with respect to the input (`which` 0) or the filter (1), channels and outputs first.
Tensor backward(const Tensor& dy, const Tensor& x, const Tensor& filter, const Window& window, int64_t groups, int which) {
  const auto sizes = x.sizes().slice(2);
  const auto pads = window.symmetric(sizes);
  const Tensor padded = pads ? x : padToFit(x, window, 0);
  const Ints none(window.size.size(), 0);
  const auto grads = directGradients(channelsFirst(dy), padded, filter, pads ? *pads : none, window.strides, window.dilations, groups,
                                     which == 0, which == 1);
  if (which == 1) return std::get<1>(grads);
  return pads ? std::get<0>(grads) : cropToInput(std::get<0>(grads), window, sizes);
}

bool isOne(const Ints& numbers) {
  return std::all_of(numbers.begin(), numbers.end(), [](int64_t n) { return n == 1; });
}

// Whether Winograd's algorithm takes this convolution: 3x3, everything 1, the result as large as the image.
bool takesWinograd(const Tensor& filter, at::IntArrayRef image, const Ints& strides, const Ints& dilations, const Ints& before, const Ints& out) {
  return filter.dim() == 4 && isOne(strides) && isOne(dilations) && isOne(before) && out[0] == image[1] && out[1] == image[2] &&
         winogradRepays(filter, image, 1, 1);
}

Tensor conv(const Tensor& x, const Tensor& filter, const Ints& strides, const Ints& dilations, const Ints& before, const Ints& out,
            const MaybeTensor& bias, const std::string& activation, const MaybeTensor& prelu, double alpha) {
  const bool fusible = (activation == "linear" || activation == "relu") && (!bias || bias->sizes().equals({filter.size(-1)}));
  if (fusible && x.scalar_type() == at::kFloat && x.size(-1) == filter.size(-2) && takesWinograd(filter, x.sizes(), strides, dilations, before, out))
    return winogradConvolve(x, winogradPack(filter, false), {bias, std::nullopt, activation == "relu", std::nullopt});
  const Tensor weight = outFirst(filter);
  return activate(forward(x, weight, windowOf(weight, strides, dilations, before, out), 1, bias), activation, prelu, alpha);
}

Tensor convInputGrad(const Tensor& dy, const Tensor& filter, const Ints& inputShape, const Ints& strides, const Ints& dilations,
                     const Ints& before, const Ints& out) {
  if (dy.size(-1) == filter.size(-1) && takesWinograd(filter, inputShape, strides, dilations, before, out))
    return winogradConvolve(dy, winogradPack(filter, true), {});
  const Tensor weight = outFirst(filter);
  const Tensor x = channelsFirst(at::empty(inputShape, dy.options()));
  return channelsLast(backward(dy, x, weight, windowOf(weight, strides, dilations, before, out), 1, 0));
}

Tensor convFilterGrad(const Tensor& x, const Tensor& dy, const Ints& filterShape, const Ints& strides, const Ints& dilations,
                      const Ints& before, const Ints& out) {
  Ints order{filterShape.back()};
  order.insert(order.end(), filterShape.begin(), filterShape.end() - 1);
  // its numbers are not read, and its order is that of the gradient
  const Tensor weight = channelsFirst(at::empty(order, x.options()));
  return outLast(backward(dy, channelsFirst(x), weight, windowOf(weight, strides, dilations, before, out), 1, 1));
}

Tensor depthwise(const Tensor& x, const Tensor& filter, const Ints& strides, const Ints& dilations, const Ints& before, const Ints& out,
                 const MaybeTensor& bias, const std::string& activation, const MaybeTensor& prelu, double alpha) {
  const Tensor weight = depthwiseFirst(filter);
  const auto window = windowOf(weight, strides, dilations, before, out);
  return activate(forward(x, weight, window, x.size(3), bias), activation, prelu, alpha);
}

Tensor depthwiseInputGrad(const Tensor& dy, const Tensor& filter, const Ints& inputShape, const Ints& strides, const Ints& dilations,
                          const Ints& before, const Ints& out) {
  const Tensor weight = depthwiseFirst(filter);
  const Tensor x = channelsFirst(at::zeros(inputShape, dy.options()));
  return channelsLast(backward(dy, x, weight, windowOf(weight, strides, dilations, before, out), inputShape.at(3), 0));
}

Tensor depthwiseFilterGrad(const Tensor& x, const Tensor& dy, const Ints& filterShape, const Ints& strides, const Ints& dilations,
                           const Ints& before, const Ints& out) {
  const Tensor weight = depthwiseFirst(at::empty(filterShape, x.options()));
  const auto window = windowOf(weight, strides, dilations, before, out);
  const Tensor grad = backward(dy, channelsFirst(x), weight, window, x.size(3), 1);
  return grad.reshape({filterShape[2], filterShape[3], filterShape[0], filterShape[1]}).permute({2, 3, 0, 1});
}

}  // namespace

Tensor activate(Tensor y, const std::string& activation, const MaybeTensor& prelu, double alpha) {
  if (activation == "linear") return y;
  if (activation == "relu") return y.relu_();
  if (activation == "relu6") return y.clamp_(0, 6);
  if (activation == "elu") return at::elu(y);
  if (activation == "sigmoid") return y.sigmoid_();
  if (activation == "leakyrelu") return at::leaky_relu(y, alpha);
  if (activation == "prelu" && prelu) return at::where(y < 0, y * *prelu, y);
  throw std::invalid_argument("activation " + activation + " is none of linear, relu, relu6, elu, prelu, leakyrelu, sigmoid");
}

void addConvolutions(Exports& ops) {
  ops.add<conv>("conv");
  ops.add<convInputGrad>("convInputGrad");
  ops.add<convFilterGrad>("convFilterGrad");
  ops.add<depthwise>("depthwise");
  ops.add<depthwiseInputGrad>("depthwiseInputGrad");
  ops.add<depthwiseFilterGrad>("depthwiseFilterGrad");
}

}  // namespace rampart
