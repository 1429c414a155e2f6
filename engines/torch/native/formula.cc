// Formulas on a GPU, and what they are given.
#include "formula.h"

#include "half.h"

namespace rampart {
namespace {

const char* const kProductThere = "template <typename T> T product(T a, T b) { return __fmul_rn(a, b); } ";

}  // namespace

void expectAlike(const Tensor& wanted, const Tensor& got) {
  if (got.scalar_type() != at::kFloat || got.sizes() != wanted.sizes() || got.device() != wanted.device())
    throw std::invalid_argument("expected " + describe(wanted) + ", got " + describe(got));
}

void expectNumbers(const Tensor& rows, const Tensor& numbers) {
  if (numbers.numel() != rows.size(0) || numbers.scalar_type() != at::kFloat)
    throw std::invalid_argument("expected float32 [" + std::to_string(rows.size(0)) + "], one for every row, got " + describe(numbers));
}

Tensor launchFormula(const char* name, const char* text, const Tensors& inputs, const std::vector<double>& settings) {
  if (!half()) throw std::runtime_error("formulas need the addon's CUDA half, which was not built");
  return half()->evaluate(std::string(kParts) + " " + kProductThere + text, name, inputs, settings);
}

}  // namespace rampart
