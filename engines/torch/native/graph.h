// A frozen network as the addon holds it, and its passes.
#pragma once
#include "convolve.h"
#include "program.h"

namespace rampart {

enum class FrozenKind : int64_t { input, affine, conv, add, relu, maxPool, globalAvgPool, flatten, linear };

struct FrozenGraph {
  using Program = ProgramOf<FrozenKind>;
  using Node = Program::Node;

  // `weights` as the program names them. `low`: convolutions in bfloat16, and everything behind them in float32.
  FrozenGraph(const Ints& code, const Tensors& weights, int64_t output, bool low);
  // Whether `given` are weights for the same program, of the same sizes and device, and its own memory, which nobody else reads, may take them.
  bool fits(const Tensors& given) const;
  void load(const Tensors& given);

  Ints code;
  Program program;
  Tensors weights;
  // Of each node that is a convolution, in the layouts and the dtype that its passes want.
  std::vector<ConvWeights> convolutions;
  size_t output;
  bool low;
  // Where passes are recorded, weights are copies.
  bool own;
};

// `x` `[n, h, w, c]` float32; logits are float32.
Tensor logitsOf(const FrozenGraph& graph, const Tensor& x);
// The value of every node that the backward pass reads; undefined for a convolution that is computed with its sum.
Tensors valuesOf(const FrozenGraph& graph, const Tensor& x);
// The product of `dlogits` with the Jacobian, float32, of the shape of the input.
Tensor pullbackOf(const FrozenGraph& graph, const Tensors& values, const Tensor& dlogits);

}  // namespace rampart
