// The addon: start, data in and out, and the table of operations.
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#if __has_include(<torch/cuda.h>)
#include <torch/cuda.h>
#include <torch/version.h>
#else
#include <torch/csrc/api/include/torch/cuda.h>
#include <torch/csrc/api/include/torch/version.h>
#endif

#include <memory>

#include "bind.h"
#include "cuda.h"
#include "formula.h"
#include "memory.h"
#include "program.h"
#include "transfer.h"

namespace rampart {
namespace {

const char* dtypeName(at::ScalarType type) {
  switch (type) {
    case at::kFloat: return "float32";
    case at::kInt: return "int32";
    case at::kBool: return "bool";
    case at::kComplexFloat: return "complex64";
    case at::kLong: return "int64";
    case at::kHalf: return "float16";
    case at::kDouble: return "float64";
    default: return at::toString(type);
  }
}

// The dtypes that TensorFlow.js knows, dense in memory.
Tensor canonical(const Tensor& tensor) {
  Tensor t = tensor;
  switch (t.scalar_type()) {
    case at::kLong: case at::kShort: case at::kByte: case at::kChar: t = t.to(at::kInt); break;
    case at::kDouble: case at::kHalf: case at::kBFloat16: t = t.to(at::kFloat); break;
    case at::kComplexDouble: t = t.to(at::kComplexFloat); break;
    default: break;
  }
  return t.resolve_conj().resolve_neg().contiguous();
}

Napi::Value release(const Napi::CallbackInfo& info) {
  try {
    slots().release(info[0].As<Napi::Number>().Int32Value());
    return info.Env().Undefined();
  } catch (const std::exception& error) {
    rethrow(info.Env(), "release", info[0].ToString().Utf8Value(), error);
  }
}

Napi::Value memory(const Napi::CallbackInfo& info) {
  auto out = Napi::Object::New(info.Env());
  out.Set("slots", static_cast<double>(slots().count() + openPasses() + openGraphs() + openScripts()));
  out.Set("bytes", static_cast<double>(slots().bytes()));
  return out;
}

int64_t cudaDevices() { return static_cast<int64_t>(torch::cuda::device_count()); }

// start(threads, device, tf32): sets them for this process.
Napi::Value start(const Napi::CallbackInfo& info) {
  const auto name = info[1].As<Napi::String>().Utf8Value();
  keepMemory();
  try {
    at::set_num_threads(info[0].As<Napi::Number>().Int32Value());
    at::Device wanted(name);
    if (wanted.is_cuda()) {
      const auto problem = loadCuda();
      if (wanted.index() >= cudaDevices())
        throw std::invalid_argument("this libtorch sees " + std::to_string(cudaDevices()) + " CUDA devices" +
                                    (problem.empty() ? "" : ": " + problem));
      // where asked for, TF32 as PyTorch has it by default: in convolutions, not in matrix products
      at::globalContext().setAllowTF32CuDNN(info[2].ToBoolean().Value());
      at::globalContext().setAllowTF32CuBLAS(false);
      // the same seed gives the same bits
      at::globalContext().setDeterministicCuDNN(true);
      if (half()) half()->begin(wanted.index());
    }
    device() = wanted;
    return info.Env().Undefined();
  } catch (const std::exception& error) {
    rethrow(info.Env(), "start", name, error);
  }
}

Napi::Value describeLibrary(const Napi::CallbackInfo& info) {
  auto out = Napi::Object::New(info.Env());
  out.Set("version", TORCH_VERSION);
  out.Set("onednn", at::hasMKLDNN());
  out.Set("mkl", at::hasMKL());
  out.Set("threads", at::get_num_threads());
  // asked on the CPU, libtorch would settle that there is no CUDA in this process
  out.Set("cudaDevices", device().is_cuda() ? static_cast<double>(cudaDevices()) : 0.0);
  out.Set("streams", half() != nullptr);
  out.Set("formulas", formulasWork());
  out.Set("config", at::show_config());
  return out;
}

Napi::Array listOf(Napi::Env env, const Names& names) {
  auto list = Napi::Array::New(env, names.size());
  for (size_t i = 0; i < names.size(); ++i) list.Set(static_cast<uint32_t>(i), names[i]);
  return list;
}

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  const auto add = [&](const char* name, Napi::Value (*fn)(const Napi::CallbackInfo&)) {
    exports.Set(name, Napi::Function::New(env, fn, name));
  };
  add("start", start);
  add("describe", describeLibrary);
  addTransfers(exports);
  add("release", release);
  add("memory", memory);
  auto table = Napi::Object::New(env);
  Exports ops(table);
  addElementwise(ops);
  addReductions(ops);
  addShapes(ops);
  addIndexing(ops);
  addConvolutions(ops);
  addPools(ops);
  addLinear(ops);
  addImages(ops);
  addFused(ops);
  addHyperplane(ops);
  addAscent(ops);
  addSquare(ops);
  addFinite(ops);
  addGraph(ops);
  addTraining(ops);
  addScripts(ops);
  addErrors(ops);
  exports.Set("ops", table);
  auto shared = Napi::Object::New(env);
  shared.Set("frozenKinds", listOf(env, frozenKinds()));
  shared.Set("trainingKinds", listOf(env, trainingKinds()));
  shared.Set("numbers", kNumbers);
  shared.Set("batchNormEps", kBatchNormEps);
  exports.Set("shared", shared);
  return exports;
}

}  // namespace

std::string describe(const Tensor& tensor) {
  std::string out = std::string(dtypeName(tensor.scalar_type())) + " [";
  for (int64_t i = 0; i < tensor.dim(); ++i) out += (i ? ", " : "") + std::to_string(tensor.size(i));
  return out + "]";
}

Napi::Value toJs(Napi::Env env, const Tensor& tensor) {
  const Tensor t = canonical(tensor);
  auto shape = Napi::Array::New(env, t.dim());
  for (int64_t i = 0; i < t.dim(); ++i) shape.Set(static_cast<uint32_t>(i), static_cast<double>(t.size(i)));
  auto out = Napi::Object::New(env);
  out.Set("shape", shape);
  out.Set("dtype", dtypeName(t.scalar_type()));
  out.Set("slot", slots().put(t));
  return out;
}

Napi::Value toJs(Napi::Env env, const Tensors& tensors) {
  auto out = Napi::Array::New(env, tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i) out.Set(static_cast<uint32_t>(i), toJs(env, tensors[i]));
  return out;
}

}  // namespace rampart

static Napi::Object Init(Napi::Env env, Napi::Object exports) { return rampart::initialize(env, exports); }
NODE_API_MODULE(rampart_torch, Init)
