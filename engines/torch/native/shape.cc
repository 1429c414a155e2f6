// New tensors, and old ones in another shape, order or size.
#include "bind.h"

namespace rampart {
namespace {

Tensor fill(const Ints& shape, double value, const std::string& dtype) { return at::full(shape, value, onDevice(dtype)); }
Tensor reshape(const Tensor& x, const Ints& shape) { return x.reshape(shape); }
Tensor transpose(const Tensor& x, const Ints& order) { return x.permute(order); }
Tensor tile(const Tensor& x, const Ints& repeats) { return x.repeat(repeats); }
Tensor broadcastTo(const Tensor& x, const Ints& shape) { return x.expand(shape); }
Tensor reverse(const Tensor& x, const Ints& axes) { return at::flip(x, axes); }
Tensor concat(const Tensors& parts, int64_t axis) { return at::cat(parts, axis); }
Tensor stack(const Tensors& parts, int64_t axis) { return at::stack(parts, axis); }
Tensor diagonal(const Tensor& x) { return at::diag(x.reshape(-1)).reshape([&] {
  auto shape = x.sizes().vec();
  shape.insert(shape.end(), x.sizes().begin(), x.sizes().end());
  return shape;
}()); }

// A slice is copied, so that a batch doesn't keep its whole data set alive.
Tensor slice(const Tensor& x, const Ints& begin, const Ints& size) {
  Tensor out = x;
  for (size_t i = 0; i < begin.size(); ++i) out = out.narrow(static_cast<int64_t>(i), begin[i], size[i]);
  return out.is_same(x) ? x : out.clone(at::MemoryFormat::Contiguous);
}

// Every `strides[i]`-th entry from `begin[i]`, `size[i]` of them; a negative stride runs backwards. The result is then seen as `shape`.
Tensor stridedSlice(const Tensor& x, const Ints& begin, const Ints& size, const Ints& strides, const Ints& shape) {
  Tensor out = x;
  for (size_t i = 0; i < begin.size(); ++i) {
    const auto axis = static_cast<int64_t>(i);
    if (size[i] == 0) {
      out = out.narrow(axis, 0, 0);
    } else if (strides[i] > 0) {
      out = at::slice(out, axis, begin[i], begin[i] + (size[i] - 1) * strides[i] + 1, strides[i]);
    } else {
      const int64_t last = begin[i] + (size[i] - 1) * strides[i];
      out = at::flip(at::slice(out, axis, last, begin[i] + 1, -strides[i]), {axis});
    }
  }
  return out.clone(at::MemoryFormat::Contiguous).reshape(shape);
}

Tensors split(const Tensor& x, const Ints& sizes, int64_t axis) {
  Tensors out;
  int64_t from = 0;
  for (const auto size : sizes) {
    out.push_back(x.narrow(axis, from, size).clone(at::MemoryFormat::Contiguous));
    from += size;
  }
  return out;
}

Tensors unstack(const Tensor& x, int64_t axis) {
  Tensors out;
  for (int64_t i = 0; i < x.size(axis); ++i) out.push_back(x.select(axis, i).clone(at::MemoryFormat::Contiguous));
  return out;
}

// `paddings` holds before and after of every axis in turn.
Tensor pad(const Tensor& x, const Ints& paddings, double value) {
  Ints reversed;
  for (size_t i = paddings.size(); i >= 2; i -= 2) {
    reversed.push_back(paddings[i - 2]);
    reversed.push_back(paddings[i - 1]);
  }
  return at::constant_pad_nd(x, reversed, value);
}

// Repeats the edge mirrored: `offset` 1 leaves the edge itself out (reflect), 0 repeats it (symmetric).
Tensor mirrorPad(const Tensor& x, const Ints& paddings, int64_t offset) {
  Tensor out = x;
  for (int64_t axis = 0; axis < x.dim(); ++axis) {
    const int64_t before = paddings[2 * axis], after = paddings[2 * axis + 1], n = x.size(axis);
    if (before == 0 && after == 0) continue;
    std::vector<int64_t> from;
    for (int64_t i = -before; i < n + after; ++i) {
      if (i < 0) from.push_back(-i - 1 + offset);
      else if (i >= n) from.push_back(2 * n - 1 - i - offset);
      else from.push_back(i);
    }
    out = at::index_select(out, axis, at::tensor(from, at::kLong).to(x.device()));
  }
  return out;
}

Tensor range(double start, double stop, double step, const std::string& dtype) {
  return at::arange(start, stop, step, onDevice(dtype));
}

Tensor linspace(double start, double stop, int64_t count) { return at::linspace(start, stop, count, onDevice("float32")); }

// Blocks of space go to the batch; `crops` and `paddings` as in TensorFlow.
Tensor spaceToBatch(const Tensor& x, const Ints& block, const Ints& paddings) {
  Ints pads = {0, 0};
  pads.insert(pads.end(), paddings.begin(), paddings.end());
  while (pads.size() < 2 * static_cast<size_t>(x.dim())) pads.push_back(0);
  const Tensor padded = pad(x, pads, 0);
  const auto m = static_cast<int64_t>(block.size());
  Ints shape = {padded.size(0)}, order, out = {padded.size(0)};
  for (int64_t i = 0; i < m; ++i) {
    shape.push_back(padded.size(i + 1) / block[i]);
    shape.push_back(block[i]);
    order.push_back(2 * i + 2);
    out[0] *= block[i];
    out.push_back(padded.size(i + 1) / block[i]);
  }
  order.push_back(0);
  for (int64_t i = 0; i < m; ++i) order.push_back(2 * i + 1);
  for (int64_t i = m + 1; i < x.dim(); ++i) {
    shape.push_back(padded.size(i));
    order.push_back(2 * m + i - m);
    out.push_back(padded.size(i));
  }
  return padded.reshape(shape).permute(order).reshape(out);
}

Tensor batchToSpace(const Tensor& x, const Ints& block, const Ints& crops) {
  const auto m = static_cast<int64_t>(block.size());
  int64_t batch = x.size(0);
  Ints shape = block, order;
  for (const auto b : block) batch /= b;
  shape.push_back(batch);
  for (int64_t i = 1; i < x.dim(); ++i) shape.push_back(x.size(i));
  order.push_back(m);
  Ints out = {batch};
  for (int64_t i = 0; i < m; ++i) {
    order.push_back(m + 1 + i);
    order.push_back(i);
    out.push_back(x.size(i + 1) * block[i]);
  }
  for (int64_t i = m + 1; i < x.dim(); ++i) {
    order.push_back(m + i);
    out.push_back(x.size(i));
  }
  Tensor y = x.reshape(shape).permute(order).reshape(out);
  for (int64_t i = 0; i < m; ++i) y = y.narrow(i + 1, crops[2 * i], y.size(i + 1) - crops[2 * i] - crops[2 * i + 1]);
  return y;
}

// NHWC: depth to blocks of space.
Tensor depthToSpace(const Tensor& x, int64_t block) {
  const int64_t n = x.size(0), h = x.size(1), w = x.size(2), c = x.size(3) / (block * block);
  return x.reshape({n, h, w, block, block, c}).permute({0, 1, 3, 2, 4, 5}).reshape({n, h * block, w * block, c});
}

}  // namespace

void addShapes(Exports& ops) {
  ops.add<fill>("fill");
  ops.add<reshape>("reshape");
  ops.add<transpose>("transpose");
  ops.add<tile>("tile");
  ops.add<broadcastTo>("broadcastTo");
  ops.add<reverse>("reverse");
  ops.add<concat>("concat");
  ops.add<stack>("stack");
  ops.add<diagonal>("diag");
  ops.add<slice>("slice");
  ops.add<stridedSlice>("stridedSlice");
  ops.add<split>("split");
  ops.add<unstack>("unstack");
  ops.add<pad>("pad");
  ops.add<mirrorPad>("mirrorPad");
  ops.add<range>("range");
  ops.add<linspace>("linspace");
  ops.add<spaceToBatch>("spaceToBatch");
  ops.add<batchToSpace>("batchToSpace");
  ops.add<depthToSpace>("depthToSpace");
}

}  // namespace rampart
