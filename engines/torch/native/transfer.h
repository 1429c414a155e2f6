// Data between JavaScript and the device, and whether values were finite, which comes with what is read.
#pragma once
#include "bind.h"

namespace rampart {

// Where tensors are. Set once, when the engine starts.
at::Device& device();

void addTransfers(Napi::Object& exports);

// Values that are noted under a number from 0 to kWatches - 1 leave a mark on the device, which costs no wait.
constexpr int64_t kWatches = 256;

// The marks as they are on the device now, undefined where nothing was noted since the last answer; and the answer to be taken over.
Tensor marks();
void takeMarks(const Tensor& onHost);

}  // namespace rampart
