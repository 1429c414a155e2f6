// Windows that slide over space: padding that libtorch can't express is put around the input.
#pragma once
#include "bind.h"

namespace rampart {

// TensorFlow.js's geometry of a convolution or pool over 2 or 3 axes of space.
struct Window {
  Ints size, strides, dilations;
  Ints before;  // padding before each axis
  Ints out;     // sizes of the result

  // Padding that libtorch can do itself, the same on both sides; none where it must be explicit.
  std::optional<Ints> symmetric(at::IntArrayRef input) const;
  // Input sizes that the windows span in all, from the padding before.
  Ints span() const;
};

// `x` `[n, space..., c]` as libtorch wants it, `[n, c, space...]`, without a copy; and back.
Tensor channelsFirst(const Tensor& x);
Tensor channelsLast(const Tensor& x);

// Puts `value` around the space of channels-first `x` so that the windows fit without padding.
Tensor padToFit(const Tensor& x, const Window& window, double value);
// The part of the gradient of a padded input that belongs to the input.
Tensor cropToInput(const Tensor& dx, const Window& window, at::IntArrayRef input);

}  // namespace rampart
