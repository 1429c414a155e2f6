// Gather, scatter, one-hot and segment sums.
#include "bind.h"

#include <stdexcept>

namespace rampart {
namespace {

void checkRange(const Tensor& indices, int64_t size) {
  if (indices.numel() == 0) return;
  const auto low = indices.min().item<int64_t>(), high = indices.max().item<int64_t>();
  if (low < 0 || high >= size)
    throw std::out_of_range("GatherV2: the index value " + std::to_string(low < 0 ? low : high) + " is not in [0, " + std::to_string(size - 1) + "]");
}

// `x` along `axis`; the first `batchDims` axes of both go together.
Tensor gather(const Tensor& x, const Tensor& indices, int64_t axis, int64_t batchDims) {
  if (batchDims < 0 || batchDims > axis || axis >= x.dim() || batchDims > indices.dim())
    throw std::invalid_argument("gather: axis " + std::to_string(axis) + " and " + std::to_string(batchDims) + " batch axes do not fit");
  const Tensor at = indices.to(at::kLong);
  checkRange(at, x.size(axis));
  Ints batch(x.sizes().begin(), x.sizes().begin() + batchDims);
  const Ints outer(x.sizes().begin() + batchDims, x.sizes().begin() + axis);
  const Ints inner(x.sizes().begin() + axis + 1, x.sizes().end());
  const Ints picked(at.sizes().begin() + batchDims, at.sizes().end());
  Ints shape = batch;
  for (const auto* part : {&outer, &picked, &inner}) shape.insert(shape.end(), part->begin(), part->end());
  if (batchDims == 0) return at::index_select(x, axis, at.reshape(-1)).reshape(shape);
  const int64_t n = c10::multiply_integers(batch), rows = c10::multiply_integers(outer), columns = c10::multiply_integers(inner);
  const Tensor flat = x.reshape({n, rows, x.size(axis), columns});
  const Tensor chosen = at.reshape({n, 1, -1, 1}).expand({n, rows, at.numel() / std::max<int64_t>(n, 1), columns});
  return at::gather(flat, 2, chosen).reshape(shape);
}

// Flat positions of index tuples `[..., depth]` in a tensor whose first axes are `dims`.
Tensor flatten(const Tensor& indices, const Ints& dims) {
  const auto depth = static_cast<int64_t>(dims.size());
  Tensor flat = at::zeros({indices.numel() / std::max<int64_t>(depth, 1)}, indices.options().dtype(at::kLong));
  const Tensor rows = indices.to(at::kLong).reshape({-1, depth});
  for (int64_t i = 0; i < depth; ++i) {
    const Tensor column = rows.select(1, i);
    if (column.numel() > 0 && (column.min().item<int64_t>() < 0 || column.max().item<int64_t>() >= dims[i]))
      throw std::out_of_range("invalid indices: an entry of column " + std::to_string(i) + " does not index into size " + std::to_string(dims[i]));
    flat = flat * dims[i] + column;
  }
  return flat;
}

// Splits a shape after `depth` axes: the sizes before, and the entries of one slice.
std::pair<Ints, int64_t> leading(at::IntArrayRef shape, int64_t depth) {
  if (depth < 0 || depth > static_cast<int64_t>(shape.size()))
    throw std::invalid_argument("index tuples of " + std::to_string(depth) + " entries for a tensor of rank " + std::to_string(shape.size()));
  return {Ints(shape.begin(), shape.begin() + depth), c10::multiply_integers(shape.begin() + depth, shape.end())};
}

Tensor gatherNd(const Tensor& params, const Tensor& indices) {
  const int64_t depth = indices.dim() > 0 ? indices.size(-1) : -1;
  const auto [dims, width] = leading(params.sizes(), depth);
  Ints shape(indices.sizes().begin(), indices.sizes().end() - 1);
  shape.insert(shape.end(), params.sizes().begin() + depth, params.sizes().end());
  if (c10::multiply_integers(shape) == 0) return at::empty(shape, params.options());
  return at::index_select(params.reshape({-1, width}), 0, flatten(indices, dims)).reshape(shape);
}

// Zeros of `shape` with `updates` added at `indices`.
Tensor scatterNd(const Tensor& indices, const Tensor& updates, const Ints& shape) {
  const int64_t depth = indices.dim() > 1 ? indices.size(-1) : 1;
  const auto [dims, width] = leading(shape, depth);
  const Tensor out = at::zeros(shape, updates.options());
  if (out.numel() == 0 || indices.numel() == 0) return out;
  const Tensor flat = flatten(indices, dims);
  out.view({-1, width}).index_add_(0, flat, updates.reshape({flat.numel(), width}));
  return out;
}

// A copy of `tensor` with `updates` written at `indices`.
Tensor scatterUpdate(const Tensor& tensor, const Tensor& indices, const Tensor& updates) {
  const int64_t depth = indices.dim() > 1 ? indices.size(-1) : 1;
  const auto [dims, width] = leading(tensor.sizes(), depth);
  const Tensor out = tensor.clone();
  if (indices.numel() == 0) return out;
  const Tensor flat = flatten(indices, dims);
  out.view({-1, width}).index_copy_(0, flat, updates.to(tensor.scalar_type()).reshape({flat.numel(), width}));
  return out;
}

// An index outside [0, depth) gives a row of `off`.
Tensor oneHot(const Tensor& indices, int64_t depth, double on, double off, const std::string& dtype) {
  const Tensor classes = at::arange(depth, indices.options().dtype(at::kInt));
  const Tensor hit = at::eq(indices.to(at::kInt).unsqueeze(-1), classes);
  const auto options = onDevice(dtype);
  return at::where(hit, at::full({}, on, options), at::full({}, off, options));
}

// Entries of `x` with a segment outside [0, count) are left out.
Tensor segmentSum(const Tensor& x, const Tensor& segments, int64_t count) {
  if (segments.dim() > x.dim()) throw std::invalid_argument("segmentSum: more axes of segments than of the tensor");
  const Tensor ids = segments.to(at::kLong).reshape(-1);
  auto shape = x.sizes().vec();
  shape.erase(shape.begin(), shape.begin() + segments.dim());
  const int64_t width = c10::multiply_integers(shape);
  shape.insert(shape.begin(), count);
  const Tensor inside = at::logical_and(ids >= 0, ids < count).nonzero().squeeze(1);
  const Tensor rows = x.reshape({-1, width}).index_select(0, inside);
  return at::zeros({count, width}, x.options()).index_add_(0, ids.index_select(0, inside), rows).reshape(shape);
}

}  // namespace

void addIndexing(Exports& ops) {
  ops.add<gather>("gather");
  ops.add<gatherNd>("gatherNd");
  ops.add<scatterNd>("scatterNd");
  ops.add<scatterUpdate>("scatterUpdate");
  ops.add<oneHot>("oneHot");
  ops.add<segmentSum>("segmentSum");
}

}  // namespace rampart
