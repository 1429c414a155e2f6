// Loading what a GPU needs, by who asks for one.
#pragma once
#include <string>

#include "half.h"

namespace rampart {

// CUDA's half of libtorch, then the addon's own. Returns what went wrong with the first, or nothing.
std::string loadCuda();

}  // namespace rampart
