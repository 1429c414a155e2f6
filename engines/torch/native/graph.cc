// A frozen network run whole: forward, and the product with its Jacobian. Nothing is kept here between calls.
#include "graph.h"

#include <ATen/Parallel.h>

#include "normalize.h"
#include "replay.h"
#include "window.h"

namespace rampart {
namespace {

using Kind = FrozenKind;
using Node = FrozenGraph::Node;
using Program = FrozenGraph::Program;

const Names kKinds{"input", "affine", "conv", "add", "relu", "maxPool", "globalAvgPool", "flatten", "linear"};

// The weights of one convolution.
ConvWeights convWeights(const Node& node, const Tensors& weights, bool low) {
  const Tensor& filter = weights.at(static_cast<size_t>(node.weights[0]));
  if (low || !winogradFits(filter, node.stride, node.window))
    return {channelsTogether(low ? filter.to(at::kBFloat16) : filter), std::nullopt, std::nullopt};
  return {filter, winogradPack(filter, false), winogradPack(filter, true)};
}

class Forward {
 public:
  Forward(const FrozenGraph& graph, const Tensor& x) : graph_(graph), program_(graph.program), weights_(graph.weights), x_(x) {}

  // The value of every node up to `last`; `keep` false lets go of what nobody reads any more.
  Tensors run(bool keep, size_t last) {
    auto left = program_.readers;
    values_.assign(program_.nodes.size(), Tensor());
    for (size_t i = 0; i <= last; ++i) {
      const auto& node = program_.nodes[i];
      values_[i] = value(node, i);
      if (keep || waits(i)) continue;
      const auto readSoFar = [&](const Node& reader) {
        for (const auto from : {reader.a, reader.b})
          if (from >= 0 && --left[from] == 0) values_[from].reset();
      };
      if (i > 0 && waits(i - 1)) readSoFar(program_.nodes[i - 1]);
      readSoFar(node);
    }
    return values_;
  }

  // The value of `last`, from that of `first` on, where each node between them reads the one before it.
  Tensor after(size_t first, const Tensor& value, size_t last) {
    values_.assign(program_.nodes.size(), Tensor());
    values_[first] = value;
    for (size_t i = first + 1; i <= last; ++i) values_[i] = this->value(program_.nodes[i], i);
    return values_[last];
  }

 private:
  // A convolution that only a later sum reads waits for it, when the other term is there by then.
  bool waits(size_t i) const {
    const auto& node = program_.nodes[i];
    if (node.kind != Kind::conv || node.relu || program_.readers[i] != 1 || i + 1 >= program_.nodes.size()) return false;
    const auto& next = program_.nodes[i + 1];
    const auto self = static_cast<int64_t>(i);
    return next.kind == Kind::add && (next.a == self) != (next.b == self);
  }

  Tensor convolution(size_t i, const MaybeTensor& add, bool relu) const {
    const auto& node = program_.nodes[i];
    const Epilogue after{weights_[node.weights[1]], add, relu, std::nullopt};
    return convolve(values_[node.a], graph_.convolutions[i], node.stride, node.window, after);
  }

  Tensor value(const Node& node, size_t i) const {
    const auto in = [&] { return values_[node.a]; };
    switch (node.kind) {
      case Kind::input: return x_;
      case Kind::affine: return affine(in(), weights_[node.weights[0]], weights_[node.weights[1]], std::nullopt, node.relu);
      case Kind::conv: return waits(i) ? Tensor() : convolution(i, std::nullopt, node.relu);
      case Kind::add: return sum(node, i);
      case Kind::relu: return at::relu(in());
      case Kind::maxPool:
        return channelsLast(at::max_pool2d(channelsFirst(in()), {node.window, node.window}, {node.stride, node.stride}, {node.poolPad(), node.poolPad()}));
      case Kind::globalAvgPool: return in().mean(at::IntArrayRef{1, 2}, false, at::kFloat);
      case Kind::flatten: return in().reshape({in().size(0), -1});
      case Kind::linear: return at::addmm(weights_[node.weights[1]], in().to(at::kFloat), weights_[node.weights[0]]);
    }
    throw std::invalid_argument("unknown node kind " + std::to_string(static_cast<int64_t>(node.kind)));
  }

  Tensor sum(const Node& node, size_t i) const {
    if (i > 0 && waits(i - 1)) {
      const auto self = static_cast<int64_t>(i - 1);
      return convolution(i - 1, values_[node.a == self ? node.b : node.a], node.relu);
    }
    Tensor y = at::add(values_[node.a], values_[node.b]);
    return node.relu ? y.relu_() : y;
  }

  const FrozenGraph& graph_;
  const Program& program_;
  const Tensors& weights_;
  const Tensor& x_;
  Tensors values_;
};

class Backward {
 public:
  Backward(const FrozenGraph& graph, const Tensors& values)
      : graph_(graph),
        program_(graph.program),
        weights_(graph.weights),
        values_(values),
        left_(program_.readers),
        grads_(program_.nodes.size()),
        masked_(program_.nodes.size()) {}

  Tensor run(const Tensor& dlogits) {
    grads_[graph_.output] = dlogits;
    for (size_t i = graph_.output + 1; i-- > 1;) {
      const auto& node = program_.nodes[i];
      if (!grads_[i].defined()) continue;
      Tensor dy = std::move(grads_[i]);
      grads_[i] = Tensor();
      if ((node.relu || node.kind == Kind::relu) && !masked_[i]) dy = at::threshold_backward(dy, values_[i], 0);
      spread(node, i, dy);
    }
    return grads_[0];
  }

 private:
  // Whether the gradient of `source` is whole after this contribution, and ends in a ReLU that can be applied with it.
  MaybeTensor maskOf(int64_t source) const {
    const auto& node = program_.nodes[source];
    const bool relu = node.relu || node.kind == Kind::relu;
    return relu && left_[source] == 1 ? MaybeTensor(values_[source]) : MaybeTensor();
  }

  void give(int64_t source, const Tensor& dx) {
    grads_[source] = grads_[source].defined() ? at::add(grads_[source], dx) : dx;
    --left_[source];
  }

  void convolution(const Node& node, size_t i, const Tensor& dy) {
    const auto source = node.a;
    const auto mask = maskOf(source);
    const MaybeTensor add = grads_[source].defined() ? MaybeTensor(grads_[source]) : MaybeTensor();
    grads_[source] = convolveBack(dy, graph_.convolutions[i], values_[source].sizes(), node.stride, node.window,
                                  {std::nullopt, add, false, mask});
    masked_[source] = mask.has_value();
    --left_[source];
  }

  void spread(const Node& node, size_t i, const Tensor& dy) {
    switch (node.kind) {
      case Kind::input: return;
      case Kind::affine:
        return give(node.a, affine(dy, weights_[node.weights[0]], at::zeros_like(weights_[node.weights[1]]), std::nullopt, false));
      case Kind::conv: return convolution(node, i, dy);
      case Kind::add: give(node.a, dy); return give(node.b, dy);
      case Kind::relu: return give(node.a, dy);
      case Kind::maxPool: {
        const Ints size(2, node.window), strides(2, node.stride), pads(2, node.poolPad()), ones(2, 1);
        const Tensor x = channelsFirst(values_[node.a]);
        const Tensor indices = std::get<1>(at::max_pool2d_with_indices(x, size, strides, pads));
        return give(node.a, channelsLast(at::max_pool2d_with_indices_backward(channelsFirst(dy), x, size, strides, pads, ones, false, indices)));
      }
      case Kind::globalAvgPool: {
        const auto& x = values_[node.a];
        const double area = static_cast<double>(x.size(1) * x.size(2));
        return give(node.a, dy.div(area).reshape({x.size(0), 1, 1, x.size(3)}).expand(x.sizes()).contiguous());
      }
      case Kind::flatten: return give(node.a, dy.reshape(values_[node.a].sizes()));
      case Kind::linear: return give(node.a, at::mm(dy, weights_[node.weights[0]].t()));
    }
  }

  const FrozenGraph& graph_;
  const Program& program_;
  const Tensors& weights_;
  const Tensors& values_;
  std::vector<int64_t> left_;
  Tensors grads_;
  std::vector<bool> masked_;
};

// Images whose activations go through all layers before the next come: as many as oneDNN wants, few enough that they stay in the cache.
constexpr int64_t kPiece = 16;
// Filters that are read again for each piece, in numbers: they stay in the cache beside the activations.
constexpr int64_t kFewWeights = 1 << 18;

// Whether reading the filters again for each piece costs less than it saves.
bool hasFewWeights(const FrozenGraph& graph) {
  int64_t numbers = 0;
  for (const auto& weights : graph.convolutions)
    if (weights.filter.defined()) numbers += weights.filter.numel();
  return numbers <= kFewWeights;
}

// The last node before the layers on features, whose matrix product rounds by the number of its rows.
size_t featuresBefore(const FrozenGraph& graph) {
  size_t last = graph.output;
  const auto onFeatures = [&](size_t i) {
    const auto& node = graph.program.nodes[i];
    return (node.kind == Kind::linear || node.kind == Kind::flatten) && node.a == static_cast<int64_t>(i) - 1;
  };
  while (last > 0 && onFeatures(last)) --last;
  return last;
}

}  // namespace

FrozenGraph::FrozenGraph(const Ints& code, const Tensors& given, int64_t output, bool low)
    : code(code),
      program(code),
      weights(given),
      convolutions(program.nodes.size()),
      output(static_cast<size_t>(output)),
      low(low),
      own(!given.empty() && recordsOn(given[0].device())) {
  if (own)
    for (auto& weight : weights) weight = weight.clone();
  if (this->output >= program.nodes.size()) throw std::out_of_range("no node " + std::to_string(output) + " in this program");
  for (size_t i = 0; i < program.nodes.size(); ++i) {
    const auto& node = program.nodes[i];
    if (node.kind != Kind::conv) continue;
    convolutions[i] = convWeights(node, weights, low);
    // held above, in its own order
    weights[node.weights[0]] = Tensor();
    if (low) weights[node.weights[1]] = weights[node.weights[1]].to(at::kBFloat16);
  }
}

bool FrozenGraph::fits(const Tensors& given) const {
  if (!own || given.size() != weights.size()) return false;
  const auto same = [](const Tensor& mine, const Tensor& theirs) { return mine.sizes() == theirs.sizes() && mine.device() == theirs.device(); };
  for (size_t i = 0; i < given.size(); ++i)
    if (weights[i].defined() && !same(weights[i], given[i])) return false;
  for (size_t i = 0; i < program.nodes.size(); ++i)
    if (convolutions[i].filter.defined() && !same(convolutions[i].filter, given[program.nodes[i].weights[0]])) return false;
  return true;
}

void FrozenGraph::load(const Tensors& given) {
  Tensors places, values;
  for (size_t i = 0; i < weights.size(); ++i) {
    if (!weights[i].defined()) continue;
    places.push_back(weights[i]);
    values.push_back(given[i]);
  }
  copyAll(places, values);
  for (size_t i = 0; i < program.nodes.size(); ++i) {
    if (program.nodes[i].kind != Kind::conv) continue;
    auto& of = convolutions[i];
    of.filter.copy_(given[program.nodes[i].weights[0]]);
    if (of.winograd) of.winograd->copy_(winogradPack(of.filter, false));
    if (of.winogradBack) of.winogradBack->copy_(winogradPack(of.filter, true));
  }
}

Tensor logitsOf(const FrozenGraph& graph, const Tensor& x) {
  const size_t last = graph.output;
  const int64_t threads = at::get_num_threads(), pieces = x.size(0) / kPiece / threads * threads;
  // fewer images than fill a piece for each thread: they share every layer
  if (pieces < std::max<int64_t>(2, threads) || !x.is_cpu() || graph.low || !hasFewWeights(graph)) return Forward(graph, x).run(false, last)[last];
  const size_t features = featuresBefore(graph);
  const auto images = x.tensor_split(pieces);
  Tensors parts(images.size());
  // a thread goes through all layers on its own: none waits for another at the end of a layer
  at::parallel_for(0, pieces, 1, [&](int64_t from, int64_t to) {
    const c10::InferenceMode guard;
    for (int64_t i = from; i < to; ++i) parts[i] = Forward(graph, images[i]).run(false, features)[features];
  });
  return Forward(graph, x).after(features, at::cat(parts), last);
}

Tensors valuesOf(const FrozenGraph& graph, const Tensor& x) { return Forward(graph, x).run(true, graph.program.nodes.size() - 1); }

Tensor pullbackOf(const FrozenGraph& graph, const Tensors& values, const Tensor& dlogits) {
  const Tensor dx = Backward(graph, values).run(dlogits);
  return dx.defined() ? dx.to(at::kFloat) : at::zeros_like(values.at(0));
}

Names frozenKinds() { return kKinds; }

}  // namespace rampart
