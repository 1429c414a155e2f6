// Passes of frozen networks that are recorded once for a shape and then made again in one call.
#pragma once
#include <list>
#include <memory>
#include <string>

#include "graph.h"
#include "half.h"

namespace rampart {

// A forward pass and the product with its Jacobian, for inputs of one shape.
struct Recording {
  Tensor x, logits, dlogits, dx;
  Tensors values;
  std::unique_ptr<Replay> forward, backward;
  // Whether a pass reads its values: it is not run again before that pass is released.
  bool busy = false;
};

// Those of one network.
class Recordings {
 public:
  Recordings();
  ~Recordings();
  Recordings(const Recordings&) = delete;
  Recordings& operator=(const Recordings&) = delete;

  // One that is free for `x`, already run on it; nothing where there is none, as at the first passes of a shape. `keep`: with the values that
  // its backward pass reads.
  std::shared_ptr<Recording> forward(const FrozenGraph& graph, const Tensor& x, bool keep);
  void forget() { shapes_.clear(); }

 private:
  struct Shape {
    Ints sizes;
    bool keep;
    int64_t seen;
    std::shared_ptr<Recording> recording;
  };
  // The one used last is the first.
  std::list<Shape> shapes_;
};

// `graph`'s product with `dlogits` after the forward pass of `recording`.
Tensor replayPullback(const FrozenGraph& graph, Recording& recording, const Tensor& dlogits);

// `off`; `on`, as CUDA graphs where there are some, which is how it starts; `again`: each pass is made anew into the memory of the first,
// as a recording does it, for tests where no GPU is.
void setReplays(const std::string& mode);

// Passes that were replayed since then, forward and back.
int64_t replayed();

// Lets go of the recordings of all networks, whose memory is theirs alone; a pass that reads one keeps it until it is released.
void forgetRecordings();

}  // namespace rampart
