// A network in training as the addon runs it, and its passes.
#pragma once
#include "program.h"

namespace rampart {

enum class TrainingKind : int64_t { input, normalize, conv, bn, relu, add, maxPool, globalAvgPool, flatten };
using TrainingProgram = ProgramOf<TrainingKind>;

// What a pass keeps first: means and variances of all normalisations, one after the other. Then come, node by node, the filters that its gradients
// read again in the order of the convolution, undefined where there is none, and then the values.
constexpr size_t kStatistics = 2;
inline size_t valuesAt(const TrainingProgram& program) { return kStatistics + program.nodes.size(); }

// What a forward pass in training mode keeps for its gradients; the last is what it is for.
Tensors keptOf(const TrainingProgram& program, const Tensors& weights, const Tensor& x);

// Those that were asked for; undefined where nothing depends on it.
struct TrainingGradients {
  Tensor ofInput;
  Tensors ofWeights;
};
TrainingGradients gradientsOf(const TrainingProgram& program, const Tensors& weights, const Tensors& kept, const Tensor& dy, bool ofInput,
                              bool ofWeights);

}  // namespace rampart
