// Training passes by handle: what JavaScript holds of them, computed launch by launch or from a recording.
#include "replay.h"
#include "table.h"
#include "training.h"

namespace rampart {
namespace {

// A recorded pass: what it reads and what it gives have places of their own.
struct TrainingRecording {
  struct Backward {
    Tensor dy;
    TrainingGradients gradients;
    std::unique_ptr<Replay> replay;
  };

  TrainingRecording(const TrainingProgram& program, const Tensors& given, const Tensor& from)
      : program(program), weights(copiesOf(given)), x(from.clone()) {
    forward = record([this] { keepPlaces(kept, keptOf(this->program, weights, x)); }, nullptr);
  }

  TrainingProgram program;
  Tensors weights;
  Tensor x;
  Tensors kept;
  std::unique_ptr<Replay> forward;
  // By what is asked for: the gradients of the weights, of the input, of both.
  Backward backward[4];
  // Whether a pass reads it: it is not run again before that pass is released.
  bool busy = false;
};

// Programs and sizes with recordings: an update's batch, and few others.
constexpr size_t kMostRecorded = 4;
// Of the same: an objective may hold the passes of clean and adversarial images together.
constexpr size_t kMostAtOnce = 2;

class TrainingRecordings : public Keeper {
 public:
  // One that is free, already run; nothing where there is none, as at the first passes.
  std::shared_ptr<TrainingRecording> run(const Ints& code, const Tensors& weights, const Tensor& x) {
    if (!records(x)) return nullptr;
    auto& of = place(code, sizesOf(weights, x));
    if (!worthRecording(of.seen++)) return nullptr;
    auto recording = free(of);
    if (recording) {
      copyAll(recording->weights, weights);
      recording->x.copy_(x);
    } else {
      if (of.recordings.size() >= kMostAtOnce) return nullptr;
      try {
        recording = std::make_shared<TrainingRecording>(TrainingProgram(code), weights, x);
      } catch (const std::exception& error) {
        giveUp(error);
        return nullptr;
      }
      of.recordings.push_back(recording);
    }
    runReplay(*recording->forward);
    return recording;
  }
  void forget() override { all_.clear(); }

 private:
  struct Place {
    Ints code, sizes;
    int64_t seen;
    std::list<std::shared_ptr<TrainingRecording>> recordings;
  };

  // The rank and sizes of all that a pass reads: a program does not say how wide its layers are.
  static Ints sizesOf(const Tensors& weights, const Tensor& x) {
    Ints sizes;
    const auto append = [&](const Tensor& t) {
      sizes.push_back(t.dim());
      sizes.insert(sizes.end(), t.sizes().begin(), t.sizes().end());
    };
    append(x);
    for (const auto& weight : weights) append(weight);
    return sizes;
  }

  // The one used last is the first.
  Place& place(const Ints& code, const Ints& sizes) {
    auto found = all_.begin();
    while (found != all_.end() && (found->code != code || found->sizes != sizes)) ++found;
    if (found == all_.end()) all_.push_front({code, sizes, 0, {}});
    else all_.splice(all_.begin(), all_, found);
    if (all_.size() > kMostRecorded) {
      const bool recorded = !all_.back().recordings.empty();
      all_.pop_back();
      if (recorded) giveBack();
    }
    return all_.front();
  }

  static std::shared_ptr<TrainingRecording> free(const Place& of) {
    for (const auto& recording : of.recordings)
      if (!recording->busy) return recording;
    return nullptr;
  }

  std::list<Place> all_;
};

TrainingRecordings& recordings() {
  static auto* all = new TrainingRecordings();
  return *all;
}

// The gradients of a recorded pass, in memory of their own.
TrainingGradients replayGradients(TrainingRecording& of, const Tensor& dy, bool ofInput, bool ofWeights) {
  auto& back = of.backward[(ofInput ? 2 : 0) + (ofWeights ? 1 : 0)];
  if (!back.replay) {
    if (!records(dy)) return gradientsOf(of.program, of.weights, of.kept, dy, ofInput, ofWeights);
    back.dy = dy.clone();
    const auto body = [&of, &back, ofInput, ofWeights] {
      auto made = gradientsOf(of.program, of.weights, of.kept, back.dy, ofInput, ofWeights);
      // as they are asked for
      for (auto& grad : made.ofWeights)
        if (grad.defined()) grad = grad.contiguous();
      back.gradients = std::move(made);
    };
    try {
      back.replay = record(body, of.forward.get());
    } catch (const std::exception& error) {
      giveUp(error);
      return gradientsOf(of.program, of.weights, of.kept, dy, ofInput, ofWeights);
    }
  } else {
    back.dy.copy_(dy);
  }
  runReplay(*back.replay);
  const auto& [input, weights] = back.gradients;
  return {input.defined() ? input.clone() : Tensor(), copiesOf(weights)};
}

// One forward pass with all that its gradients read, its own or those of a recording, and those once they are computed.
struct Pass {
  TrainingProgram program;
  Tensors weights, kept;
  std::shared_ptr<TrainingRecording> recording;
  Tensors outputs;
  TrainingGradients gradients;
};

Table<Pass>& passes() {
  static auto* all = new Table<Pass>("training pass");
  return *all;
}

// The value of the last node; means and variances of all normalisations one after the other.
Tensors outputsOf(const Tensors& kept) { return {kept.back(), kept[0], kept[1]}; }

// A handle on the pass, to be released.
int64_t trainForward(const Ints& code, const Tensors& weights, const Tensor& x) {
  if (auto recording = recordings().run(code, weights, x)) {
    recording->busy = true;
    const Tensors outputs = copiesOf(outputsOf(recording->kept));
    return passes().put({recording->program, recording->weights, {}, recording, outputs, {}});
  }
  const TrainingProgram program(code);
  Tensors kept = keptOf(program, weights, x);
  const Tensors outputs = outputsOf(kept);
  return passes().put({program, weights, std::move(kept), nullptr, outputs, {}});
}

Tensors trainOutputs(int64_t handle) { return passes().get(handle).outputs; }

// Computes the gradients that are asked for; the pass holds them.
void trainBackward(int64_t handle, const Tensor& dy, bool ofInput, bool ofWeights) {
  auto& pass = passes().get(handle);
  auto made = pass.recording ? replayGradients(*pass.recording, dy, ofInput, ofWeights)
                             : gradientsOf(pass.program, pass.weights, pass.kept, dy, ofInput, ofWeights);
  if (ofInput) pass.gradients.ofInput = made.ofInput;
  if (ofWeights) pass.gradients.ofWeights = std::move(made.ofWeights);
}

// Of the weight at `place`, of the input where it is -1; zero where nothing depends on it.
Tensor trainGradient(int64_t handle, int64_t place) {
  const auto& pass = passes().get(handle);
  const auto& [ofInput, ofWeights] = pass.gradients;
  const Tensor& grad = place < 0 ? ofInput : ofWeights.at(static_cast<size_t>(place));
  const Tensor& x = pass.recording ? pass.recording->x : pass.kept.at(valuesAt(pass.program));
  return grad.defined() ? grad : at::zeros_like(place < 0 ? x : pass.weights.at(static_cast<size_t>(place)));
}

void trainRelease(int64_t handle) {
  if (const auto& recording = passes().get(handle).recording) recording->busy = false;
  passes().release(handle);
}

// Running means and variances, in turn, moved by `momentum` towards those of a batch; `corrections` make a biased variance unbiased.
Tensors moveStatistics(const Tensors& running, const Tensor& means, const Tensor& variances, const std::vector<double>& corrections,
                       double momentum) {
  Tensors towards;
  std::vector<at::Scalar> steps;
  int64_t at = 0;
  for (size_t i = 0; i < corrections.size(); ++i) {
    const int64_t c = running.at(2 * i).numel();
    towards.push_back(means.narrow(0, at, c));
    towards.push_back(variances.narrow(0, at, c));
    steps.insert(steps.end(), {momentum, momentum * corrections[i]});
    at += c;
  }
  if (towards.empty()) return {};
  // all of them in few launches
  Tensors moved = at::_foreach_mul(running, 1 - momentum);
  at::_foreach_add_(moved, at::_foreach_mul(towards, steps), 1);
  return moved;
}

}  // namespace

size_t openPasses() { return passes().size(); }

void addTraining(Exports& ops) {
  ops.add<trainForward>("trainForward");
  ops.add<trainOutputs>("trainOutputs");
  ops.add<trainBackward>("trainBackward");
  ops.add<trainGradient>("trainGradient");
  ops.add<trainRelease>("trainRelease");
  ops.add<moveStatistics>("moveStatistics");
}

}  // namespace rampart
