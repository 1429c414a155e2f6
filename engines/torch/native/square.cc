// Proposals of the Square attack (Andriushchenko et al. 2020, arXiv 1912.00049, algorithm 2) where the points are: what was drawn comes as a
// few numbers for each. No number is computed, only chosen, so that the points are those that the process would have written.
#include "formula.h"

namespace rampart {
namespace {

RAMPART_FORMULA(
    betterPoint, template <typename T> T betterPoint(T best, T last, T better) { return better > 0 ? last : best; })

RAMPART_FORMULA(
    squareOn, template <typename T> T squareOn(T best, T low, T high, T row, T column, T top, T left, T side) {
      const T reach = side < 0 ? -side : side;
      const bool inside = row >= top && row < top + reach && column >= left && column < left + reach;
      return inside ? (side > 0 ? high : low) : best;
    })

// `[best, asked]`: the better of `best` and `last`, and that with a window of which each value is at an end of its range. `drawn` `[3 + c, n]`:
// whether `last` is better, the top and the left of the window, and its side, for every channel, which is negative where that goes to the lower
// end. `rows` `[1, h, 1, 1]` and `columns` `[1, 1, w, 1]` count from 0.
Tensors squareStep(const Tensor& best, const Tensor& last, const Tensor& low, const Tensor& high, const Tensor& drawn, const Tensor& rows,
                   const Tensor& columns) {
  for (const auto& points : {last, low, high}) expectAlike(best, points);
  const int64_t n = best.size(0), c = best.size(3);
  if (drawn.dim() != 2 || drawn.size(0) != 3 + c || drawn.size(1) != n)
    throw std::invalid_argument("expected what was drawn as float32 [" + std::to_string(3 + c) + ", " + std::to_string(n) + "], got " + describe(drawn));
  const Tensor better = evaluate<betterPointFormula>(Elements{best, last}, Rows{drawn[0]}, Settings{});
  const auto column = [&](int64_t i) { return drawn[i].reshape({n, 1, 1, 1}); };
  const Tensor sides = drawn.narrow(0, 3, c).t().reshape({n, 1, 1, c});
  const Tensor asked = evaluateBroadcast<squareOnFormula>(Elements{better, low, high, rows, columns, column(1), column(2), sides});
  return {better, asked};
}

}  // namespace

bool squaresAgreeOn(at::Device device) {
  const auto image = [](double phase) { return at::cos(at::arange(120, at::kFloat).mul(phase)).reshape({2, 5, 4, 3}); };
  Tensors given = {image(1), image(2), image(3), image(4)};
  given.push_back(at::tensor({0.F, 1.F, 1.F, 0.F, 2.F, 1.F, 2.F, 3.F, -2.F, 3.F, 2.F, -3.F}).reshape({6, 2}));
  given.push_back(at::arange(5, at::kFloat).reshape({1, 5, 1, 1}));
  given.push_back(at::arange(4, at::kFloat).reshape({1, 1, 4, 1}));
  const auto run = [&] { return squareStep(given[0], given[1], given[2], given[3], given[4], given[5], given[6]); };
  const Tensors here = run();
  for (auto& tensor : given) tensor = tensor.to(device);
  const Tensors there = run();
  return here[0].equal(there[0].to(at::kCPU)) && here[1].equal(there[1].to(at::kCPU));
}

void addSquare(Exports& ops) { ops.add<squareStep>("squareStep"); }

}  // namespace rampart
