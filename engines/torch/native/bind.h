// The border: JavaScript arguments become C++ values, results become slots, and every C++ exception becomes a JavaScript error.
#pragma once
#define NAPI_VERSION 8
#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <napi.h>

#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "memory.h"
#include "slots.h"

namespace rampart {

using at::Tensor;
using Ints = std::vector<int64_t>;
using Tensors = std::vector<Tensor>;
using MaybeTensor = std::optional<Tensor>;

// From JavaScript: a tensor is its slot, absent is null or undefined, lists are arrays.
template <typename T>
struct From;
template <>
struct From<Tensor> {
  static Tensor of(const Napi::Value& v) { return slots().get(v.As<Napi::Number>().Int32Value()); }
};
template <>
struct From<MaybeTensor> {
  static MaybeTensor of(const Napi::Value& v) {
    if (v.IsNull() || v.IsUndefined()) return std::nullopt;
    return From<Tensor>::of(v);
  }
};
template <>
struct From<double> {
  static double of(const Napi::Value& v) { return v.As<Napi::Number>().DoubleValue(); }
};
template <>
struct From<int64_t> {
  static int64_t of(const Napi::Value& v) { return v.As<Napi::Number>().Int64Value(); }
};
template <>
struct From<bool> {
  static bool of(const Napi::Value& v) { return v.ToBoolean().Value(); }
};
template <>
struct From<std::string> {
  static std::string of(const Napi::Value& v) { return v.As<Napi::String>().Utf8Value(); }
};
template <typename T>
struct From<std::vector<T>> {
  static std::vector<T> of(const Napi::Value& v) {
    const auto array = v.As<Napi::Array>();
    std::vector<T> out;
    out.reserve(array.Length());
    for (uint32_t i = 0; i < array.Length(); ++i) out.push_back(From<T>::of(array.Get(i)));
    return out;
  }
};

// A typed array or Buffer, which JavaScript holds during the call.
struct Bytes {
  const uint8_t* data;
  size_t size;
};
template <>
struct From<Bytes> {
  static Bytes of(const Napi::Value& v) {
    const auto array = v.As<Napi::TypedArray>();
    return {static_cast<const uint8_t*>(array.ArrayBuffer().Data()) + array.ByteOffset(), array.ByteLength()};
  }
};

// To JavaScript: `{slot, shape, dtype}`, with the dtype of TensorFlow.js.
Napi::Value toJs(Napi::Env env, const Tensor& tensor);
Napi::Value toJs(Napi::Env env, const Tensors& tensors);
inline Napi::Value toJs(Napi::Env env, double value) { return Napi::Number::New(env, value); }
inline Napi::Value toJs(Napi::Env env, bool value) { return Napi::Boolean::New(env, value); }
inline Napi::Value toJs(Napi::Env env, int64_t value) { return Napi::Number::New(env, static_cast<double>(value)); }

// Where new tensors go, in the dtype of that name.
at::TensorOptions onDevice(const std::string& dtype);

// `float32 [2, 3]`.
std::string describe(const Tensor& tensor);

// An argument as an error message shows it.
template <typename T>
std::string show(const Napi::Value& v) {
  if constexpr (std::is_same_v<T, Tensor> || std::is_same_v<T, MaybeTensor>) {
    if (!v.IsNumber()) return "none";
    try {
      return describe(slots().get(v.As<Napi::Number>().Int32Value()));
    } catch (const std::exception&) {
      return "an empty slot";
    }
  } else if constexpr (std::is_same_v<T, Tensors>) {
    std::string out;
    const auto array = v.As<Napi::Array>();
    for (uint32_t i = 0; i < array.Length(); ++i) out += (i ? ", " : "") + show<Tensor>(array.Get(i));
    return "[" + out + "]";
  } else if constexpr (std::is_same_v<T, Bytes>) {
    return std::to_string(From<Bytes>::of(v).size) + " bytes";
  } else {
    // a long list says little in a message
    const std::string text = v.ToString().Utf8Value();
    return text.size() > 60 ? text.substr(0, 57) + "..." : text;
  }
}

// Throws as JavaScript `[torch] op(arguments): what libtorch says, first line`; where memory is out, with the code `ERR_OUT_OF_MEMORY`, once all is freed
// that is held for later.
[[noreturn]] void rethrow(Napi::Env env, const char* op, const std::string& arguments, const std::exception& error);

template <auto Fn>
struct Op;
template <typename R, typename... A, R (*Fn)(A...)>
struct Op<Fn> {
  static Napi::Value call(const Napi::CallbackInfo& info) { return invoke(info, std::index_sequence_for<A...>{}); }

 private:
  template <size_t... I>
  static Napi::Value invoke(const Napi::CallbackInfo& info, std::index_sequence<I...>) {
    try {
      const c10::InferenceMode guard;
      useLargePages();
      if constexpr (std::is_void_v<R>) {
        Fn(From<std::decay_t<A>>::of(info[I])...);
        return info.Env().Undefined();
      } else {
        return toJs(info.Env(), Fn(From<std::decay_t<A>>::of(info[I])...));
      }
    } catch (const Napi::Error&) {
      throw;
    } catch (const std::exception& error) {
      std::string arguments;
      ((arguments += (I ? ", " : "") + show<std::decay_t<A>>(info[I])), ...);
      rethrow(info.Env(), static_cast<const char*>(info.Data()), arguments, error);
    }
  }
};

// Collects the functions of a family on the exports object.
class Exports {
 public:
  explicit Exports(Napi::Object target) : target_(target) {}
  template <auto Fn>
  void add(const char* name) {
    target_.Set(name, Napi::Function::New(target_.Env(), Op<Fn>::call, name, const_cast<char*>(name)));
  }

 private:
  Napi::Object target_;
};

void addElementwise(Exports& ops);
void addReductions(Exports& ops);
void addShapes(Exports& ops);
void addIndexing(Exports& ops);
void addConvolutions(Exports& ops);
void addPools(Exports& ops);
void addLinear(Exports& ops);
void addImages(Exports& ops);
void addFused(Exports& ops);
void addHyperplane(Exports& ops);
void addAscent(Exports& ops);
void addSquare(Exports& ops);
void addErrors(Exports& ops);
void addFinite(Exports& ops);
void addGraph(Exports& ops);
void addTraining(Exports& ops);
void addScripts(Exports& ops);
// Gives back memory that is kept for later use, on a GPU.
void freeMemory();

// Training passes that were not released; frozen networks and TorchScript modules, and their passes.
size_t openPasses();
size_t openGraphs();
size_t openScripts();

}  // namespace rampart
