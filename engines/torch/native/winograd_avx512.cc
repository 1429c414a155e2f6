// Winograd's convolution for processors with AVX-512.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3")
#pragma GCC target("avx512f,avx512vl,avx512dq,avx512bw,fma,prefer-vector-width=512")
#define RAMPART_LANES 16
#define RAMPART_ROWS 12
#include "winograd_kernel.h"

namespace rampart {
const WinogradKernels* winogradAvx512() { return &kKernels; }
}  // namespace rampart
#else
#include "winograd.h"
namespace rampart {
const WinogradKernels* winogradAvx512() { return nullptr; }
}  // namespace rampart
#endif
