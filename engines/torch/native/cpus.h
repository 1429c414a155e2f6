// Loops compiled for several kinds of processor, of which the dynamic linker takes the best when the addon loads.
#pragma once
#include <cstdint>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && defined(__GLIBC__)
#define RAMPART_EACH_CPU __attribute__((target_clones("arch=skylake-avx512", "arch=haswell", "default"), optimize("O3")))
#else
#define RAMPART_EACH_CPU
#endif
