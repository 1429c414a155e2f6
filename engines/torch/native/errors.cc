// What libtorch throws, as JavaScript gets it. What says that memory is out has a code of its own: a smaller batch may fit.
#include <new>
#include <stdexcept>

#include "bind.h"

namespace rampart {
namespace {

std::string textOf(const std::exception& error) {
  const auto* torchError = dynamic_cast<const c10::Error*>(&error);
  const std::string what = torchError ? torchError->what_without_backtrace() : error.what();
  return what.substr(0, what.find('\n'));
}

bool isOutOfMemory(const std::exception& error) {
  if (dynamic_cast<const c10::OutOfMemoryError*>(&error) || dynamic_cast<const std::bad_alloc*>(&error)) return true;
  const std::string what = textOf(error);
  // cudaErrorMemoryAllocation; cuDNN's and cuBLAS's CUDNN_STATUS_ALLOC_FAILED, CUBLAS_STATUS_ALLOC_FAILED; libtorch's allocator on the CPU
  for (const char* sign : {"out of memory", "STATUS_ALLOC_FAILED", "DefaultCPUAllocator: "})
    if (what.find(sign) != std::string::npos) return true;
  return false;
}

// Throws what libtorch throws where memory is out, for tests of what becomes of it.
void failFor(const std::string& kind) {
  if (kind == "allocator") TORCH_CHECK_WITH(OutOfMemoryError, false, "CUDA out of memory. Tried to allocate 2.00 GiB.");
  if (kind == "runtime") TORCH_CHECK(false, "CUDA error: out of memory");
  if (kind == "cudnn") TORCH_CHECK(false, "cuDNN error: CUDNN_STATUS_ALLOC_FAILED");
  if (kind == "cublas") TORCH_CHECK(false, "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`");
  if (kind == "heap") throw std::bad_alloc();
  throw std::invalid_argument("no failure is called " + kind);
}

}  // namespace

void rethrow(Napi::Env env, const char* op, const std::string& arguments, const std::exception& error) {
  auto thrown = Napi::Error::New(env, std::string("[torch] ") + op + "(" + arguments + "): " + textOf(error));
  if (isOutOfMemory(error)) {
    thrown.Set("code", Napi::String::New(env, "ERR_OUT_OF_MEMORY"));
    freeMemory();
  }
  throw thrown;
}

void addErrors(Exports& ops) { ops.add<failFor>("failFor"); }

}  // namespace rampart
