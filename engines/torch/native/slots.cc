// The slot table.
#include "slots.h"

#include <stdexcept>
#include <string>
#include <utility>

namespace rampart {

int32_t Slots::put(at::Tensor tensor) {
  if (free_.empty()) {
    tensors_.push_back(std::move(tensor));
    return static_cast<int32_t>(tensors_.size() - 1);
  }
  const int32_t slot = free_.back();
  free_.pop_back();
  tensors_[slot] = std::move(tensor);
  return slot;
}

const at::Tensor& Slots::get(int32_t slot) const {
  if (slot < 0 || slot >= static_cast<int32_t>(tensors_.size()) || !tensors_[slot].defined())
    throw std::out_of_range("slot " + std::to_string(slot) + " holds no tensor: it was disposed, or never made");
  return tensors_[slot];
}

void Slots::release(int32_t slot) {
  get(slot);
  tensors_[slot].reset();
  free_.push_back(slot);
}

int64_t Slots::bytes() const {
  int64_t sum = 0;
  for (const auto& tensor : tensors_)
    if (tensor.defined()) sum += static_cast<int64_t>(tensor.nbytes());
  return sum;
}

Slots& slots() {
  // never taken down, as all that holds tensors: when the process ends, what their memory belongs to may be gone before
  static auto* table = new Slots();
  return *table;
}

}  // namespace rampart
