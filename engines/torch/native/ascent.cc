// Steps of gradient ascent (Madry et al. 2018; APGD: Croce and Hein 2020, arXiv 2003.01690, eq. 1), and the choice of rows.
// Additions and products are rounded in the order of the composed steps, so that both give the same bits.
#include <iostream>

#include "formula.h"
#include "transfer.h"

namespace rampart {
namespace {

RAMPART_FORMULA(
    cubeStep, template <typename T> T cubeStep(T x, T grad, T origin, T step, T radius) {
      const T moved = x + (grad > 0 ? step : grad < 0 ? -step : T(0));
      return within(within(moved, origin - radius, origin + radius), T(0), T(1));
    })

RAMPART_FORMULA(
    cubeAscent, template <typename T> T cubeAscent(T origin, T x, T previous, T grad, T radius, T size, T fresh) {
      const T low = within(origin - radius, T(0), T(1)), high = within(origin + radius, T(0), T(1));
      const T stepped = within(x + product(signOf(grad), size), low, high);
      return within((x + product(stepped - x, fresh)) + product(x - previous, 1 - fresh), low, high);
    })

// Of a step along `grad`, which is `length` long, where it leads from `origin`.
RAMPART_FORMULA(
    ballStep, template <typename T> T ballStep(T origin, T x, T grad, T length, T size) {
      return (x + product(grad / atLeast(length, T(1e-12)), size)) - origin;
    })

RAMPART_FORMULA(
    ballAhead, template <typename T> T ballAhead(T origin, T x, T grad, T length, T size) {
      return (x + product(grad, size / (length + T(1e-12)))) - origin;
    })

// `origin + delta`, where `delta`, which is `length` long, is cut to the ball and to the box.
RAMPART_FORMULA(
    intoBall, template <typename T> T intoBall(T origin, T delta, T length, T radius) {
      return within(origin + product(delta, atMost(radius / atLeast(length, T(1e-12)), T(1))), T(0), T(1));
    })

// The step `ahead` cut so, then on by inertia: where that leads from `origin`.
RAMPART_FORMULA(
    ballOnward, template <typename T> T ballOnward(T origin, T x, T previous, T ahead, T length, T radius, T fresh) {
      const T stepped = within(origin + product(ahead, atMost(radius / atLeast(length, T(1e-12)), T(1))), T(0), T(1));
      return ((x + product(stepped - x, fresh)) + product(x - previous, 1 - fresh)) - origin;
    })

RAMPART_FORMULA(
    partWayBack, template <typename T> T partWayBack(T origin, T x, T moves, T share) {
      return moves > 0 ? origin + product(x - origin, share) : x;
    })

// The Euclidean length of every row `[n]`: on the CPU as the composed steps sum it, on a GPU in one launch.
Tensor lengths(const Tensor& rows) {
  const Tensor flat = rows.flatten(1);
  if (flat.is_cpu()) return flat.square().sum(1).sqrt();
  return at::linalg_vector_norm(flat, 2, Ints{1});
}

// Radius, step size and weight of the fresh step of every row, from `[3, n]`.
std::array<Tensor, 3> controlsOf(const Tensor& controls, const Tensor& x) {
  if (controls.numel() != 3 * x.size(0))
    throw std::invalid_argument("expected three controls for each of " + std::to_string(x.size(0)) + " rows, got " + describe(controls));
  return {controls[0], controls[1], controls[2]};
}

// The Linf step of PGD.
Tensor signStep(const Tensor& x, const Tensor& grad, const Tensor& origin, double step, double eps) {
  return evaluate<cubeStepFormula>(Elements{x, grad, origin}, Rows{}, Settings{step, eps});
}

// Its L2 step.
Tensor sphereStep(const Tensor& x, const Tensor& grad, const Tensor& origin, double step, double eps) {
  const Tensor delta = evaluate<ballStepFormula>(Elements{origin, x, grad}, Rows{lengths(grad)}, Settings{step});
  return evaluate<intoBallFormula>(Elements{origin, delta}, Rows{lengths(delta)}, Settings{eps});
}

// The Linf step with momentum.
Tensor ascentStep(const Tensor& origin, const Tensor& x, const Tensor& previous, const Tensor& grad, const Tensor& controls) {
  const auto [radius, size, fresh] = controlsOf(controls, x);
  return evaluate<cubeAscentFormula>(Elements{origin, x, previous, grad}, Rows{radius, size, fresh}, Settings{});
}

// The L2 step with momentum.
Tensor sphereAscent(const Tensor& origin, const Tensor& x, const Tensor& previous, const Tensor& grad, const Tensor& controls) {
  const auto [radius, size, fresh] = controlsOf(controls, x);
  const Tensor ahead = evaluate<ballAheadFormula>(Elements{origin, x, grad}, Rows{lengths(grad), size}, Settings{});
  const Tensor onward = evaluate<ballOnwardFormula>(Elements{origin, x, previous, ahead}, Rows{lengths(ahead), radius, fresh}, Settings{});
  return evaluate<intoBallFormula>(Elements{origin, onward}, Rows{lengths(onward), radius}, Settings{});
}

// FAB's way back from a point that errs: `share` of it stays, in rows whose number in `moves` is 1.
Tensor stepBack(const Tensor& origin, const Tensor& x, const Tensor& moves, double share) {
  return evaluate<partWayBackFormula>(Elements{origin, x}, Rows{moves}, Settings{share});
}

// Row `i` of `b` where `takeB[i]`, of `a` where not.
Tensor selectRows(const Tensor& a, const Tensor& b, const Tensor& takeB) {
  expectAlike(a, b);
  const int64_t n = a.size(0), d = rowSize(a);
  if (takeB.numel() != n) throw std::invalid_argument("expected one choice for each of " + std::to_string(n) + " rows");
  if (!a.is_cpu()) {
    Ints column(a.dim(), 1);
    column[0] = n;
    return at::where(takeB.reshape(column), b, a);
  }
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

bool allAgreeOn(at::Device device) {
  return agreesOn<cubeStepFormula, 3, 0, 2>(device) && agreesOn<cubeAscentFormula, 4, 3, 0>(device) &&
         agreesOn<ballStepFormula, 3, 1, 1>(device) && agreesOn<ballAheadFormula, 3, 2, 0>(device) &&
         agreesOn<intoBallFormula, 2, 1, 1>(device) && agreesOn<intoBallFormula, 2, 2, 0>(device) &&
         agreesOn<ballOnwardFormula, 4, 3, 0>(device) && agreesOn<partWayBackFormula, 2, 1, 1>(device) && squaresAgreeOn(device);
}

}  // namespace

bool formulasWork() {
  static const bool work = [] {
    if (device().is_cpu()) return true;
    std::string why = "their numbers are not those of the CPU";
    try {
      const c10::InferenceMode guard;
      if (allAgreeOn(device())) return true;
    } catch (const std::exception& error) {
      why = error.what();
    }
    std::cerr << "[torch] steps of attacks are launched operation by operation, because as one launch they failed: " << why << std::endl;
    return false;
  }();
  return work;
}

void addAscent(Exports& ops) {
  ops.add<signStep>("signStep");
  ops.add<sphereStep>("sphereStep");
  ops.add<ascentStep>("ascentStep");
  ops.add<sphereAscent>("sphereAscent");
  ops.add<stepBack>("stepBack");
  ops.add<selectRows>("selectRows");
}

}  // namespace rampart
