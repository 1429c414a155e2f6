// Recorded passes: which shapes are worth it, and what a pass must copy in and out.
#include "replay.h"

#include <algorithm>
#include <iostream>
#include <set>
#include <stdexcept>

#include "transfer.h"

namespace rampart {
namespace {

// The first passes of a shape set up libraries and find algorithms, which cannot be recorded; one that comes once is not worth it.
constexpr int64_t kSeenBefore = 2;
// Shapes of a network with memory of their own: full batches and last ones of training and of validation, logits alone and with gradients.
constexpr size_t kMostShapes = 6;

enum class Mode { off, on, again };

Mode& mode() {
  static Mode chosen = Mode::on;
  return chosen;
}

int64_t& count() {
  static int64_t passes = 0;
  return passes;
}

std::set<Keeper*>& keepers() {
  static auto* all = new std::set<Keeper*>();
  return *all;
}

// What was recorded, made anew.
class Again : public Replay {
 public:
  explicit Again(std::function<void()> body) : body_(std::move(body)) {}
  void run() override { body_(); }

 private:
  std::function<void()> body_;
};

// `graph` outlives the recording: whoever holds the one holds the other.
std::shared_ptr<Recording> recordForward(const FrozenGraph& graph, const Tensor& x, bool keep) {
  auto made = std::make_shared<Recording>();
  made->x = x.clone();
  const auto body = [own = made.get(), &graph, keep] {
    keepPlaces(own->values, keep ? valuesOf(graph, own->x) : Tensors{logitsOf(graph, own->x)});
    own->logits = own->values.at(keep ? graph.output : 0);
  };
  made->forward = record(body, nullptr);
  return made;
}

}  // namespace

Keeper::Keeper() { keepers().insert(this); }
Keeper::~Keeper() { keepers().erase(this); }

bool recordsOn(at::Device device) { return mode() == Mode::again || (mode() == Mode::on && half() && device.is_cuda()); }

bool records(const Tensor& x) { return x.numel() > 0 && recordsOn(x.device()); }

bool worthRecording(int64_t seen) { return seen >= kSeenBefore; }

std::unique_ptr<Replay> record(const std::function<void()>& body, const Replay* before) {
  if (mode() != Mode::again) return half()->record(body, before);
  body();
  return std::make_unique<Again>(body);
}

void runReplay(Replay& replay) {
  replay.run();
  ++count();
}

void giveUp(const std::exception& error) {
  mode() = Mode::off;
  forgetRecordings();
  std::cerr << "[torch] passes are launched one by one, because recording them failed: " << error.what() << std::endl;
}

void giveBack() {
  // libtorch keeps the memory of a recording that is gone to itself until there is no other
  if (half() && device().is_cuda()) half()->freeMemory();
}

void keepPlaces(Tensors& places, const Tensors& values) {
  if (places.empty()) {
    places = values;
    return;
  }
  for (size_t i = 0; i < values.size(); ++i)
    if (values[i].defined()) places[i].copy_(values[i]);
}

void copyAll(const Tensors& places, const Tensors& values) {
  if (places.empty()) return;
#if __has_include(<ATen/ops/_foreach_copy.h>)
  at::_foreach_copy_(places, values);
#else
  for (size_t i = 0; i < places.size(); ++i) places[i].copy_(values[i]);
#endif
}

Tensors copiesOf(const Tensors& values) {
  Tensors made(values.size()), places, from;
  for (size_t i = 0; i < values.size(); ++i) {
    if (!values[i].defined()) continue;
    made[i] = at::empty(values[i].sizes(), values[i].options());
    places.push_back(made[i]);
    from.push_back(values[i]);
  }
  copyAll(places, from);
  return made;
}

bool Recordings::any() const {
  return std::any_of(shapes_.begin(), shapes_.end(), [](const Shape& s) { return s.recording != nullptr; });
}

std::shared_ptr<Recording> Recordings::forward(const FrozenGraph& graph, const Tensor& x, bool keep) {
  if (!records(x)) return nullptr;
  const auto found = std::find_if(shapes_.begin(), shapes_.end(), [&](const Shape& s) { return s.keep == keep && x.sizes().equals(s.sizes); });
  if (found == shapes_.end()) shapes_.push_front({x.sizes().vec(), keep, 0, nullptr});
  else shapes_.splice(shapes_.begin(), shapes_, found);
  if (shapes_.size() > kMostShapes) {
    const bool recorded = shapes_.back().recording != nullptr;
    shapes_.pop_back();
    if (recorded) giveBack();
  }
  auto& [sizes, kept, seen, recording] = shapes_.front();
  if (!worthRecording(seen++)) return nullptr;
  if (!recording) {
    try {
      recording = recordForward(graph, x, keep);
    } catch (const std::exception& error) {
      giveUp(error);
      return nullptr;
    }
  }
  if (recording->busy) return nullptr;
  recording->x.copy_(x);
  runReplay(*recording->forward);
  return recording;
}

Tensor replayPullback(const FrozenGraph& graph, Recording& recording, const Tensor& dlogits) {
  if (!recording.backward) {
    if (!records(dlogits)) return pullbackOf(graph, recording.values, dlogits);
    recording.dlogits = dlogits.clone();
    try {
      const auto body = [own = &recording, &graph] { own->dx = pullbackOf(graph, own->values, own->dlogits); };
      recording.backward = record(body, recording.forward.get());
    } catch (const std::exception& error) {
      giveUp(error);
      return pullbackOf(graph, recording.values, dlogits);
    }
  }
  recording.dlogits.copy_(dlogits);
  runReplay(*recording.backward);
  return recording.dx.clone();
}

void setReplays(const std::string& name) {
  if (name != "off" && name != "on" && name != "again") throw std::invalid_argument("no way to replay is called " + name);
  forgetRecordings();
  count() = 0;
  mode() = name == "off" ? Mode::off : name == "on" ? Mode::on : Mode::again;
}

int64_t replayed() { return count(); }

void forgetRecordings() {
  for (auto* keeper : keepers()) keeper->forget();
}

}  // namespace rampart
