// Unary and binary operations, casts, comparisons and choices; binary ones broadcast.
#include "bind.h"

namespace rampart {
namespace {

// Integers go through float where the function is not closed over them.
Tensor floating(const Tensor& x) { return at::isIntegralType(x.scalar_type(), true) ? x.to(at::kFloat) : x; }

bool whole(const Tensor& x) { return at::isIntegralType(x.scalar_type(), true); }

#define UNARY(name, expression) \
  Tensor name(const Tensor& x) { return expression; }
UNARY(absolute, at::abs(x))
UNARY(acosine, at::acos(x))
UNARY(acosineh, at::acosh(x))
UNARY(asine, at::asin(x))
UNARY(asineh, at::asinh(x))
UNARY(atangent, at::atan(x))
UNARY(atangenth, at::atanh(x))
UNARY(ceiling, whole(x) ? x : at::ceil(x))
UNARY(cosine, at::cos(x))
UNARY(cosineh, at::cosh(x))
UNARY(eluOf, at::elu(floating(x)))
UNARY(erfOf, at::erf(x))
UNARY(expOf, at::exp(x))
UNARY(expm1Of, at::expm1(x))
UNARY(floorOf, whole(x) ? x : at::floor(x))
UNARY(finite, at::isfinite(x))
UNARY(infinite, at::isinf(x))
UNARY(nan, at::isnan(x))
UNARY(logOf, at::log(x))
UNARY(log1pOf, at::log1p(x))
UNARY(negative, at::neg(x))
UNARY(logicalNot, at::logical_not(x))
UNARY(inverse, at::reciprocal(floating(x)))
UNARY(reluOf, at::relu(x))
UNARY(relu6Of, at::clamp(x, 0, 6))
UNARY(roundOf, whole(x) ? x : at::round(x))
UNARY(rsqrtOf, at::rsqrt(floating(x)))
UNARY(seluOf, at::selu(floating(x)))
UNARY(sigmoidOf, at::sigmoid(x))
UNARY(signOf, at::sign(x))
UNARY(sine, at::sin(x))
UNARY(sineh, at::sinh(x))
UNARY(softplusOf, at::logaddexp(x, at::zeros({}, x.options())))
UNARY(sqrtOf, at::sqrt(x))
UNARY(squareOf, at::mul(x, x))
UNARY(tangent, at::tan(x))
UNARY(tangenth, at::tanh(x))
UNARY(identity, x)
#undef UNARY

#define BINARY(name, expression) \
  Tensor name(const Tensor& a, const Tensor& b) { return expression; }
BINARY(addOf, at::add(a, b))
BINARY(subOf, at::sub(a, b))
BINARY(mulOf, at::mul(a, b))
BINARY(divOf, at::div(a, b))
BINARY(floorDivOf, at::floor(at::div(a, b)).to(at::kInt))
BINARY(modOf, at::remainder(a, b))
BINARY(maximumOf, at::maximum(a, b))
BINARY(minimumOf, at::minimum(a, b))
BINARY(atan2Of, at::atan2(a, b))
BINARY(preluOf, at::where(a < 0, a * b, a))
BINARY(equalOf, at::eq(a, b))
BINARY(notEqualOf, at::ne(a, b))
BINARY(lessOf, at::lt(a, b))
BINARY(lessEqualOf, at::le(a, b))
BINARY(greaterOf, at::gt(a, b))
BINARY(greaterEqualOf, at::ge(a, b))
BINARY(logicalAndOf, at::logical_and(a, b))
BINARY(logicalOrOf, at::logical_or(a, b))
BINARY(logicalXorOf, at::logical_xor(a, b))
BINARY(bitwiseAndOf, at::bitwise_and(a, b))
// the gradient of ELU from its output
BINARY(eluGradOf, at::where(b >= 0, a, a * (b + 1)))
#undef BINARY

Tensor squaredDifference(const Tensor& a, const Tensor& b) {
  const Tensor d = at::sub(a, b);
  return at::mul(d, d);
}

// int32 raised to int32 goes through float64, which holds every int32 result that int32 does.
Tensor powOf(const Tensor& a, const Tensor& b) {
  if (a.scalar_type() == at::kInt && b.scalar_type() == at::kInt) return at::pow(a.to(at::kDouble), b.to(at::kDouble)).to(at::kInt);
  return at::pow(a, b);
}

Tensor clip(const Tensor& x, double low, double high) { return at::clamp(x, low, high).to(x.scalar_type()); }
Tensor leakyRelu(const Tensor& x, double alpha) { return at::leaky_relu(floating(x), alpha); }

// 1 above zero, `alpha` below or at it, NaN where `x` is NaN.
Tensor step(const Tensor& x, double alpha) {
  if (alpha == 0) return at::where(at::isnan(x), x, (x > 0).to(x.scalar_type()));
  const Tensor below = at::full({}, alpha, x.options());
  return at::where(at::isnan(x), x, at::where(x > 0, at::ones({}, x.options()), below));
}

// To bool: not zero. To int32: towards zero. From complex64: the real part.
Tensor cast(const Tensor& x, const std::string& dtype) {
  const auto to = onDevice(dtype).dtype().toScalarType();
  const Tensor from = x.is_complex() && to != at::kComplexFloat ? at::real(x) : x;
  if (to == at::kBool) return at::ne(from, 0);
  return from.to(to);
}

// `condition` of lower rank chooses along the first axis.
Tensor select(const Tensor& condition, const Tensor& yes, const Tensor& no) {
  Tensor c = condition.to(at::kBool);
  while (c.dim() < yes.dim()) c = c.unsqueeze(-1);
  return at::where(c, yes, no);
}

Tensor addMany(const Tensors& terms) {
  Tensor sum = terms.at(0).clone();
  for (size_t i = 1; i < terms.size(); ++i) sum.add_(terms[i]);
  return sum;
}

Tensor makeComplex(const Tensor& re, const Tensor& im) { return at::complex(re, im); }
Tensor realPart(const Tensor& x) { return x.is_complex() ? at::real(x).clone() : x; }
Tensor imaginaryPart(const Tensor& x) { return x.is_complex() ? at::imag(x).clone() : at::zeros_like(x); }

}  // namespace

void addElementwise(Exports& ops) {
  ops.add<absolute>("abs");
  ops.add<acosine>("acos");
  ops.add<acosineh>("acosh");
  ops.add<asine>("asin");
  ops.add<asineh>("asinh");
  ops.add<atangent>("atan");
  ops.add<atangenth>("atanh");
  ops.add<ceiling>("ceil");
  ops.add<cosine>("cos");
  ops.add<cosineh>("cosh");
  ops.add<eluOf>("elu");
  ops.add<erfOf>("erf");
  ops.add<expOf>("exp");
  ops.add<expm1Of>("expm1");
  ops.add<floorOf>("floor");
  ops.add<finite>("isFinite");
  ops.add<infinite>("isInf");
  ops.add<nan>("isNan");
  ops.add<logOf>("log");
  ops.add<log1pOf>("log1p");
  ops.add<negative>("neg");
  ops.add<logicalNot>("logicalNot");
  ops.add<inverse>("reciprocal");
  ops.add<reluOf>("relu");
  ops.add<relu6Of>("relu6");
  ops.add<roundOf>("round");
  ops.add<rsqrtOf>("rsqrt");
  ops.add<seluOf>("selu");
  ops.add<sigmoidOf>("sigmoid");
  ops.add<signOf>("sign");
  ops.add<sine>("sin");
  ops.add<sineh>("sinh");
  ops.add<softplusOf>("softplus");
  ops.add<sqrtOf>("sqrt");
  ops.add<squareOf>("square");
  ops.add<tangent>("tan");
  ops.add<tangenth>("tanh");
  ops.add<identity>("identity");
  ops.add<addOf>("add");
  ops.add<subOf>("sub");
  ops.add<mulOf>("mul");
  ops.add<divOf>("div");
  ops.add<floorDivOf>("floorDiv");
  ops.add<modOf>("mod");
  ops.add<maximumOf>("maximum");
  ops.add<minimumOf>("minimum");
  ops.add<atan2Of>("atan2");
  ops.add<preluOf>("prelu");
  ops.add<equalOf>("equal");
  ops.add<notEqualOf>("notEqual");
  ops.add<lessOf>("less");
  ops.add<lessEqualOf>("lessEqual");
  ops.add<greaterOf>("greater");
  ops.add<greaterEqualOf>("greaterEqual");
  ops.add<logicalAndOf>("logicalAnd");
  ops.add<logicalOrOf>("logicalOr");
  ops.add<logicalXorOf>("logicalXor");
  ops.add<bitwiseAndOf>("bitwiseAnd");
  ops.add<eluGradOf>("eluGrad");
  ops.add<squaredDifference>("squaredDifference");
  ops.add<powOf>("pow");
  ops.add<clip>("clip");
  ops.add<leakyRelu>("leakyRelu");
  ops.add<step>("step");
  ops.add<cast>("cast");
  ops.add<select>("select");
  ops.add<addMany>("addMany");
  ops.add<makeComplex>("complex");
  ops.add<realPart>("real");
  ops.add<imaginaryPart>("imag");
}

}  // namespace rampart
