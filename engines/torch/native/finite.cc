// Whether logits are finite, noted on the device: to ask it at once would wait for the device at every pass.
#include <cmath>
#include <stdexcept>
#include <vector>

#include "transfer.h"

namespace rampart {
namespace {

// Zero, or NaN from when a value was not finite.
struct Marks {
  Tensor onDevice;
  std::vector<float> onHost = std::vector<float>(kWatches, 0);
  int64_t begun = 0;
  bool noted = false;
};

Marks& all() {
  static auto* marks = new Marks();
  return *marks;
}

int64_t placeOf(int64_t watch) {
  if (watch < 0 || watch >= kWatches) throw std::out_of_range("no watch " + std::to_string(watch));
  return watch;
}

// A number to note values under; those of long ago come again.
int64_t finiteWatch() {
  auto& marks = all();
  const int64_t watch = marks.begun++ % kWatches;
  if (!marks.onDevice.defined()) marks.onDevice = at::zeros({kWatches}, onDevice("float32"));
  else marks.onDevice[watch].zero_();
  marks.onHost[watch] = 0;
  return watch;
}

// NaN and infinity make the sum not finite, and what zero times it is NaN.
void finiteNote(int64_t watch, const Tensor& values) {
  auto& marks = all();
  marks.onDevice[placeOf(watch)].add_(values.sum(at::kFloat).mul_(0));
  marks.noted = true;
}

// As of the last read.
bool finiteKnown(int64_t watch) { return !std::isnan(all().onHost[placeOf(watch)]); }

// Waits for what was noted; whether there was anything to wait for.
bool finiteSettle() {
  const Tensor noted = marks();
  if (noted.defined()) takeMarks(noted.to(at::kCPU));
  return noted.defined();
}

}  // namespace

Tensor marks() {
  if (!all().noted) return Tensor();
  all().noted = false;
  // as they are now: later notes are for a later read
  return all().onDevice.clone();
}

void takeMarks(const Tensor& onHost) {
  const auto* values = onHost.data_ptr<float>();
  // a mark is never taken back, whichever of two reads comes first
  for (int64_t i = 0; i < kWatches; ++i)
    if (std::isnan(values[i])) all().onHost[i] = values[i];
}

void addFinite(Exports& ops) {
  ops.add<finiteWatch>("finiteWatch");
  ops.add<finiteNote>("finiteNote");
  ops.add<finiteKnown>("finiteKnown");
  ops.add<finiteSettle>("finiteSettle");
}

}  // namespace rampart
