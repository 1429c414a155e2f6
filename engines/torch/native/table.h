// Things that JavaScript holds by a number, until it releases them.
#pragma once
#include <cstdint>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <utility>

namespace rampart {

// Numbers are never used twice.
template <typename T>
class Table {
 public:
  // `what` is for messages.
  explicit Table(const char* what) : what_(what) {}
  int64_t put(T value) {
    all_.emplace(++last_, std::move(value));
    return last_;
  }
  T& get(int64_t handle) {
    const auto found = all_.find(handle);
    if (found == all_.end()) throw std::out_of_range(std::string(what_) + " " + std::to_string(handle) + " was released, or never made");
    return found->second;
  }
  void release(int64_t handle) {
    get(handle);
    all_.erase(handle);
  }
  size_t size() const { return all_.size(); }

 private:
  const char* what_;
  int64_t last_ = 0;
  std::unordered_map<int64_t, T> all_;
};

}  // namespace rampart
