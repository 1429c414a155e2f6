// FAB's step (Croce and Hein 2020, arXiv 1907.02044): projections onto a hyperplane inside the box, row by row while a row is in the cache.
#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "formula.h"

namespace rampart {
namespace {

enum class Norm { linf, l2, l1 };

Norm normOf(const std::string& name) {
  if (name == "Linf") return Norm::linf;
  if (name == "L2") return Norm::l2;
  if (name == "L1") return Norm::l1;
  throw std::invalid_argument("norm " + name + " is none of Linf, L2, L1");
}

// Rows are read by pointer: all must be float32 of one size, on the CPU.
void expectRows(const Tensor& wanted, const Tensor& got) {
  if (!got.is_cpu() || got.scalar_type() != at::kFloat || got.numel() != wanted.numel())
    throw std::invalid_argument("expected as many float32 on the CPU as " + describe(wanted) + " has, got " + describe(got));
}

constexpr float kForever = 1e12F;
// Weights up to this count as zero in L2 and L1, as in the authors' code.
constexpr float kNegligible = 1e-8F;
constexpr int64_t kBlock = 256;

// The sum of `term(i)`: short sums in float, which are added up in double.
template <typename Term>
double sumOf(int64_t d, Term term) {
  double total = 0;
  for (int64_t from = 0; from < d; from += kBlock) {
    const int64_t to = std::min(d, from + kBlock);
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = from; i < to; ++i) sum += term(i);
    total += sum;
  }
  return total;
}

// The norm of `v(0) .. v(d - 1)`; NaN where one of them is.
template <typename Value>
float sizeOf(Norm norm, int64_t d, Value v) {
  if (norm == Norm::l2) return static_cast<float>(std::sqrt(sumOf(d, [=](int64_t i) { return v(i) * v(i); })));
  const auto sum = static_cast<float>(sumOf(d, [=](int64_t i) { return std::fabs(v(i)); }));
  if (norm == Norm::l1 || std::isnan(sum)) return sum;
  float lanes[8] = {};
  int64_t i = 0;
  for (; i + 8 <= d; i += 8)
    for (int64_t j = 0; j < 8; ++j) lanes[j] = std::fabs(v(i + j)) > lanes[j] ? std::fabs(v(i + j)) : lanes[j];
  float most = *std::max_element(lanes, lanes + 8);
  for (; i < d; ++i) most = std::max(most, std::fabs(v(i)));
  return most;
}

// Projects one row after the other; a comparison is written so that NaN comes through it.
class Projector {
 public:
  Projector(Norm norm, int64_t d)
      : norm_(norm), d_(d), flat_(norm == Norm::linf ? 1 : 0), steep_(1 - flat_), weight_(d), way_(d), rate_(d), limit_(d) {}

  // The smallest step from `t` in the box to the hyperplane `w.z = b`; `offset` is `w.t - b`.
  void project(const float* t, const float* w, float offset, float* step) {
    const float gap = std::fabs(offset);
    prepare(t, w, offset < 0);
    if (norm_ == Norm::l1)
      steepestFirst(gap, step);
    else
      together(gap, step);
  }

 private:
  void prepare(const float* t, const float* w, bool rising) {
    const float toward = rising ? 1 : -1, least = norm_ == Norm::linf ? 0 : kNegligible, flat = flat_, steep = steep_;
    float *weight = weight_.data(), *way = way_.data(), *rate = rate_.data(), *limit = limit_.data();
#pragma omp simd
    for (int64_t i = 0; i < d_; ++i) {
      const float size = std::fabs(w[i]);
      const float useful = size <= least ? 0 : 1;
      const float end = w[i] * toward > 0 ? 1 : 0;
      weight[i] = size * useful;
      way[i] = (end - t[i]) * useful;
      rate[i] = weight[i] * (flat + steep * weight[i]);
      limit[i] = weight[i] * std::fabs(way[i]);
    }
  }

  // Linf and L2: all coordinates move at once, at speed 1 or `|w|`, until they meet the box. What `w.z` gains grows in straight pieces,
  // ever flatter: from the end of one piece, extended, the next is found, and no time is passed twice.
  void together(float gap, float* step) const {
    const float *weight = weight_.data(), *way = way_.data(), *rate = rate_.data(), *limit = limit_.data();
    const double total = sumOf(d_, [=](int64_t i) { return rate[i]; });
    double time = gap / (total < 1e-30 ? 1e-30 : total);
    for (;;) {
      const auto now = static_cast<float>(time);
      const double gained = sumOf(d_, [=](int64_t i) { return limit[i] <= rate[i] * now ? limit[i] : 0; });
      const double speed = sumOf(d_, [=](int64_t i) { return limit[i] <= rate[i] * now ? 0 : rate[i]; });
      // nothing left to move: the hyperplane misses the box
      const double next = speed == 0 ? kForever : (gap - gained) / speed;
      if (!(next > time)) break;
      time = next;
    }
    const auto end = static_cast<float>(time > kForever ? kForever : time);
    const float flat = flat_, steep = steep_;
#pragma omp simd
    for (int64_t i = 0; i < d_; ++i) {
      const float room = std::fabs(way[i]), moved = (flat + steep * weight[i]) * end;
      step[i] = std::copysign(room < moved ? room : moved, way[i]);
    }
  }

  // L1: coordinates go all the way to the box, the heaviest first, until those of one weight share what is left.
  void steepestFirst(float gap, float* step) {
    const double total = sumOf(d_, [limit = limit_.data()](int64_t i) { return limit[i]; });
    const bool unknown = std::isnan(total) || std::isnan(gap);
    const auto [level, share] = unknown ? std::pair(0.0F, std::numeric_limits<float>::quiet_NaN()) : lastWeight(gap);
    const float *weight = weight_.data(), *way = way_.data();
#pragma omp simd
    for (int64_t i = 0; i < d_; ++i) step[i] = way[i] * (weight[i] > level ? 1 : weight[i] == level ? share : 0);
    if (unknown) std::fill(step, step + d_, share);
  }

  // The weight at which the gap is closed and the share of their way that coordinates of this weight go. Halves the range of weights that
  // are left; `rate_` and `limit_` become their weights and gains.
  std::pair<float, float> lastWeight(double gap) {
    float *weight = rate_.data(), *gain = limit_.data();
    int64_t left = 0;
    for (int64_t i = 0; i < d_; ++i) {
      weight[left] = weight_[i];
      gain[left] = gain[i];
      left += gain[i] > 0;
    }
    while (left > 0) {
      const auto [low, high] = std::minmax_element(weight, weight + left);
      const float least = *low, most = *high;
      if (least == most) {
        const double all = sumOf(left, [=](int64_t i) { return gain[i]; });
        return {least, static_cast<float>(std::min(1.0, gap / all))};
      }
      const float half = least + (most - least) / 2, middle = half < most ? half : least;
      const double above = sumOf(left, [=](int64_t i) { return weight[i] > middle ? gain[i] : 0; });
      const bool enough = above >= gap;
      if (!enough) gap -= above;
      int64_t kept = 0;
      for (int64_t i = 0; i < left; ++i) {
        const bool keep = (weight[i] > middle) == enough;
        weight[kept] = weight[i];
        gain[kept] = gain[i];
        kept += keep;
      }
      left = kept;
    }
    return {0.0F, 0.0F};
  }

  Norm norm_;
  int64_t d_;
  // The speed of a coordinate is `flat + steep * |w|`.
  float flat_, steep_;
  // `|w|`, 0 where a coordinate cannot help; how far it can go and in which direction; what it gains in a unit of time; and at most.
  std::vector<float> weight_, way_, rate_, limit_;
};

Tensor hyperplaneStep(const Tensor& t, const Tensor& w, const Tensor& offset, const std::string& normName) {
  const Norm norm = normOf(normName);
  expectRows(w, t);
  expectNumbers(w, offset);
  const int64_t n = w.size(0), d = w.size(1);
  Tensor step = at::empty({n, d}, w.options());
  const auto *tAll = t.data_ptr<float>(), *wAll = w.data_ptr<float>(), *offsets = offset.data_ptr<float>();
  auto* out = step.data_ptr<float>();
  at::parallel_for(0, n, 1, [&](int64_t from, int64_t to) {
    Projector projector(norm, d);
    for (int64_t i = from; i < to; ++i) projector.project(tAll + i * d, wAll + i * d, offsets[i], out + i * d);
  });
  return step;
}

struct Mix {
  Norm norm;
  float alphaMax, eta;
};

// One row of `boundaryStep`: returns the distance from the image.
float walk(Projector& projector, const Mix& mix, int64_t d, const float* x, const float* origin, const float* w, float offset,
           float* fromPoint, float* fromImage, float* out) {
  projector.project(x, w, offset, fromPoint);
  const auto between = static_cast<float>(sumOf(d, [=](int64_t i) { return w[i] * (origin[i] - x[i]); }));
  projector.project(origin, w, offset + between, fromImage);
  const float a = std::max(sizeOf(mix.norm, d, [=](int64_t i) { return fromPoint[i]; }), 1e-8F);
  const float b = std::max(sizeOf(mix.norm, d, [=](int64_t i) { return fromImage[i]; }), 1e-8F);
  const float alpha = std::min(a / (a + b), mix.alphaMax), rest = 1 - alpha, eta = mix.eta;
#pragma omp simd
  for (int64_t i = 0; i < d; ++i) {
    const float mixed = (x[i] + fromPoint[i] * eta) * rest + (origin[i] + fromImage[i] * eta) * alpha;
    const float low = mixed < 0 ? 0 : mixed;
    out[i] = low > 1 ? 1 : low;
  }
  return sizeOf(mix.norm, d, [=](int64_t i) { return out[i] - origin[i]; });
}

// `[reached, distances from the images]`.
Tensors boundaryStep(const Tensor& x, const Tensor& origin, const Tensor& w, const Tensor& offset, const std::string& norm, double alphaMax,
                     double eta) {
  const Mix mix{normOf(norm), static_cast<float>(alphaMax), static_cast<float>(eta)};
  for (const auto& rows : {x, origin, w}) expectRows(x, rows);
  expectNumbers(x, offset);
  const int64_t n = x.size(0), d = x.numel() / std::max<int64_t>(n, 1);
  Tensor reached = at::empty(x.sizes(), x.options()), distances = at::empty({n}, x.options());
  const auto *xAll = x.data_ptr<float>(), *origins = origin.data_ptr<float>(), *wAll = w.data_ptr<float>();
  const auto* offsets = offset.data_ptr<float>();
  auto *out = reached.data_ptr<float>(), *sizes = distances.data_ptr<float>();
  at::parallel_for(0, n, 1, [&](int64_t from, int64_t to) {
    Projector projector(mix.norm, d);
    std::vector<float> fromPoint(d), fromImage(d);
    for (int64_t i = from; i < to; ++i)
      sizes[i] = walk(projector, mix, d, xAll + i * d, origins + i * d, wAll + i * d, offsets[i], fromPoint.data(), fromImage.data(),
                      out + i * d);
  });
  return {reached, distances};
}

}  // namespace

void addHyperplane(Exports& ops) {
  ops.add<hyperplaneStep>("hyperplaneStep");
  ops.add<boundaryStep>("boundaryStep");
}

}  // namespace rampart
