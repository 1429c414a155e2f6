// The kernels that TensorFlow.js composes from many: batch normalisation in training, softmax cross-entropy, SGD.
#include <ATen/Parallel.h>

#include <stdexcept>
#include <tuple>

#include "bind.h"
#include "cpus.h"
#include "normalize.h"

namespace rampart {
namespace {

// `[y, mean, variance]`, the variance biased.
Tensors batchNorm(const Tensor& x, const Tensor& gamma, const Tensor& beta, double eps) {
  const auto statistics = batchStatistics(x);
  return {normalize(x, statistics, gamma, beta, eps, std::nullopt, false), statistics.mean, statistics.variance};
}

// `[dx, dgamma, dbeta]`.
Tensors batchNormGrad(const Tensor& x, const Tensor& dy, const Tensor& gamma, const Tensor& mean, const Tensor& variance, double eps) {
  const auto made = normalizeBack(dy, x, {mean, variance}, gamma, eps);
  return {made.dx, made.dgamma, made.dbeta};
}

// With given statistics; `x` of any rank, the parameters broadcast along its last axis.
Tensor batchNormInference(const Tensor& x, const Tensor& mean, const Tensor& variance, const MaybeTensor& offset, const MaybeTensor& scale,
                          double eps) {
  Tensor factor = variance.add(eps).rsqrt_();
  if (scale) factor = factor.mul(*scale);
  const Tensor y = x.sub(mean).mul_(factor);
  return offset ? y.add(*offset) : y;
}

Tensor reluGrad(const Tensor& dy, const Tensor& y) { return at::threshold_backward(dy, y, 0); }

// On a GPU a launch costs more than the arithmetic of a few logits: as few of them as there are.
Tensor crossEntropyByLaunches(const Tensor& logits, const Tensor& labels) {
  return at::nll_loss(at::log_softmax(logits, 1), labels.to(at::kLong), c10::nullopt, at::Reduction::None);
}

Tensor crossEntropyGradByLaunches(const Tensor& logits, const Tensor& labels, const Tensor& dy) {
  const Tensor logs = at::log_softmax(logits, 1);
  const Tensor ofLogs = at::nll_loss_backward(dy, logs, labels.to(at::kLong), c10::nullopt, at::Reduction::None, -100, at::zeros({}, logits.options()));
  return at::_log_softmax_backward_data(ofLogs, logs, 1, logits.scalar_type());
}

Tensor crossEntropy(const Tensor& logits, const Tensor& labels) {
  if (logits.is_cuda() && logits.size(0) > 0) return crossEntropyByLaunches(logits, labels);
  const Tensor chosen = logits.gather(1, labels.to(at::kLong).unsqueeze(1)).squeeze(1);
  return at::logsumexp(logits, {1}).sub_(chosen);
}

Tensor crossEntropyGrad(const Tensor& logits, const Tensor& labels, const Tensor& dy) {
  if (logits.is_cuda() && logits.size(0) > 0) return crossEntropyGradByLaunches(logits, labels, dy);
  Tensor grad = at::softmax(logits, 1);
  grad.scatter_add_(1, labels.to(at::kLong).unsqueeze(1), at::full({1, 1}, -1, logits.options()).expand({logits.size(0), 1}));
  return grad.mul_(dy.unsqueeze(1));
}

// KL(softmax(p) || softmax(q)) of every row.
Tensor klDivergence(const Tensor& p, const Tensor& q) {
  const Tensor logP = at::log_softmax(p, 1);
  return at::sub(logP, at::log_softmax(q, 1)).mul_(logP.exp()).sum(1);
}

// `[dp, dq]`.
Tensors klDivergenceGrad(const Tensor& p, const Tensor& q, const Tensor& dy) {
  const Tensor logP = at::log_softmax(p, 1), logQ = at::log_softmax(q, 1), column = dy.unsqueeze(1);
  const Tensor probabilities = logP.exp(), ratio = logP.sub(logQ);
  const Tensor divergence = probabilities.mul(ratio).sum(1, true);
  return {ratio.sub(divergence).mul_(probabilities).mul_(column), logQ.exp().sub_(probabilities).mul_(column)};
}

RAMPART_EACH_CPU void sgdRun(const float* w, const float* grad, const float* velocity, float lr, float momentum, float decay, float* moved,
                             float* fresh, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const float next = momentum * velocity[i] + grad[i] + decay * w[i];
    fresh[i] = next;
    moved[i] = w[i] - lr * next;
  }
}

// In one pass over memory. `[moved, fresh]`.
std::pair<Tensor, Tensor> sgdStep(const Tensor& weight, const Tensor& gradIn, const Tensor& velocity, double lr, double momentum, double decay) {
  const Tensor grad = gradIn.contiguous();
  const Tensor moved = at::empty(weight.sizes(), weight.options()), fresh = at::empty(weight.sizes(), weight.options());
  const auto *w = weight.data_ptr<float>(), *g = grad.data_ptr<float>(), *v = velocity.data_ptr<float>();
  auto *to = moved.data_ptr<float>(), *kept = fresh.data_ptr<float>();
  at::parallel_for(0, weight.numel(), 1 << 15, [&](int64_t from, int64_t end) {
    sgdRun(w + from, g + from, v + from, static_cast<float>(lr), static_cast<float>(momentum), static_cast<float>(decay), to + from, kept + from,
           end - from);
  });
  return {moved, fresh};
}

// Every weight, then every velocity, after one step.
Tensors sgdMomentum(const Tensors& weights, const Tensors& grads, const Tensors& velocities, double lr, double momentum, double weightDecay) {
  if (grads.size() != weights.size() || velocities.size() != weights.size())
    throw std::invalid_argument("expected as many gradients and velocities as weights");
  if (weights.empty()) return {};
  const auto loops = [](const Tensor& t) { return t.is_cpu() && t.scalar_type() == at::kFloat; };
  const auto dense = [&](const Tensor& t) { return loops(t) && t.is_contiguous(); };
  bool fit = true;
  for (size_t i = 0; i < weights.size(); ++i)
    fit = fit && dense(weights[i]) && dense(velocities[i]) && loops(grads[i]) && velocities[i].sizes() == weights[i].sizes() &&
          grads[i].sizes() == weights[i].sizes();
  if (fit) {
    Tensors all(2 * weights.size());
    for (size_t i = 0; i < weights.size(); ++i)
      std::tie(all[i], all[weights.size() + i]) = sgdStep(weights[i], grads[i], velocities[i], lr, momentum, weightDecay);
    return all;
  }
  // all weights in few launches
  Tensors fresh = at::_foreach_mul(velocities, momentum);
  at::_foreach_add_(fresh, grads, 1);
  if (weightDecay != 0) at::_foreach_add_(fresh, weights, weightDecay);
  Tensors moved = at::_foreach_sub(weights, fresh, lr);
  moved.insert(moved.end(), fresh.begin(), fresh.end());
  return moved;
}

}  // namespace

void addFused(Exports& ops) {
  ops.add<batchNorm>("batchNorm");
  ops.add<batchNormGrad>("batchNormGrad");
  ops.add<batchNormInference>("batchNormInference");
  ops.add<reluGrad>("reluGrad");
  ops.add<crossEntropy>("crossEntropy");
  ops.add<crossEntropyGrad>("crossEntropyGrad");
  ops.add<klDivergence>("klDivergence");
  ops.add<klDivergenceGrad>("klDivergenceGrad");
  ops.add<sgdMomentum>("sgdMomentum");
}

}  // namespace rampart
