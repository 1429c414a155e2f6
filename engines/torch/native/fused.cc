// The kernels that TensorFlow.js composes from many: batch normalisation in training, softmax cross-entropy, SGD, the sign step.
#include "bind.h"

namespace rampart {
namespace {

// `x` `[n, h, w, c]` seen as `[n, c, h, w]`, without a copy.
Tensor nchw(const Tensor& x) { return x.permute({0, 3, 1, 2}); }
Tensor nhwc(const Tensor& x) { return x.permute({0, 2, 3, 1}); }

// `[y, mean, variance]`, the variance biased.
Tensors batchNorm(const Tensor& x, const Tensor& gamma, const Tensor& beta, double eps) {
  const auto [y, mean, invStd] = at::native_batch_norm(nchw(x), gamma, beta, c10::nullopt, c10::nullopt, true, 0, eps);
  return {nhwc(y), mean, invStd.pow(-2).sub(eps)};
}

// `[dx, dgamma, dbeta]`.
Tensors batchNormGrad(const Tensor& x, const Tensor& dy, const Tensor& gamma, const Tensor& mean, const Tensor& variance, double eps) {
  const Tensor invStd = variance.add(eps).rsqrt();
  const auto [dx, dgamma, dbeta] =
      at::native_batch_norm_backward(nchw(dy), nchw(x), gamma, c10::nullopt, c10::nullopt, mean, invStd, true, eps, {true, true, true});
  return {nhwc(dx), dgamma, dbeta};
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

Tensor crossEntropy(const Tensor& logits, const Tensor& labels) {
  const Tensor chosen = logits.gather(1, labels.to(at::kLong).unsqueeze(1)).squeeze(1);
  return at::logsumexp(logits, {1}).sub_(chosen);
}

Tensor crossEntropyGrad(const Tensor& logits, const Tensor& labels, const Tensor& dy) {
  Tensor grad = at::softmax(logits, 1);
  grad.scatter_add_(1, labels.to(at::kLong).unsqueeze(1), at::full({1, 1}, -1, logits.options()).expand({logits.size(0), 1}));
  return grad.mul_(dy.unsqueeze(1));
}

// `[w, m]` after one step.
Tensors sgdMomentum(const Tensor& w, const Tensor& grad, const Tensor& m, double lr, double momentum, double weightDecay) {
  Tensor velocity = at::mul(m, momentum).add_(grad);
  if (weightDecay != 0) velocity.add_(w, weightDecay);
  return {at::sub(w, velocity, lr), velocity};
}

Tensor signStep(const Tensor& x, const Tensor& grad, const Tensor& origin, double step, double eps) {
  Tensor next = at::add(x, at::sign(grad), step);
  return at::min_out(next, at::max(next, at::sub(origin, eps)), at::add(origin, eps)).clamp_(0, 1);
}

}  // namespace

void addFused(Exports& ops) {
  ops.add<batchNorm>("batchNorm");
  ops.add<batchNormGrad>("batchNormGrad");
  ops.add<batchNormInference>("batchNormInference");
  ops.add<reluGrad>("reluGrad");
  ops.add<crossEntropy>("crossEntropy");
  ops.add<crossEntropyGrad>("crossEntropyGrad");
  ops.add<sgdMomentum>("sgdMomentum");
  ops.add<signStep>("signStep");
}

}  // namespace rampart
