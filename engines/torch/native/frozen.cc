// Frozen networks and their forward passes by handle: what JavaScript holds of them.
#include <memory>

#include "graph.h"
#include "table.h"

namespace rampart {
namespace {

// A forward pass, with what its backward pass reads.
struct Pass {
  std::shared_ptr<const FrozenGraph> graph;
  Tensors values;
};

Table<std::shared_ptr<const FrozenGraph>>& graphs() {
  static Table<std::shared_ptr<const FrozenGraph>> all("frozen network");
  return all;
}

Table<Pass>& passes() {
  static Table<Pass> all("frozen pass");
  return all;
}

int64_t graphLoad(const Ints& code, const Tensors& weights, int64_t output, bool low) {
  return graphs().put(std::make_shared<const FrozenGraph>(code, weights, output, low));
}

void graphUnload(int64_t graph) { graphs().release(graph); }

Tensor graphLogits(int64_t graph, const Tensor& x) { return logitsOf(*graphs().get(graph), x); }

int64_t graphForward(int64_t handle, const Tensor& x) {
  const auto& graph = graphs().get(handle);
  return passes().put({graph, valuesOf(*graph, x)});
}

Tensor graphOutput(int64_t handle) {
  const auto& pass = passes().get(handle);
  return pass.values.at(pass.graph->output);
}

Tensor graphPullback(int64_t handle, const Tensor& dlogits) {
  const auto& pass = passes().get(handle);
  return pullbackOf(*pass.graph, pass.values, dlogits);
}

void graphRelease(int64_t pass) { passes().release(pass); }

}  // namespace

size_t openGraphs() { return graphs().size() + passes().size(); }

void addGraph(Exports& ops) {
  ops.add<graphLoad>("graphLoad");
  ops.add<graphUnload>("graphUnload");
  ops.add<graphLogits>("graphLogits");
  ops.add<graphForward>("graphForward");
  ops.add<graphOutput>("graphOutput");
  ops.add<graphPullback>("graphPullback");
  ops.add<graphRelease>("graphRelease");
}

}  // namespace rampart
