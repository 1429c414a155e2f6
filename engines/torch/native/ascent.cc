// APGD's step (Croce and Hein 2020, arXiv 2003.01690, eq. 1) and its choice of rows, each in one pass over memory.
#include "bind.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <stdexcept>

namespace rampart {
namespace {

// Rows are read by pointer: all must be float32 of one shape, on the CPU.
void expectAlike(const Tensor& wanted, const Tensor& got) {
  if (!got.is_cpu() || got.scalar_type() != at::kFloat || got.sizes() != wanted.sizes())
    throw std::invalid_argument("expected " + describe(wanted) + " on the CPU, got " + describe(got));
}

int64_t rowSize(const Tensor& t) { return t.numel() / std::max<int64_t>(t.size(0), 1); }

inline float clamp(float v, float low, float high) {
  const float raised = v < low ? low : v;
  return raised > high ? high : raised;
}

inline float sign(float v) { return v > 0 ? 1 : v < 0 ? -1 : v; }

// The Linf step with momentum. `controls` `[3, n]`: radius, step size and weight of the fresh step for every row.
Tensor ascentStep(const Tensor& origin, const Tensor& x, const Tensor& previous, const Tensor& grad, const Tensor& controls) {
  for (const auto& rows : {origin, previous, grad}) expectAlike(x, rows);
  const int64_t n = x.size(0), d = rowSize(x);
  if (controls.numel() != 3 * n) throw std::invalid_argument("expected three controls for each of " + std::to_string(n) + " rows");
  Tensor next = at::empty(x.sizes(), x.options());
  const auto *origins = origin.data_ptr<float>(), *points = x.data_ptr<float>(), *before = previous.data_ptr<float>();
  const auto *grads = grad.data_ptr<float>(), *control = controls.data_ptr<float>();
  auto* out = next.data_ptr<float>();
  at::parallel_for(0, n, 8, [&](int64_t from, int64_t to) {
    for (int64_t row = from; row < to; ++row) {
      const float radius = control[row], size = control[n + row], fresh = control[2 * n + row], stale = 1 - fresh;
#pragma omp simd
      for (int64_t i = row * d; i < (row + 1) * d; ++i) {
        const float here = points[i], low = clamp(origins[i] - radius, 0, 1), high = clamp(origins[i] + radius, 0, 1);
        const float stepped = clamp(here + sign(grads[i]) * size, low, high);
        out[i] = clamp(here + (stepped - here) * fresh + (here - before[i]) * stale, low, high);
      }
    }
  });
  return next;
}

// Row `i` of `b` where `takeB[i]`, of `a` where not.
Tensor selectRows(const Tensor& a, const Tensor& b, const Tensor& takeB) {
  for (const auto& rows : {a, b}) expectAlike(a, rows);
  const int64_t n = a.size(0), d = rowSize(a);
  if (takeB.numel() != n) throw std::invalid_argument("expected one choice for each of " + std::to_string(n) + " rows");
  Tensor mixed = at::empty(a.sizes(), a.options());
  const auto *rowsA = a.data_ptr<float>(), *rowsB = b.data_ptr<float>();
  const auto* choice = takeB.data_ptr<bool>();
  auto* out = mixed.data_ptr<float>();
  at::parallel_for(0, n, 32, [&](int64_t from, int64_t to) {
    for (int64_t row = from; row < to; ++row) {
      const float* source = (choice[row] ? rowsB : rowsA) + row * d;
      std::copy(source, source + d, out + row * d);
    }
  });
  return mixed;
}

}  // namespace

void addAscent(Exports& ops) {
  ops.add<ascentStep>("ascentStep");
  ops.add<selectRows>("selectRows");
}

}  // namespace rampart
