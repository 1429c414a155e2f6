// The slot table: JavaScript holds tensors as numbers, and releases them by number.
#pragma once
#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

namespace rampart {

class Slots {
 public:
  // Takes the tensor over; the number is valid until `release`.
  int32_t put(at::Tensor tensor);
  // Throws std::out_of_range with the number when the slot is empty.
  const at::Tensor& get(int32_t slot) const;
  void release(int32_t slot);
  int64_t count() const { return static_cast<int64_t>(tensors_.size() - free_.size()); }
  // Bytes of all slots; views of one storage count once each.
  int64_t bytes() const;

 private:
  std::vector<at::Tensor> tensors_;
  std::vector<int32_t> free_;
};

// One table per process: the addon serves one JavaScript thread.
Slots& slots();

}  // namespace rampart
