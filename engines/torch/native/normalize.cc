// Passes over channels-last memory: a row of numbers per channel is repeated until it fills whole vectors, so that any number of
// channels runs through the same loops.
#include "normalize.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include "cpus.h"
#include "window.h"

namespace rampart {
namespace {

constexpr int64_t kLanes = 16;
typedef float Vec __attribute__((vector_size(kLanes * 4), aligned(4)));
inline const Vec& in(const float* p) { return *reinterpret_cast<const Vec*>(p); }
inline Vec& out(float* p) { return *reinterpret_cast<Vec*>(p); }

// Numbers of a loop's step.
constexpr int64_t kStep = 4 * kLanes;
// Numbers that a thread takes at a time: two operands of it stay in its cache.
constexpr int64_t kChunk = 1 << 15;

// How many numbers a row of channels fills when it is repeated to whole steps.
int64_t periodOf(int64_t channels) {
  if (channels == 0) throw std::invalid_argument("nothing is normalised without channels");
  return std::lcm(channels, kStep);
}

std::vector<float> repeated(const Tensor& row, int64_t period) {
  const Tensor dense = row.contiguous();
  const auto* values = dense.data_ptr<float>();
  const int64_t c = dense.numel();
  std::vector<float> all(static_cast<size_t>(period));
  for (int64_t i = 0; i < period; ++i) all[i] = values[i % c];
  return all;
}

// Whole periods of `size` numbers in chunks; what is left is shorter than a period.
struct Chunks {
  int64_t period, periods, perChunk;
  Chunks(int64_t size, int64_t channels)
      : period(periodOf(channels)), periods(size / period), perChunk(std::max<int64_t>(1, kChunk / period)) {}
  int64_t count() const { return (periods + perChunk - 1) / perChunk; }
  int64_t tail() const { return periods * period; }
  // `body(chunk, first period, periods)`.
  template <typename Body>
  void each(const Body& body) const {
    at::parallel_for(0, count(), 1, [&](int64_t from, int64_t to) {
      for (int64_t chunk = from; chunk < to; ++chunk) {
        const int64_t first = chunk * perChunk;
        body(chunk, first, std::min(perChunk, periods - first));
      }
    });
  }
};

RAMPART_EACH_CPU void affineRun(const float* x, const float* scale, const float* shift, const float* add, bool relu, float* y, int64_t periods,
                                int64_t period) {
  for (int64_t p = 0; p < periods; ++p)
    for (int64_t i = 0; i < period; i += kLanes) {
      const int64_t at = p * period + i;
      Vec value = in(x + at) * in(scale + i) + in(shift + i);
      if (add) value += in(add + at);
      if (relu) value = value < Vec{} ? Vec{} : value;
      out(y + at) = value;
    }
}

// Sums over the periods of `x - shift` and its square.
RAMPART_EACH_CPU void momentsRun(const float* x, const float* shift, int64_t periods, int64_t period, float* sums, float* squares) {
  for (int64_t i = 0; i < period; i += kStep) {
    Vec s0{}, s1{}, s2{}, s3{}, q0{}, q1{}, q2{}, q3{};
    const float *from = shift + i, *row = x + i;
    for (int64_t p = 0; p < periods; ++p, row += period) {
      const Vec d0 = in(row) - in(from), d1 = in(row + kLanes) - in(from + kLanes);
      const Vec d2 = in(row + 2 * kLanes) - in(from + 2 * kLanes), d3 = in(row + 3 * kLanes) - in(from + 3 * kLanes);
      s0 += d0, s1 += d1, s2 += d2, s3 += d3;
      q0 += d0 * d0, q1 += d1 * d1, q2 += d2 * d2, q3 += d3 * d3;
    }
    out(sums + i) = s0, out(sums + i + kLanes) = s1, out(sums + i + 2 * kLanes) = s2, out(sums + i + 3 * kLanes) = s3;
    out(squares + i) = q0, out(squares + i + kLanes) = q1, out(squares + i + 2 * kLanes) = q2, out(squares + i + 3 * kLanes) = q3;
  }
}

// Sums over the periods of `dy` and `dy * (x - mean)`.
RAMPART_EACH_CPU void gradientSumsRun(const float* dy, const float* x, const float* mean, int64_t periods, int64_t period, float* sums,
                                      float* products) {
  for (int64_t i = 0; i < period; i += 2 * kLanes) {
    Vec s0{}, s1{}, p0{}, p1{};
    const float *rowDy = dy + i, *rowX = x + i;
    for (int64_t p = 0; p < periods; ++p, rowDy += period, rowX += period) {
      s0 += in(rowDy), s1 += in(rowDy + kLanes);
      p0 += in(rowDy) * (in(rowX) - in(mean + i)), p1 += in(rowDy + kLanes) * (in(rowX + kLanes) - in(mean + i + kLanes));
    }
    out(sums + i) = s0, out(sums + i + kLanes) = s1;
    out(products + i) = p0, out(products + i + kLanes) = p1;
  }
}

// `a * dy + b * (x - mean) + c`.
RAMPART_EACH_CPU void gradientRun(const float* dy, const float* x, const float* mean, const float* a, const float* b, const float* c, float* dx,
                                  int64_t periods, int64_t period) {
  for (int64_t p = 0; p < periods; ++p)
    for (int64_t i = 0; i < period; i += kLanes) {
      const int64_t at = p * period + i;
      out(dx + at) = in(dy + at) * in(a + i) + (in(x + at) - in(mean + i)) * in(b + i) + in(c + i);
    }
}

// Two sums of every channel, gathered chunk by chunk in order and in double precision.
class Sums {
 public:
  Sums(const Chunks& chunks, int64_t channels)
      : chunks_(chunks), channels_(channels), parts_(static_cast<size_t>(2 * chunks.count() * chunks.period)), first(channels), second(channels) {}

  float* firstOf(int64_t chunk) { return parts_.data() + 2 * chunk * chunks_.period; }
  float* secondOf(int64_t chunk) { return firstOf(chunk) + chunks_.period; }

  void gather() {
    for (int64_t chunk = 0; chunk < chunks_.count(); ++chunk)
      for (int64_t i = 0; i < chunks_.period; ++i) {
        first[i % channels_] += firstOf(chunk)[i];
        second[i % channels_] += secondOf(chunk)[i];
      }
  }

 private:
  const Chunks& chunks_;
  int64_t channels_;
  std::vector<float> parts_;

 public:
  std::vector<double> first, second;
};

int64_t channelsOf(const Tensor& x) { return x.size(-1); }

// Only dense float32 on the CPU goes through the loops above.
bool takesLoops(const Tensor& x) { return x.is_cpu() && x.scalar_type() == at::kFloat; }

// What CUDA's kernels for batches over several processes, which take statistics and normalise apart, read without another layout.
bool takesCuda(const Tensor& x) { return x.is_cuda() && x.dim() == 4 && x.is_contiguous() && x.scalar_type() == at::kFloat && x.numel() > 0; }

Tensor rowOf(int64_t channels, const Tensor& like) { return at::empty({channels}, like.options()); }

}  // namespace

Statistics batchStatistics(const Tensor& xIn) {
  const int64_t c = channelsOf(xIn);
  if (takesCuda(xIn)) {
    // with nothing added to the variance what comes beside the mean is 1 / sqrt(variance), and infinite for a constant channel
    const auto [mean, inverse] = at::batch_norm_stats(channelsFirst(xIn), 0);
    return {mean, inverse.square_().reciprocal_()};
  }
  if (!takesLoops(xIn)) {
    const auto [variance, mean] = at::var_mean(xIn.reshape({-1, c}), at::IntArrayRef{0}, false);
    return {mean, variance};
  }
  const Tensor x = xIn.contiguous();
  const auto* values = x.data_ptr<float>();
  const Chunks chunks(x.numel(), c);
  // deviations from the first value of each channel: sums of squares lose nothing to a mean far from zero
  const auto shift = repeated(x.reshape({-1, c})[0], chunks.period);
  Sums sums(chunks, c);
  chunks.each([&](int64_t chunk, int64_t first, int64_t count) {
    momentsRun(values + first * chunks.period, shift.data(), count, chunks.period, sums.firstOf(chunk), sums.secondOf(chunk));
  });
  sums.gather();
  for (int64_t i = chunks.tail(); i < x.numel(); ++i) {
    const double d = values[i] - shift[i % c];
    sums.first[i % c] += d;
    sums.second[i % c] += d * d;
  }
  Statistics made{rowOf(c, x), rowOf(c, x)};
  const double rows = static_cast<double>(x.numel() / c);
  for (int64_t i = 0; i < c; ++i) {
    const double away = sums.first[i] / rows;
    made.mean.data_ptr<float>()[i] = static_cast<float>(shift[i] + away);
    made.variance.data_ptr<float>()[i] = static_cast<float>(std::max(sums.second[i] / rows - away * away, 0.0));
  }
  return made;
}

Tensor affine(const Tensor& xIn, const Tensor& scale, const Tensor& shift, const MaybeTensor& addIn, bool relu) {
  if (xIn.is_cuda()) {
    Tensor y = at::addcmul(shift, xIn, scale);
    if (addIn) y.add_(*addIn);
    return relu ? y.relu_() : y;
  }
  if (!takesLoops(xIn) || (addIn && addIn->sizes() != xIn.sizes())) {
    Tensor y = xIn.mul(scale).add_(shift);
    if (addIn) y = y.add(*addIn);
    return relu ? y.relu_() : y;
  }
  const Tensor x = xIn.contiguous();
  const MaybeTensor add = addIn ? MaybeTensor(addIn->contiguous()) : MaybeTensor();
  const Tensor y = at::empty(x.sizes(), x.options());
  const auto *from = x.data_ptr<float>(), *plus = add ? add->data_ptr<float>() : nullptr;
  auto* to = y.data_ptr<float>();
  const Chunks chunks(x.numel(), channelsOf(x));
  const auto scales = repeated(scale, chunks.period), shifts = repeated(shift, chunks.period);
  chunks.each([&](int64_t, int64_t first, int64_t count) {
    const int64_t at = first * chunks.period;
    affineRun(from + at, scales.data(), shifts.data(), plus ? plus + at : nullptr, relu, to + at, count, chunks.period);
  });
  for (int64_t i = chunks.tail(); i < x.numel(); ++i) {
    const float value = from[i] * scales[i % chunks.period] + shifts[i % chunks.period] + (plus ? plus[i] : 0);
    to[i] = relu && value < 0 ? 0 : value;
  }
  return y;
}

Tensor normalize(const Tensor& x, const Statistics& statistics, const Tensor& gamma, const Tensor& beta, double eps, const MaybeTensor& add,
                 bool relu) {
  if (takesCuda(x)) {
    Tensor y = channelsLast(at::batch_norm_elemt(channelsFirst(x), gamma, beta, statistics.mean, statistics.variance.add(eps).rsqrt_(), eps));
    if (add) y.add_(*add);
    return relu ? y.relu_() : y;
  }
  const Tensor scale = statistics.variance.add(eps).rsqrt_().mul_(gamma);
  return affine(x, scale, beta.sub(statistics.mean.mul(scale)), add, relu);
}

NormalizeGradients normalizeBack(Tensor dyIn, const Tensor& xIn, const Statistics& statistics, const Tensor& gamma, double eps) {
  const Tensor invStd = statistics.variance.add(eps).rsqrt_();
  if (!takesLoops(xIn)) {
    const auto [dx, dgamma, dbeta] =
        at::native_batch_norm_backward(channelsFirst(dyIn), channelsFirst(xIn), gamma, c10::nullopt, c10::nullopt, statistics.mean, invStd, true,
                                       eps, {true, true, true});
    return {channelsLast(dx), dgamma, dbeta};
  }
  const Tensor x = xIn.contiguous(), dy = dyIn.contiguous();
  dyIn.reset();
  const int64_t c = channelsOf(x);
  const Chunks chunks(x.numel(), c);
  const auto* values = x.data_ptr<float>();
  const auto* slopes = dy.data_ptr<float>();
  const auto mean = repeated(statistics.mean, chunks.period);
  Sums sums(chunks, c);
  chunks.each([&](int64_t chunk, int64_t first, int64_t count) {
    const int64_t at = first * chunks.period;
    gradientSumsRun(slopes + at, values + at, mean.data(), count, chunks.period, sums.firstOf(chunk), sums.secondOf(chunk));
  });
  sums.gather();
  for (int64_t i = chunks.tail(); i < x.numel(); ++i) {
    sums.first[i % c] += slopes[i];
    sums.second[i % c] += static_cast<double>(slopes[i]) * (values[i] - mean[i % c]);
  }
  // a view is held by nobody else, but its memory may be
  const bool ours = dy.use_count() == 1 && dy.storage().use_count() == 1;
  NormalizeGradients made{ours ? dy : at::empty(x.sizes(), x.options()), rowOf(c, x), rowOf(c, x)};
  const Tensor a = invStd.mul(gamma), b = rowOf(c, x), constant = rowOf(c, x);
  const double rows = static_cast<double>(x.numel() / c);
  for (int64_t i = 0; i < c; ++i) {
    const double inverse = invStd.data_ptr<float>()[i], factor = a.data_ptr<float>()[i];
    made.dbeta.data_ptr<float>()[i] = static_cast<float>(sums.first[i]);
    made.dgamma.data_ptr<float>()[i] = static_cast<float>(sums.second[i] * inverse);
    b.data_ptr<float>()[i] = static_cast<float>(-factor * inverse * inverse * sums.second[i] / rows);
    constant.data_ptr<float>()[i] = static_cast<float>(-factor * sums.first[i] / rows);
  }
  const auto as = repeated(a, chunks.period), bs = repeated(b, chunks.period), cs = repeated(constant, chunks.period);
  auto* to = made.dx.data_ptr<float>();
  chunks.each([&](int64_t, int64_t first, int64_t count) {
    const int64_t at = first * chunks.period;
    gradientRun(slopes + at, values + at, mean.data(), as.data(), bs.data(), cs.data(), to + at, count, chunks.period);
  });
  for (int64_t i = chunks.tail(); i < x.numel(); ++i) {
    const int64_t k = i % chunks.period;
    to[i] = slopes[i] * as[k] + (values[i] - mean[k]) * bs[k] + cs[k];
  }
  return made;
}

}  // namespace rampart
