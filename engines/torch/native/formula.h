// Formulas of single numbers, written once: compiled here into loops for the CPU, and given as text to the compiler of a GPU, for one launch.
#pragma once
#include <ATen/Parallel.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>
#include <utility>

#include "bind.h"

namespace rampart {

// Defines the function template `name` and `name##Formula`, by which `evaluate` knows it. Its text may call the functions below.
#define RAMPART_FORMULA(name, ...)                      \
  __VA_ARGS__                                           \
  struct name##Formula {                                \
    static constexpr const char* kName = #name;         \
    static constexpr const char* kText = #__VA_ARGS__;  \
    template <typename... Numbers>                      \
    static float of(Numbers... numbers) {               \
      return name<float>(numbers...);                   \
    }                                                   \
  };

#define RAMPART_TEXT(name, ...) \
  __VA_ARGS__                   \
  constexpr const char* name = #__VA_ARGS__;

// What formulas are made of. NaN stays NaN, but has no sign, as in TensorFlow.js and libtorch.
// clang-format off
RAMPART_TEXT(kParts,
  template <typename T> T atLeast(T v, T low) { return v < low ? low : v; }
  template <typename T> T atMost(T v, T high) { return v > high ? high : v; }
  template <typename T> T within(T v, T low, T high) { return atMost(atLeast(v, low), high); }
  template <typename T> T signOf(T v) { return v > 0 ? T(1) : v < 0 ? T(-1) : T(0); })
// clang-format on

// Rounded before it is added to anything, everywhere: a GPU's compiler is told so by another body.
template <typename T>
T product(T a, T b) {
  return a * b;
}

// Tensors of one shape whose elements a formula is given; then tensors of one number for each of their rows; then numbers for all.
template <size_t N>
struct Elements {
  std::array<Tensor, N> tensors;
};
template <size_t N>
struct Rows {
  std::array<Tensor, N> tensors;
};
template <size_t N>
struct Settings {
  std::array<double, N> numbers;
};
template <typename... T>
Elements(T...) -> Elements<sizeof...(T)>;
template <typename... T>
Rows(T...) -> Rows<sizeof...(T)>;
template <typename... T>
Settings(T...) -> Settings<sizeof...(T)>;

inline int64_t rowSize(const Tensor& t) { return t.numel() / std::max<int64_t>(t.size(0), 1); }

// Throws unless `got` is what `wanted` is: rows are read by pointer.
void expectAlike(const Tensor& wanted, const Tensor& got);
void expectNumbers(const Tensor& rows, const Tensor& numbers);

// On a GPU, in one launch.
Tensor launchFormula(const char* name, const char* text, const Tensors& inputs, const std::vector<double>& settings);

template <typename F, size_t N, size_t M, size_t... n, size_t... m>
void loopFormula(float* to, int64_t count, std::array<const float*, N> from, std::array<float, M> fixed, std::index_sequence<n...>,
                 std::index_sequence<m...>) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) to[i] = F::of(from[n][i]..., fixed[m]...);
}

template <typename F, size_t E, size_t R, size_t S, size_t... e, size_t... r, size_t... s>
Tensor loopsOf(const Elements<E>& elements, const Rows<R>& rows, const Settings<S>& settings, std::index_sequence<e...> each,
               std::index_sequence<r...>, std::index_sequence<s...>) {
  const Tensor& first = elements.tensors[0];
  const int64_t d = rowSize(first);
  Tensor made = at::empty(first.sizes(), first.options());
  const std::array<const float*, E> from = {elements.tensors[e].template data_ptr<float>()...};
  [[maybe_unused]] const std::array<const float*, R> numbers = {rows.tensors[r].template data_ptr<float>()...};
  auto* to = made.data_ptr<float>();
  at::parallel_for(0, first.numel(), 1 << 15, [&](int64_t begin, int64_t end) {
    while (begin < end) {
      const int64_t row = begin / d, stop = std::min(end, (row + 1) * d);
      loopFormula<F>(to + begin, stop - begin, std::array<const float*, E>{(from[e] + begin)...},
                     std::array<float, R + S>{numbers[r][row]..., static_cast<float>(settings.numbers[s])...}, each,
                     std::make_index_sequence<R + S>());
      begin = stop;
    }
  });
  return made;
}

// The formula of every element, float32, in the shape of the elements.
template <typename F, size_t E, size_t R, size_t S>
Tensor evaluate(const Elements<E>& elements, const Rows<R>& rows, const Settings<S>& settings) {
  const Tensor& first = elements.tensors[0];
  for (const auto& tensor : elements.tensors) expectAlike(first, tensor);
  for (const auto& tensor : rows.tensors) expectNumbers(first, tensor);
  if (first.is_cpu())
    return loopsOf<F>(elements, rows, settings, std::make_index_sequence<E>(), std::make_index_sequence<R>(), std::make_index_sequence<S>());
  if (first.numel() == 0) return at::empty(first.sizes(), first.options());
  Tensors inputs(elements.tensors.begin(), elements.tensors.end());
  Ints column(first.dim(), 1);
  column[0] = first.size(0);
  for (const auto& tensor : rows.tensors) inputs.push_back(tensor.reshape(column));
  return launchFormula(F::kName, F::kText, inputs, {settings.numbers.begin(), settings.numbers.end()});
}

// The formula of tensors that broadcast.
template <typename F, size_t N>
Tensor evaluateBroadcast(const Elements<N>& inputs) {
  const Tensors all(inputs.tensors.begin(), inputs.tensors.end());
  if (!all[0].is_cpu()) return launchFormula(F::kName, F::kText, all, {});
  const auto expanded = at::broadcast_tensors(all);
  Elements<N> whole;
  for (size_t i = 0; i < N; ++i) whole.tensors[i] = expanded[i].contiguous();
  return evaluate<F>(whole, Rows{}, Settings{});
}

// Whether `device` gives the bits of the CPU, on a few numbers. Throws where it gives none.
template <typename F, size_t E, size_t R, size_t S>
bool agreesOn(at::Device device) {
  Elements<E> elements, elementsThere;
  Rows<R> rows, rowsThere;
  Settings<S> settings;
  double phase = 1;
  for (auto& tensor : elements.tensors) tensor = at::cos(at::arange(66, at::kFloat).mul(phase++)).reshape({2, 33});
  for (auto& tensor : rows.tensors) tensor = at::cos(at::arange(2, at::kFloat).mul(phase++)).square();
  for (auto& number : settings.numbers) number = 1 / phase++;
  for (size_t i = 0; i < E; ++i) elementsThere.tensors[i] = elements.tensors[i].to(device);
  for (size_t i = 0; i < R; ++i) rowsThere.tensors[i] = rows.tensors[i].to(device);
  return evaluate<F>(elements, rows, settings).equal(evaluate<F>(elementsThere, rowsThere, settings).to(at::kCPU));
}

bool squaresAgreeOn(at::Device device);

// Whether formulas are computed on this process's device. Tried once, all of them, on a GPU; says why not.
bool formulasWork();

}  // namespace rampart
