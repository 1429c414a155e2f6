// A network as JavaScript sends it: ten numbers a node, in topological order.
#pragma once
#include <algorithm>
#include <stdexcept>

#include "bind.h"

namespace rampart {

template <typename Kind>
struct NodeOf {
  static constexpr size_t kLength = 10;
  Kind kind;
  int64_t a, b;  // the nodes it reads, -1 for none
  bool relu;
  int64_t stride, window;  // of a convolution `window` is the padding
  int64_t weights[4];      // places in the list of weights, -1 for none; of a pool the last is its padding
  int64_t poolPad() const { return std::max<int64_t>(0, weights[3]); }
};

template <typename Kind>
struct ProgramOf {
  using Node = NodeOf<Kind>;
  std::vector<Node> nodes;
  // How many nodes read each.
  std::vector<int64_t> readers;

  explicit ProgramOf(const Ints& code) {
    if (code.empty() || code.size() % Node::kLength != 0) throw std::invalid_argument("a program is ten numbers a node");
    for (size_t i = 0; i < code.size(); i += Node::kLength) {
      const auto* n = &code[i];
      nodes.push_back({static_cast<Kind>(n[0]), n[1], n[2], n[3] != 0, n[4], n[5], {n[6], n[7], n[8], n[9]}});
    }
    readers.assign(nodes.size(), 0);
    for (const auto& node : nodes)
      for (const auto from : {node.a, node.b})
        if (from >= 0) ++readers.at(static_cast<size_t>(from));
  }
};

// The kinds of nodes in the order of their numbers, which JavaScript compares with its own when the addon loads.
using Names = std::vector<std::string>;
Names frozenKinds();
Names trainingKinds();

// What the ten numbers are, which JavaScript compares too.
constexpr const char* kNumbers = "kind, a, b, relu, stride, window, three weights, a weight or the padding of a pool";

// What batch normalisation adds to a variance in training.
constexpr double kBatchNormEps = 1e-5;

}  // namespace rampart
