// Whoever stays on the CPU is spared the hundreds of megabytes of CUDA: nothing links it.
#include "cuda.h"

#include <dlfcn.h>

#include "replay.h"
#include "transfer.h"

namespace rampart {
namespace {

Half*& loaded() {
  static Half* half = nullptr;
  return half;
}

std::string besideThis(const char* name) {
  Dl_info info;
  if (!dladdr(reinterpret_cast<const void*>(&loaded), &info) || !info.dli_fname) return "";
  const std::string self = info.dli_fname;
  return self.substr(0, self.rfind('/') + 1) + name;
}

}  // namespace

Half* half() { return loaded(); }

std::string loadCuda() {
  if (!dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL)) {
    const char* why = dlerror();
    return why ? why : "libtorch_cuda.so does not load";
  }
  // without it everything runs too, on the stream of all, each launch on its own
  if (void* library = dlopen(besideThis("rampart_torch_cuda.so").c_str(), RTLD_NOW))
    if (void* entry = dlsym(library, "rampartHalf")) loaded() = reinterpret_cast<Half* (*)()>(entry)();
  return "";
}

void freeMemory() {
  forgetRecordings();
  if (!half() || !device().is_cuda()) return;
  try {
    half()->freeMemory();
  } catch (const std::exception&) {
    // a device that fails at this too is told of by what is about to be thrown
  }
}

}  // namespace rampart
