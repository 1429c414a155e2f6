// Passes of frozen networks that are recorded once for a shape and then made again in one call.
#pragma once
#include <exception>
#include <functional>
#include <list>
#include <memory>
#include <string>

#include "graph.h"
#include "half.h"

namespace rampart {

// Whether passes on this device are recorded at all; those of `x`.
bool recordsOn(at::Device device);
bool records(const Tensor& x);
// Whether a pass that came `seen` times before is worth it: the first ones set up libraries and find algorithms, which cannot be recorded.
bool worthRecording(int64_t seen);
// What `body` launches, which is done at once only where a pass is made anew in the place of a recording. `before`: as Half has it.
std::unique_ptr<Replay> record(const std::function<void()>& body, const Replay* before);
void runReplay(Replay& replay);
// Says once that nothing is recorded from here on, and why; what was is let go.
void giveUp(const std::exception& error);
// After recordings were let go of: their memory is for all again.
void giveBack();
// Values anew, in the memory of the first ones: `places` is empty the first time.
void keepPlaces(Tensors& places, const Tensors& values);
// Into the memory of others, in few launches.
void copyAll(const Tensors& places, const Tensors& values);
// In memory of their own; what is undefined stays so.
Tensors copiesOf(const Tensors& values);

// Who has recordings. They are let go of where memory is out.
class Keeper {
 public:
  Keeper();
  virtual ~Keeper();
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;
  virtual void forget() = 0;
};

// A forward pass and the product with its Jacobian, for inputs of one shape.
struct Recording {
  Tensor x, logits, dlogits, dx;
  Tensors values;
  std::unique_ptr<Replay> forward, backward;
  // Whether a pass reads its values: it is not run again before that pass is released.
  bool busy = false;
};

// Those of one network.
class Recordings : public Keeper {
 public:
  // One that is free for `x`, already run on it; nothing where there is none, as at the first passes of a shape. `keep`: with the values that
  // its backward pass reads.
  std::shared_ptr<Recording> forward(const FrozenGraph& graph, const Tensor& x, bool keep);
  void forget() override { shapes_.clear(); }
  // Whether there is one.
  bool any() const;

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

// Lets go of all recordings, whose memory is theirs alone; a pass that reads one keeps it until it is released.
void forgetRecordings();

}  // namespace rampart
