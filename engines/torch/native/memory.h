// The memory of tensors on the CPU.
#pragma once

namespace rampart {

// Keeps freed memory with the process and takes it in large steps. Call it once, before the first tensor.
void keepMemory();

// Asks for large pages where the heap has grown since the last call: activations of one step fill more memory than the processor can
// translate from its tables of small pages.
void useLargePages();

}  // namespace rampart
