// Batch normalisation over the batch on dense channels-last tensors, and the sum and ReLU that follow it, in few passes over memory.
#pragma once
#include "bind.h"

namespace rampart {

// Of every channel of `x` `[..., c]` over all else: `[c]` each, the variance biased. They don't depend on the number of threads.
struct Statistics {
  Tensor mean, variance;
};
Statistics batchStatistics(const Tensor& x);

// `x * scale + shift`, `[c]` each, then plus `add` of the shape of `x`, then ReLU.
Tensor affine(const Tensor& x, const Tensor& scale, const Tensor& shift, const MaybeTensor& add, bool relu);

// `x` normalised with `statistics`, then as `affine`.
Tensor normalize(const Tensor& x, const Statistics& statistics, const Tensor& gamma, const Tensor& beta, double eps, const MaybeTensor& add,
                 bool relu);

struct NormalizeGradients {
  Tensor dx, dgamma, dbeta;
};
// Takes over `dy`: where nobody else holds it, its memory becomes `dx`.
NormalizeGradients normalizeBack(Tensor dy, const Tensor& x, const Statistics& statistics, const Tensor& gamma, double eps);

}  // namespace rampart
