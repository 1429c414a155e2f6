// Windows that slide over space.
#include "window.h"

namespace rampart {

Ints Window::span() const {
  Ints sizes;
  for (size_t i = 0; i < size.size(); ++i) sizes.push_back((out[i] - 1) * strides[i] + (size[i] - 1) * dilations[i] + 1);
  return sizes;
}

std::optional<Ints> Window::symmetric(at::IntArrayRef input) const {
  for (size_t i = 0; i < size.size(); ++i) {
    const int64_t reach = (size[i] - 1) * dilations[i] + 1, room = input[i] + 2 * before[i] - reach;
    if (before[i] < 0 || room < 0 || room / strides[i] + 1 != out[i]) return std::nullopt;
  }
  return before;
}

Tensor channelsFirst(const Tensor& x) {
  Ints order = {0, x.dim() - 1};
  for (int64_t i = 1; i + 1 < x.dim(); ++i) order.push_back(i);
  return x.permute(order);
}

Tensor channelsLast(const Tensor& x) {
  Ints order = {0};
  for (int64_t i = 2; i < x.dim(); ++i) order.push_back(i);
  order.push_back(1);
  return x.permute(order);
}

Tensor padToFit(const Tensor& x, const Window& window, double value) {
  const auto span = window.span();
  Ints pads;
  for (size_t i = span.size(); i-- > 0;) {
    pads.push_back(window.before[i]);
    pads.push_back(span[i] - x.size(static_cast<int64_t>(i) + 2) - window.before[i]);
  }
  return at::constant_pad_nd(x, pads, value);
}

Tensor cropToInput(const Tensor& dx, const Window& window, at::IntArrayRef input) {
  const auto span = window.span();
  Ints pads;
  for (size_t i = span.size(); i-- > 0;) {
    pads.push_back(-window.before[i]);
    pads.push_back(input[i] + window.before[i] - span[i]);
  }
  return at::constant_pad_nd(dx, pads, 0);
}

}  // namespace rampart
