// The activations that TensorFlow.js fuses into convolutions and matrix products.
#pragma once
#include "bind.h"

namespace rampart {

// In place where `y` is the caller's own fresh tensor. `linear`, `relu`, `relu6`, `elu`, `prelu`, `leakyrelu` or `sigmoid`.
Tensor activate(Tensor y, const std::string& activation, const MaybeTensor& prelu, double alpha);

}  // namespace rampart
