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
  static auto* all = new Table<std::shared_ptr<Network>>("frozen network");
  return *all;
}

Table<Pass>& passes() {
  static auto* all = new Table<Pass>("frozen pass");
  return *all;
}

// The last network that was unloaded with recordings, for the next one of its program: in training the same network is frozen at every step,
// with other weights.
class Unloaded : public Keeper {
 public:
  void put(std::shared_ptr<Network> network) { network_ = std::move(network); }
  // Nothing where it does not fit.
  std::shared_ptr<Network> take(const Ints& code, int64_t output, bool low, const Tensors& weights) {
    if (!network_ || network_.use_count() > 1) return nullptr;
    const auto& graph = network_->graph;
    if (graph.code != code || graph.low != low || graph.output != static_cast<size_t>(output) || !graph.fits(weights)) return nullptr;
    return std::move(network_);
  }
  void forget() override { network_.reset(); }

 private:
  std::shared_ptr<Network> network_;
};

Unloaded& unloaded() {
  static auto* last = new Unloaded();
  return *last;
}

int64_t graphLoad(const Ints& code, const Tensors& weights, int64_t output, bool low) {
  if (auto network = unloaded().take(code, output, low, weights)) {
    network->graph.load(weights);
    return networks().put(std::move(network));
  }
  return networks().put(std::shared_ptr<Network>(new Network{FrozenGraph(code, weights, output, low), {}}));
}

void graphUnload(int64_t handle) {
  if (const auto network = networks().get(handle); network->recordings.any()) unloaded().put(network);
  networks().release(handle);
}

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
