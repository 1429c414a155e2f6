// A network in training, run whole: forward with the statistics of the batch in one call, and every gradient in another.
#include "training.h"

#include "convolve.h"
#include "normalize.h"
#include "window.h"

namespace rampart {
namespace {

using Kind = TrainingKind;

const Names kKinds{"input", "normalize", "conv", "bn", "relu", "add", "maxPool", "globalAvgPool", "flatten"};

using Program = TrainingProgram;
using Node = Program::Node;

const Tensor& weightAt(const Tensors& weights, int64_t place) { return weights.at(static_cast<size_t>(place)); }
MaybeTensor maybeWeight(const Tensors& weights, int64_t place) { return place < 0 ? MaybeTensor() : MaybeTensor(weightAt(weights, place)); }

// Channels of the statistics before every normalisation, and of all.
Ints offsetsOf(const Program& program, const Tensors& weights) {
  Ints offsets{0};
  for (const auto& node : program.nodes)
    offsets.push_back(offsets.back() + (node.kind == Kind::bn ? weightAt(weights, node.weights[0]).numel() : 0));
  return offsets;
}

class Forward {
 public:
  Forward(const Program& program, const Tensors& weights, const Tensor& x)
      : program_(program), weights_(weights), x_(x), offsets_(offsetsOf(program, weights)), filters_(program.nodes.size()) {
    for (auto* all : {&means_, &variances_}) *all = at::empty({offsets_.back()}, x.options());
  }

  // Means and variances of all normalisations, then the filters, then the value of every node.
  Tensors run() {
    for (size_t i = 0; i < program_.nodes.size(); ++i) values_.push_back(value(program_.nodes[i], i));
    Tensors kept{means_, variances_};
    for (const auto* all : {&filters_, &values_}) kept.insert(kept.end(), all->begin(), all->end());
    return kept;
  }

 private:
  Tensor value(const Node& node, size_t i) {
    if (node.kind == Kind::input) return x_;
    const Tensor& in = values_.at(node.a);
    switch (node.kind) {
      case Kind::normalize: {
        const Tensor scale = weightAt(weights_, node.weights[1]).reciprocal();
        return affine(in, scale, weightAt(weights_, node.weights[0]).mul(scale).neg(), std::nullopt, false);
      }
      case Kind::conv: return convolution(node, i, in);
      case Kind::bn: return normalized(node, i, in);
      case Kind::relu: return at::relu(in);
      case Kind::add: {
        Tensor y = at::add(in, values_.at(node.b));
        return node.relu ? y.relu_() : y;
      }
      case Kind::maxPool: return channelsLast(at::max_pool2d(channelsFirst(in), {node.window, node.window}, {node.stride, node.stride}, {node.poolPad(), node.poolPad()})).contiguous();
      case Kind::globalAvgPool: return in.mean(at::IntArrayRef{1, 2});
      case Kind::flatten: return channelsFirst(in).reshape({in.size(0), -1});
      default: throw std::invalid_argument("unknown node kind " + std::to_string(static_cast<int64_t>(node.kind)));
    }
  }

  Tensor convolution(const Node& node, size_t i, const Tensor& in) {
    const Tensor& filter = weightAt(weights_, node.weights[0]);
    const bool winograd = winogradRepays(filter, in.sizes(), node.stride, node.window);
    if (!winograd) filters_[i] = channelsTogether(filter);
    const ConvWeights weights = winograd ? ConvWeights{filter, winogradPack(filter, false), std::nullopt}
                                         : ConvWeights{filters_[i], std::nullopt, std::nullopt};
    return convolve(in, weights, node.stride, node.window, {maybeWeight(weights_, node.weights[1]), std::nullopt, false, std::nullopt});
  }

  Tensor normalized(const Node& node, size_t i, const Tensor& in) {
    const auto statistics = batchStatistics(in);
    const int64_t at = offsets_[i], c = offsets_[i + 1] - at;
    means_.narrow(0, at, c).copy_(statistics.mean);
    variances_.narrow(0, at, c).copy_(statistics.variance);
    const MaybeTensor add = node.b < 0 ? MaybeTensor() : MaybeTensor(values_.at(node.b));
    return normalize(in, statistics, weightAt(weights_, node.weights[0]), weightAt(weights_, node.weights[1]), kBatchNormEps, add, node.relu);
  }

  const Program& program_;
  const Tensors& weights_;
  const Tensor& x_;
  const Ints offsets_;
  Tensor means_, variances_;
  Tensors filters_, values_;
};

class Backward {
 public:
  Backward(const Program& program, const Tensors& weights, const Tensors& kept, bool ofInput, bool ofWeights)
      : program_(program), weights_(weights), kept_(kept), offsets_(offsetsOf(program, weights)), ofWeights_(ofWeights), left_(program.readers),
        grads_(program.nodes.size()), masked_(program.nodes.size()), weightGrads_(weights.size()) {
    for (const auto& node : program.nodes) {
      const bool own = ofWeights && (node.kind == Kind::conv || node.kind == Kind::bn);
      const bool before = (node.a >= 0 && wanted_.at(node.a)) || (node.b >= 0 && wanted_.at(node.b));
      wanted_.push_back(node.kind == Kind::input ? ofInput : own || before);
    }
  }

  void run(const Tensor& dy) {
    grads_.back() = dy;
    for (size_t i = program_.nodes.size(); i-- > 1;) {
      const auto& node = program_.nodes[i];
      if (!grads_[i].defined()) continue;
      Tensor slope = std::move(grads_[i]);
      grads_[i] = Tensor();
      if ((node.relu || node.kind == Kind::relu) && !masked_[i]) slope = at::threshold_backward(slope, value(i), 0);
      spread(node, i, std::move(slope));
    }
  }

  const Tensor& ofInput() const { return grads_.front(); }
  const Tensors& ofWeights() const { return weightGrads_; }

 private:
  const Tensor& value(int64_t i) const { return kept_.at(valuesAt(program_) + static_cast<size_t>(i)); }

  void give(int64_t source, const Tensor& dx) {
    if (wanted_[source]) grads_[source] = grads_[source].defined() ? at::add(grads_[source], dx) : dx;
    --left_[source];
  }

  void spread(const Node& node, size_t i, Tensor dy) {
    switch (node.kind) {
      case Kind::normalize: {
        const Tensor scale = weightAt(weights_, node.weights[1]).reciprocal();
        return give(node.a, affine(dy, scale, at::zeros_like(scale), std::nullopt, false));
      }
      case Kind::conv: return convolution(node, i, dy);
      case Kind::bn: return normalization(node, i, std::move(dy));
      case Kind::relu: return give(node.a, dy);
      case Kind::add: give(node.a, dy); return give(node.b, dy);
      case Kind::maxPool: {
        const Ints size(2, node.window), strides(2, node.stride), pads(2, node.poolPad()), ones(2, 1);
        const Tensor x = channelsFirst(value(node.a));
        const Tensor indices = std::get<1>(at::max_pool2d_with_indices(x, size, strides, pads));
        const Tensor dx = at::max_pool2d_with_indices_backward(channelsFirst(dy), x, size, strides, pads, ones, false, indices);
        return give(node.a, channelsLast(dx).contiguous());
      }
      case Kind::globalAvgPool: {
        const auto& x = value(node.a);
        const double area = static_cast<double>(x.size(1) * x.size(2));
        return give(node.a, dy.div(area).reshape({x.size(0), 1, 1, x.size(3)}).expand(x.sizes()).contiguous());
      }
      case Kind::flatten: {
        const auto& x = value(node.a);
        return give(node.a, channelsLast(dy.reshape({x.size(0), x.size(3), x.size(1), x.size(2)})).contiguous());
      }
      default: return;
    }
  }

  void convolution(const Node& node, size_t i, const Tensor& dy) {
    const Tensor& filter = weightAt(weights_, node.weights[0]);
    const auto source = node.a;
    const Tensor& x = value(source);
    if (ofWeights_) {
      // its numbers are not read, and its order is that of the gradient
      const Tensor like = at::empty({filter.size(3), filter.size(0), filter.size(1), filter.size(2)}, filter.options()).permute({0, 3, 1, 2});
      const Tensor grad = std::get<1>(directGradients(channelsFirst(dy), channelsFirst(x), like, {node.window, node.window},
                                                      {node.stride, node.stride}, {1, 1}, 1, false, true));
      weightGrads_[node.weights[0]] = channelsApart(grad);
      if (node.weights[1] >= 0) weightGrads_[node.weights[1]] = dy.sum(at::IntArrayRef{0, 1, 2});
    }
    if (wanted_[source]) {
      const auto& from = program_.nodes[source];
      const bool last = left_[source] == 1 && (from.relu || from.kind == Kind::relu);
      const MaybeTensor mask = last ? MaybeTensor(x) : MaybeTensor();
      const MaybeTensor add = grads_[source].defined() ? MaybeTensor(grads_[source]) : MaybeTensor();
      const Tensor& together = kept_.at(kStatistics + i);
      const ConvWeights weights = together.defined() ? ConvWeights{together, std::nullopt, std::nullopt}
                                                     : ConvWeights{filter, std::nullopt, winogradPack(filter, true)};
      grads_[source] = convolveBack(dy, weights, x.sizes(), node.stride, node.window, {std::nullopt, add, false, mask});
      masked_[source] = last;
    }
    --left_[source];
  }

  void normalization(const Node& node, size_t i, Tensor dy) {
    if (node.b >= 0) give(node.b, dy);
    const int64_t at = offsets_[i], c = offsets_[i + 1] - at;
    const Statistics statistics{kept_[0].narrow(0, at, c), kept_[1].narrow(0, at, c)};
    auto made = normalizeBack(std::move(dy), value(node.a), statistics, weightAt(weights_, node.weights[0]), kBatchNormEps);
    if (ofWeights_) {
      weightGrads_[node.weights[0]] = made.dgamma;
      weightGrads_[node.weights[1]] = made.dbeta;
    }
    give(node.a, made.dx);
  }

  const Program& program_;
  const Tensors& weights_;
  const Tensors& kept_;
  const Ints offsets_;
  const bool ofWeights_;
  std::vector<bool> wanted_;
  std::vector<int64_t> left_;
  Tensors grads_;
  std::vector<bool> masked_;
  Tensors weightGrads_;
};

}  // namespace

Tensors keptOf(const TrainingProgram& program, const Tensors& weights, const Tensor& x) { return Forward(program, weights, x).run(); }

TrainingGradients gradientsOf(const TrainingProgram& program, const Tensors& weights, const Tensors& kept, const Tensor& dy, bool ofInput,
                              bool ofWeights) {
  Backward backward(program, weights, kept, ofInput, ofWeights);
  backward.run(dy);
  return {ofInput ? backward.ofInput() : Tensor(), ofWeights ? backward.ofWeights() : Tensors()};
}

Names trainingKinds() { return kKinds; }

}  // namespace rampart
