// glibc's heap, as a process wants it that fills and frees the same hundred megabytes at every step.
#include "memory.h"

// any header of the C library, so that it is known which one this is
#include <cstdint>

#if defined(__linux__) && defined(__GLIBC__)
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <limits>

namespace rampart {
namespace {

constexpr uintptr_t kLargePage = uintptr_t{1} << 21;
constexpr int kGrowth = 1 << 26;

uintptr_t heapEnd() { return reinterpret_cast<uintptr_t>(sbrk(0)); }

// Where the heap ended when it was last looked at.
uintptr_t seen = 0;

}  // namespace

void keepMemory() {
  // memory that is given back to the system costs a page fault a page when it is taken again
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
  mallopt(M_TOP_PAD, kGrowth);
  seen = heapEnd();
}

void useLargePages() {
  const uintptr_t end = heapEnd();
  if (end <= seen || seen == 0) return;
  const uintptr_t from = seen & ~(kLargePage - 1);
  // advice: where the system has no large pages, nothing changes
  madvise(reinterpret_cast<void*>(from), end - from, MADV_HUGEPAGE);
  seen = end;
}

}  // namespace rampart
#else
namespace rampart {
void keepMemory() {}
void useLargePages() {}
}  // namespace rampart
#endif
