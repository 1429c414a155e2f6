// Winograd's convolution for processors with AVX2.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3")
#pragma GCC target("avx2,fma")
#define RAMPART_LANES 8
#define RAMPART_ROWS 6
#include "winograd_kernel.h"

namespace rampart {
const WinogradKernels* winogradAvx2() { return &kKernels; }
}  // namespace rampart
#else
#include "winograd.h"
namespace rampart {
const WinogradKernels* winogradAvx2() { return nullptr; }
}  // namespace rampart
#endif
