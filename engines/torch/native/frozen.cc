// Frozen networks and their forward passes by handle: what JavaScript holds of them.
#include <memory>

#include "replay.h"
#include "table.h"

namespace rampart {
namespace {

struct Network {
  FrozenGraph graph;
  Recordings recordings;
};

// A forward pass, with what its backward pass reads: its own values, or those of a recording.
struct Pass {
  std::shared_ptr<Network> network;
  Tensor logits;
  Tensors values;
  std::shared_ptr<Recording> recording;
};

Table<std::shared_ptr<Network>>& networks() {
  static Table<std::shared_ptr<Network>> all("frozen network");
  return all;
}

Table<Pass>& passes() {
  static Table<Pass> all("frozen pass");
  return all;
}

int64_t graphLoad(const Ints& code, const Tensors& weights, int64_t output, bool low) {
  return networks().put(std::shared_ptr<Network>(new Network{FrozenGraph(code, weights, output, low), {}}));
}

void graphUnload(int64_t network) { networks().release(network); }

Tensor graphLogits(int64_t handle, const Tensor& x) {
  const auto& network = networks().get(handle);
  const auto recording = network->recordings.forward(network->graph, x, false);
  // a recording keeps its memory for itself
  return recording ? recording->logits.clone() : logitsOf(network->graph, x);
}

int64_t graphForward(int64_t handle, const Tensor& x) {
  const auto& network = networks().get(handle);
  if (auto recording = network->recordings.forward(network->graph, x, true)) {
    recording->busy = true;
    return passes().put({network, recording->logits.clone(), {}, recording});
  }
  Tensors values = valuesOf(network->graph, x);
  const Tensor logits = values.at(network->graph.output);
  return passes().put({network, logits, std::move(values), nullptr});
}

Tensor graphOutput(int64_t pass) { return passes().get(pass).logits; }

Tensor graphPullback(int64_t handle, const Tensor& dlogits) {
  const auto& [network, logits, values, recording] = passes().get(handle);
  return recording ? replayPullback(network->graph, *recording, dlogits) : pullbackOf(network->graph, values, dlogits);
}

void graphRelease(int64_t handle) {
  if (const auto& recording = passes().get(handle).recording) recording->busy = false;
  passes().release(handle);
}

void graphReplays(const std::string& mode) { setReplays(mode); }

int64_t graphReplayed() { return replayed(); }

}  // namespace

size_t openGraphs() { return networks().size() + passes().size(); }

void addGraph(Exports& ops) {
  ops.add<graphLoad>("graphLoad");
  ops.add<graphUnload>("graphUnload");
  ops.add<graphLogits>("graphLogits");
  ops.add<graphForward>("graphForward");
  ops.add<graphOutput>("graphOutput");
  ops.add<graphPullback>("graphPullback");
  ops.add<graphRelease>("graphRelease");
  ops.add<graphReplays>("graphReplays");
  ops.add<graphReplayed>("graphReplayed");
}

}  // namespace rampart
