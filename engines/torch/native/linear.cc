// Matrix products and Fourier transforms.
#include <stdexcept>

#include "activation.h"

namespace rampart {
namespace {

Tensor matMul(const Tensor& a, const Tensor& b, bool transposeA, bool transposeB, const MaybeTensor& bias, const std::string& activation,
              const MaybeTensor& prelu, double alpha) {
  if (a.dim() < 2 || b.dim() < 2) throw std::invalid_argument("matrices need at least 2 axes");
  // CUDA multiplies no matrices of whole numbers; double precision holds their sums exactly up to 2^53
  if (a.is_cuda() && !a.is_floating_point() && !a.is_complex())
    return matMul(a.to(at::kDouble), b.to(at::kDouble), transposeA, transposeB, bias, activation, prelu, alpha).to(a.scalar_type());
  const Tensor left = transposeA ? a.transpose(-1, -2) : a;
  const Tensor right = transposeB ? b.transpose(-1, -2) : b;
  if (bias && left.dim() == 2 && right.dim() == 2 && bias->dim() == 1)
    return activate(at::addmm(*bias, left, right), activation, prelu, alpha);
  Tensor y = at::matmul(left, right);
  if (bias) y = y.add(*bias);
  return activate(y, activation, prelu, alpha);
}

Tensor einsum(const std::string& equation, const Tensors& operands) { return at::einsum(equation, operands); }
Tensor fft(const Tensor& x) { return at::fft_fft(x); }
Tensor ifft(const Tensor& x) { return at::fft_ifft(x); }

}  // namespace

void addLinear(Exports& ops) {
  ops.add<matMul>("matMul");
  ops.add<einsum>("einsum");
  ops.add<fft>("fft");
  ops.add<ifft>("ifft");
}

}  // namespace rampart
