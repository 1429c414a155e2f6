// Reductions, scans, soft maxima and searches along axes.
#include "bind.h"

namespace rampart {
namespace {

Tensor sum(const Tensor& x, const Ints& axes, bool keep) {
  const auto type = x.scalar_type() == at::kBool ? at::kInt : x.scalar_type();
  return axes.empty() ? x.to(type) : at::sum(x, axes, keep, type);
}

Tensor mean(const Tensor& x, const Ints& axes, bool keep) {
  return axes.empty() ? x.to(at::kFloat) : at::mean(x, axes, keep, at::kFloat);
}

// One axis after the other, the last first.
template <typename F>
Tensor eachAxis(const Tensor& x, Ints axes, bool keep, F reduce) {
  std::sort(axes.begin(), axes.end());
  Tensor out = x;
  for (auto axis = axes.rbegin(); axis != axes.rend(); ++axis) out = reduce(out, *axis, keep);
  return out;
}

// An empty axis gives the identity: 1.
Tensor prod(const Tensor& x, const Ints& axes, bool keep) {
  const auto type = x.scalar_type() == at::kBool ? at::kInt : x.scalar_type();
  return eachAxis(x, axes, keep, [type](const Tensor& t, int64_t axis, bool k) { return at::prod(t, axis, k, type); });
}

Tensor maximum(const Tensor& x, const Ints& axes, bool keep) {
  return axes.empty() ? x : at::amax(x, axes, keep);
}

Tensor minimum(const Tensor& x, const Ints& axes, bool keep) {
  return axes.empty() ? x : at::amin(x, axes, keep);
}

Tensor all(const Tensor& x, const Ints& axes, bool keep) {
  return eachAxis(x, axes, keep, [](const Tensor& t, int64_t axis, bool k) { return at::all(t, axis, k); });
}

Tensor any(const Tensor& x, const Ints& axes, bool keep) {
  return eachAxis(x, axes, keep, [](const Tensor& t, int64_t axis, bool k) { return at::any(t, axis, k); });
}

Tensor argMax(const Tensor& x, int64_t axis) {
  return at::argmax(x.scalar_type() == at::kBool ? x.to(at::kInt) : x, axis);
}

Tensor argMin(const Tensor& x, int64_t axis) {
  return at::argmin(x.scalar_type() == at::kBool ? x.to(at::kInt) : x, axis);
}

// A scan with the options of TensorFlow: `exclusive` shifts the result by one, `fill` enters.
template <typename F>
Tensor scan(const Tensor& x, int64_t axis, bool exclusive, bool reverse, double fill, F along) {
  const Tensor in = x.scalar_type() == at::kBool ? x.to(at::kInt) : x;
  const Tensor forward = reverse ? at::flip(in, {axis}) : in;
  Tensor out = along(forward, axis);
  if (exclusive && out.size(axis) > 0) {
    auto first = out.sizes().vec();
    first[axis] = 1;
    out = at::cat({at::full(first, fill, out.options()), out.narrow(axis, 0, out.size(axis) - 1)}, axis);
  }
  return reverse ? at::flip(out, {axis}) : out;
}

Tensor cumsum(const Tensor& x, int64_t axis, bool exclusive, bool reverse) {
  return scan(x, axis, exclusive, reverse, 0, [](const Tensor& t, int64_t a) { return at::cumsum(t, a, t.scalar_type()); });
}

Tensor cumprod(const Tensor& x, int64_t axis, bool exclusive, bool reverse) {
  return scan(x, axis, exclusive, reverse, 1, [](const Tensor& t, int64_t a) { return at::cumprod(t, a, t.scalar_type()); });
}

Tensor softmax(const Tensor& x, int64_t axis) { return at::softmax(x.to(at::kFloat), axis); }
Tensor logSoftmax(const Tensor& x, int64_t axis) { return at::log_softmax(x.to(at::kFloat), axis); }

// Values and indices along the last axis; equal values in the order of their indices.
Tensors topK(const Tensor& x, int64_t k, bool sorted) {
  (void)sorted;
  const Tensor in = x.scalar_type() == at::kBool ? x.to(at::kInt) : x;
  const auto all = at::sort(in, /*stable=*/true, -1, /*descending=*/true);
  return {std::get<0>(all).narrow(-1, 0, k), std::get<1>(all).narrow(-1, 0, k)};
}

Tensor searchSorted(const Tensor& sequence, const Tensor& values, bool right) {
  return at::searchsorted(sequence, values, /*out_int32=*/true, right);
}

}  // namespace

void addReductions(Exports& ops) {
  ops.add<sum>("sum");
  ops.add<mean>("mean");
  ops.add<prod>("prod");
  ops.add<maximum>("max");
  ops.add<minimum>("min");
  ops.add<all>("all");
  ops.add<any>("any");
  ops.add<argMax>("argMax");
  ops.add<argMin>("argMin");
  ops.add<cumsum>("cumsum");
  ops.add<cumprod>("cumprod");
  ops.add<softmax>("softmax");
  ops.add<logSoftmax>("logSoftmax");
  ops.add<topK>("topK");
  ops.add<searchSorted>("searchSorted");
}

}  // namespace rampart
