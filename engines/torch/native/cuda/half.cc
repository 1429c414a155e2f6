// CUDA's side of half.h: a stream of its own for the process, events, graphs, kernels compiled on the spot.
#include "../half.h"

#include <ATen/cuda/CUDAGraph.h>
#include <ATen/cuda/jiterator.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAStream.h>

namespace rampart {
namespace {

using Pool = decltype(std::declval<at::cuda::CUDAGraph&>().pool());

// While this thread records, others wait for events, which only recording by thread allows; releases before 2.1 cannot be told.
template <typename G>
auto beginCapture(G& graph, Pool pool, int) -> decltype(graph.capture_begin(pool, cudaStreamCaptureModeThreadLocal)) {
  graph.capture_begin(pool, cudaStreamCaptureModeThreadLocal);
}
template <typename G>
void beginCapture(G&, Pool, long) {
  throw std::runtime_error("this libtorch records for all threads at once");
}

class Graph : public Replay {
 public:
  Graph(const std::function<void()>& body, const Graph* before) {
    const Pool pool = before ? before->pool_ : Pool{0, 0};
    beginCapture(graph_, pool, 0);
    try {
      body();
    } catch (...) {
      // the stream records until it is told to stop, which fails too once something in it has
      try {
        graph_.capture_end();
      } catch (...) {
      }
      throw;
    }
    graph_.capture_end();
    pool_ = graph_.pool();
  }
  void run() override { graph_.replay(); }

 private:
  at::cuda::CUDAGraph graph_;
  Pool pool_{};
};

// By the runtime itself: the header of libtorch's events wants headers of the toolkit, which wheels lack.
class Event : public Point {
 public:
  Event() {
    C10_CUDA_CHECK(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming));
    C10_CUDA_CHECK(cudaEventRecord(event_, c10::cuda::getCurrentCUDAStream().stream()));
  }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() override { cudaEventDestroy(event_); }
  void wait() override { C10_CUDA_CHECK(cudaEventSynchronize(event_)); }

 private:
  cudaEvent_t event_ = nullptr;
};

class CudaHalf : public Half {
 public:
  void begin(int device) override {
    c10::cuda::set_device(static_cast<c10::DeviceIndex>(device));
    c10::cuda::setCurrentCUDAStream(c10::cuda::getStreamFromPool(false, static_cast<c10::DeviceIndex>(device)));
  }
  std::unique_ptr<Point> here() override { return std::make_unique<Event>(); }
  std::unique_ptr<Replay> record(const std::function<void()>& body, const Replay* before) override {
    return std::make_unique<Graph>(body, static_cast<const Graph*>(before));
  }
  at::Tensor evaluate(const std::string& text, const std::string& name, const std::vector<at::Tensor>& inputs,
                      const std::vector<double>& settings) override {
    const c10::SmallVector<at::Tensor> given(inputs.begin(), inputs.end());
    const c10::SmallVector<at::Scalar> numbers(settings.begin(), settings.end());
    return at::cuda::CompileAndLaunchKernel(text, name, 1, given, numbers, false)[0];
  }
  void freeMemory() override { c10::cuda::CUDACachingAllocator::emptyCache(); }
};

}  // namespace
}  // namespace rampart

extern "C" rampart::Half* rampartHalf() {
  static rampart::CudaHalf half;
  return &half;
}
