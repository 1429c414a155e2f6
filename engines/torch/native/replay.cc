// Recorded passes: which shapes are worth it, and what a pass must copy in and out.
#include "replay.h"

#include <algorithm>
#include <iostream>
#include <set>
#include <stdexcept>

namespace rampart {
namespace {

// The first passes of a shape set up libraries and find algorithms, which cannot be recorded; one that comes once is not worth it.
constexpr int64_t kSeenBefore = 2;
// Shapes of a network with memory of their own: that of full passes, and of few others.
constexpr size_t kMostShapes = 4;

enum class Mode { off, on, again };

Mode& mode() {
  static Mode chosen = Mode::on;
  return chosen;
}

int64_t& count() {
  static int64_t passes = 0;
  return passes;
}

std::set<Recordings*>& everyNetworks() {
  static std::set<Recordings*> all;
  return all;
}

// What was recorded, made anew.
class Again : public Replay {
 public:
  explicit Again(std::function<void()> body) : body_(std::move(body)) {}
  void run() override { body_(); }

 private:
  std::function<void()> body_;
};

std::unique_ptr<Replay> record(const std::function<void()>& body, const Replay* before) {
  if (mode() == Mode::again) return std::make_unique<Again>(body);
  return half()->record(body, before);
}

bool records(const Tensor& x) { return mode() == Mode::again || (mode() == Mode::on && half() && x.is_cuda()); }

// Values anew, in the memory of the first ones.
void keepPlaces(Tensors& places, const Tensors& values) {
  if (places.empty()) {
    places = values;
    return;
  }
  for (size_t i = 0; i < values.size(); ++i)
    if (values[i].defined()) places[i].copy_(values[i]);
}

// `graph` outlives the recording: whoever holds the one holds the other.
std::shared_ptr<Recording> recordForward(const FrozenGraph& graph, const Tensor& x, bool keep) {
  auto made = std::make_shared<Recording>();
  made->x = x.clone();
  const auto body = [own = made.get(), &graph, keep] {
    keepPlaces(own->values, keep ? valuesOf(graph, own->x) : Tensors{logitsOf(graph, own->x)});
    own->logits = own->values.at(keep ? graph.output : 0);
  };
  made->forward = record(body, nullptr);
  if (mode() == Mode::again) body();
  return made;
}

// Says once that nothing is recorded from here on, and why.
void giveUp(const std::exception& error) {
  mode() = Mode::off;
  std::cerr << "[torch] passes are launched one by one, because recording them failed: " << error.what() << std::endl;
}

}  // namespace

Recordings::Recordings() { everyNetworks().insert(this); }
Recordings::~Recordings() { everyNetworks().erase(this); }

std::shared_ptr<Recording> Recordings::forward(const FrozenGraph& graph, const Tensor& x, bool keep) {
  if (!records(x) || x.numel() == 0) return nullptr;
  const auto found = std::find_if(shapes_.begin(), shapes_.end(), [&](const Shape& s) { return s.keep == keep && x.sizes().equals(s.sizes); });
  if (found == shapes_.end()) shapes_.push_front({x.sizes().vec(), keep, 0, nullptr});
  else shapes_.splice(shapes_.begin(), shapes_, found);
  if (shapes_.size() > kMostShapes) shapes_.pop_back();
  auto& [sizes, kept, seen, recording] = shapes_.front();
  if (seen++ < kSeenBefore) return nullptr;
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
  recording->forward->run();
  ++count();
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
  recording.backward->run();
  ++count();
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
  for (auto* network : everyNetworks()) network->forget();
}

}  // namespace rampart
