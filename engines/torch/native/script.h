// TorchScript modules: what is changed in their graphs before they run.
#pragma once
#include <memory>

#include <torch/csrc/jit/ir/ir.h>

#include "bind.h"

namespace rampart {

namespace jit = torch::jit;

// What became of a frozen graph.
struct Adapted {
  // It takes dense NHWC memory and its convolutions are ours. A graph that writes into tensors or reads their strides is left as it is,
  // and takes dense NCHW memory as PyTorch has it.
  bool channelsLast = false;
  // It enters a context, such as autocast, that only libtorch's own passes over a graph give a meaning.
  bool contexts = false;
  // Convolutions that are ours now.
  int64_t convolutions = 0;
};

// libtorch freezes for inference and drops every detach. Where a gradient stops is part of a model (straight-through estimators), so
// a graph that is to be frozen is inlined and its detaches become an operator of ours.
void keepDetached(jit::Graph& graph);

Adapted adapt(std::shared_ptr<jit::Graph>& graph);

}  // namespace rampart
