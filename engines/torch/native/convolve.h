// Two-dimensional convolutions on dense `[n, h, w, c]` images as networks use them, with what follows each in the same call.
#pragma once
#include "bind.h"

namespace rampart {

// Weights of one convolution, in every layout that a pass wants. `winograd*` are absent where that algorithm doesn't fit.
struct ConvWeights {
  Tensor filter;  // `[k, k, in, out]`; the convolution is computed in its dtype
  MaybeTensor winograd, winogradBack;
};

// What follows a convolution, in this order; absent parts are skipped.
struct Epilogue {
  MaybeTensor bias;  // `[out]`
  MaybeTensor add;   // of the result's shape
  bool relu = false;
  MaybeTensor mask;  // zero where this is not above zero: the gradient of a ReLU whose output it is
};

// Throws unless what follows the convolution `y` has its shape: it is read by pointer.
void expectSizes(const Epilogue& after, const Tensor& y);

Tensor convolve(const Tensor& x, const ConvWeights& weights, int64_t stride, int64_t pad, const Epilogue& after);

// The product of `dy` with the Jacobian of the convolution, for inputs of `shape`.
Tensor convolveBack(const Tensor& dy, const ConvWeights& weights, at::IntArrayRef shape, int64_t stride, int64_t pad, const Epilogue& after);

// Winograd's algorithm: which convolutions it takes, filters packed for it (`back`: for the product with the Jacobian), and the convolution
// itself. With a packed filter it is the faster one for a single image too: oneDNN puts a filter into its own order at every call.
bool winogradFits(const Tensor& filter, int64_t stride, int64_t pad);
// Whether it repays packing the filter for one use.
bool winogradRepays(const Tensor& filter, at::IntArrayRef image, int64_t stride, int64_t pad);
Tensor winogradPack(const Tensor& filter, bool back);
Tensor winogradConvolve(const Tensor& x, const Tensor& packed, const Epilogue& after);

// A filter `[k, k, in, out]` with the same shape and the channels of each output together in memory, which oneDNN and cuDNN want. It is a matrix
// transposed, for which libtorch has a faster copy than for four axes in another order, and which it would else make at every call.
Tensor channelsTogether(const Tensor& filter);
// A gradient `[out, in, k, k]` of it as `[k, k, in, out]`.
Tensor channelsApart(const Tensor& grad);

// oneDNN for every batch size: libtorch itself leaves it for small batches on one thread.
Tensor directConvolution(const Tensor& x, const Tensor& weight, const c10::optional<Tensor>& bias, at::IntArrayRef pads, at::IntArrayRef strides,
                         at::IntArrayRef dilations, int64_t groups);
std::tuple<Tensor, Tensor> directGradients(const Tensor& dy, const Tensor& x, const Tensor& weight, at::IntArrayRef pads, at::IntArrayRef strides,
                                           at::IntArrayRef dilations, int64_t groups, bool ofInput, bool ofWeight);

}  // namespace rampart
