// What the addon asks of CUDA beyond ATen. It is a library of its own, compiled where CUDA's headers are and loaded when a GPU is asked for.
#pragma once
#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace rampart {

// Launches that were recorded, to be made again in one call; they read and write the memory that they did when they were recorded.
class Replay {
 public:
  virtual ~Replay() = default;
  virtual void run() = 0;
};

// A point in the work of the device.
class Point {
 public:
  virtual ~Point() = default;
  // On any thread: returns when all before it is done.
  virtual void wait() = 0;
};

class Half {
 public:
  virtual ~Half() = default;
  // Puts the work of this thread on a stream of its own from here on.
  virtual void begin(int device) = 0;
  // After all that this thread has asked for so far.
  virtual std::unique_ptr<Point> here() = 0;
  // Records what `body` launches, without doing it. `before`: shares the memory of a recording that always runs before this one. Throws
  // where something in it cannot be recorded.
  virtual std::unique_ptr<Replay> record(const std::function<void()>& body, const Replay* before) = 0;
  // What the function template `name` in `text`, C++ that is compiled when it is first asked for, makes of every element of `inputs`, which
  // broadcast, and of `settings`: one launch. Throws where it cannot be compiled.
  virtual at::Tensor evaluate(const std::string& text, const std::string& name, const std::vector<at::Tensor>& inputs,
                              const std::vector<double>& settings) = 0;
  // Gives back memory that libtorch keeps for later.
  virtual void freeMemory() = 0;
};

// Absent on the CPU, and where the half was not built or does not load.
Half* half();

}  // namespace rampart

// What the library is asked for as it loads.
extern "C" rampart::Half* rampartHalf();
