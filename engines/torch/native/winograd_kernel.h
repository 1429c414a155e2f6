// The body of Winograd's convolution for one instruction set. Included by one file per set, which defines RAMPART_LANES and
// RAMPART_ROWS, the rows of the result that a product keeps in registers beside two vectors of columns.
#include <cstring>

#include "winograd.h"

namespace rampart {
namespace {

constexpr int64_t kLanes = RAMPART_LANES;
constexpr int kRows = RAMPART_ROWS;
// rows in a product with one vector of columns instead of two: the same number of registers
constexpr int kTallRows = 2 * kRows;

typedef float Vec __attribute__((vector_size(RAMPART_LANES * 4), aligned(4)));

inline Vec load(const float* p) { return *reinterpret_cast<const Vec*>(p); }
inline void store(float* p, Vec v) { *reinterpret_cast<Vec*>(p) = v; }
inline Vec splat(float f) { return f - Vec{}; }

int64_t panelOf(int64_t out) { return out % (2 * kLanes) == 0 ? 2 * kLanes : kLanes; }

int64_t roundUp(int64_t n, int64_t step) { return (n + step - 1) / step * step; }

// `c[R, J vectors] = a[R, in] * b[in, J vectors]`, all of the result in registers. `a` comes in blocks of kLanes columns,
// `block` apart, so that the addresses of its rows differ by a constant.
template <int R, int J>
__attribute__((always_inline)) inline void product(const float* a, int64_t block, const float* b, int64_t in, float* c, int64_t ldc) {
  Vec sum[R][J];
#pragma GCC unroll 64
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
    for (int j = 0; j < J; ++j) sum[r][j] = Vec{};
  for (int64_t done = 0; done < in; done += kLanes, a += block) {
    for (int64_t p = 0; p < kLanes; ++p, b += J * kLanes) {
      Vec row[J];
#pragma GCC unroll 4
      for (int j = 0; j < J; ++j) row[j] = load(b + j * kLanes);
#pragma GCC unroll 64
      for (int r = 0; r < R; ++r) {
        const Vec left = splat(a[r * kLanes + p]);
#pragma GCC unroll 4
        for (int j = 0; j < J; ++j) sum[r][j] += left * row[j];
      }
    }
  }
#pragma GCC unroll 64
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
    for (int j = 0; j < J; ++j) store(c + r * ldc + j * kLanes, sum[r][j]);
}

// Columns `first` to `last` of `m[tiles, out] = v * u`: `v` in blocks of columns `[in / kLanes, tiles, kLanes]`, `u` in panels; `tiles` is a
// multiple of the rows.
void multiply(const float* v, const float* u, float* m, int64_t tiles, int64_t in, int64_t out, int64_t first, int64_t last) {
  const int64_t panel = panelOf(out), block = tiles * kLanes;
  u += first * in;
  for (int64_t o = first; o < last; o += panel, u += in * panel) {
    if (panel == 2 * kLanes)
      for (int64_t t = 0; t < tiles; t += kRows) product<kRows, 2>(v + t * kLanes, block, u, in, m + t * out + o, out);
    else
      for (int64_t t = 0; t < tiles; t += kTallRows) product<kTallRows, 1>(v + t * kLanes, block, u, in, m + t * out + o, out);
  }
}

struct Place {
  int64_t image, row, column;  // of the tile's first point in the result
};

Place placeOf(const WinogradTask& task, int64_t tile) {
  const int64_t across = (task.w + 1) / 2, down = (task.h + 1) / 2;
  return {tile / (across * down), tile / across % down * 2, tile % across * 2};
}

// The 16 points that a tile reads, transformed: `v[16][stride]`, for one vector of channels.
__attribute__((always_inline)) inline void transformInput(const float* const points[16], int64_t c, float* v, int64_t stride) {
  Vec t[16];
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    const Vec d0 = load(points[j] + c), d1 = load(points[4 + j] + c), d2 = load(points[8 + j] + c), d3 = load(points[12 + j] + c);
    t[j] = d0 - d2;
    t[4 + j] = d1 + d2;
    t[8 + j] = d2 - d1;
    t[12 + j] = d1 - d3;
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const Vec* row = t + 4 * i;
    store(v + (4 * i) * stride, row[0] - row[2]);
    store(v + (4 * i + 1) * stride, row[1] + row[2]);
    store(v + (4 * i + 2) * stride, row[2] - row[1]);
    store(v + (4 * i + 3) * stride, row[1] - row[3]);
  }
}

// The transformed points of one tile, `v[16][in / kLanes][rows][kLanes]`.
void gather(const WinogradTask& task, int64_t tile, const float* zeros, float* v, int64_t rows) {
  const auto at = placeOf(task, tile);
  const float* points[16];
  for (int64_t i = 0; i < 4; ++i)
    for (int64_t j = 0; j < 4; ++j) {
      const int64_t y = at.row + i - 1, x = at.column + j - 1;
      const bool inside = y >= 0 && y < task.h && x >= 0 && x < task.w;
      points[4 * i + j] = inside ? task.x + ((at.image * task.h + y) * task.w + x) * task.in : zeros;
    }
  for (int64_t c = 0; c < task.in; c += kLanes) transformInput(points, c, v + c * rows, rows * task.in);
}

// Bias, sum, ReLU and mask, then into the result.
__attribute__((always_inline)) inline void finish(const WinogradTask& task, Vec value, int64_t offset, int64_t o) {
  if (task.bias) value += load(task.bias + o);
  if (task.add) value += load(task.add + offset);
  if (task.relu) value = value > Vec{} ? value : (value != value ? value : Vec{});
  if (task.mask) value = load(task.mask + offset) > Vec{} ? value : Vec{};
  store(task.y + offset, value);
}

// The products of one tile, transformed back to 2x2 points.
void scatter(const WinogradTask& task, int64_t tile, const float* m, int64_t stride, int64_t from, int64_t to) {
  const auto at = placeOf(task, tile);
  const int64_t first = ((at.image * task.h + at.row) * task.w + at.column) * task.out;
  const bool below = at.row + 1 < task.h, beside = at.column + 1 < task.w;
  for (int64_t o = from; o < to; o += kLanes) {
    Vec t[8];
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
      const Vec m0 = load(m + j * stride + o), m1 = load(m + (4 + j) * stride + o);
      const Vec m2 = load(m + (8 + j) * stride + o), m3 = load(m + (12 + j) * stride + o);
      t[j] = m0 + m1 + m2;
      t[4 + j] = m1 - m2 - m3;
    }
    finish(task, t[0] + t[1] + t[2], first + o, o);
    if (beside) finish(task, t[1] - t[2] - t[3], first + task.out + o, o);
    if (below) finish(task, t[4] + t[5] + t[6], first + task.w * task.out + o, o);
    if (below && beside) finish(task, t[5] - t[6] - t[7], first + (task.w + 1) * task.out + o, o);
  }
}

int64_t scratchSize(int64_t tiles, int64_t in, int64_t out) { return 16 * roundUp(tiles, kTallRows) * (in + out) + in; }

void run(const WinogradTask& task, int64_t from, int64_t to, int64_t first, int64_t last, float* scratch) {
  const int64_t tiles = to - from, rows = roundUp(tiles, kTallRows);
  float* v = scratch;
  float* m = v + 16 * rows * task.in;
  float* zeros = m + 16 * rows * task.out;
  std::memset(zeros, 0, static_cast<size_t>(task.in) * sizeof(float));
  for (int64_t t = 0; t < tiles; ++t) gather(task, from + t, zeros, v + t * kLanes, rows);
  for (int64_t k = 0; k < 16; ++k)
    multiply(v + k * rows * task.in, task.packed + k * task.point, m + k * rows * task.out, rows, task.in, task.out, first, last);
  for (int64_t t = 0; t < tiles; ++t) scatter(task, from + t, m + t * task.out, rows * task.out, first, last);
}

constexpr WinogradKernels kKernels = {kLanes, panelOf, run, scratchSize};

}  // namespace
}  // namespace rampart
