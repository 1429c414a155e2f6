// TorchScript modules in this process: loaded, frozen, run forward and back. A module is a program: whoever loads one runs it.
#include "script.h"

#include <caffe2/serialize/read_adapter_interface.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/passes/freeze_module.h>
#include <torch/csrc/jit/passes/frozen_graph_optimizations.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/serialization/import.h>
#if __has_include(<torch/version.h>)
#include <torch/version.h>
#else
#include <torch/csrc/api/include/torch/version.h>
#endif

#include <cstring>
#include <regex>
#include <stdexcept>

#include "table.h"
#include "window.h"

namespace rampart {
namespace {

struct Module {
  jit::Module module;
  Adapted adapted;
  int64_t parameters;  // numbers that were trained
};

// A forward pass with all that its gradient needs.
struct Pass {
  Tensor x, logits;
};

Table<Module>& modules() {
  static auto* all = new Table<Module>("TorchScript module");
  return *all;
}

Table<Pass>& passes() {
  static auto* all = new Table<Pass>("TorchScript pass");
  return *all;
}

// A file in memory that JavaScript holds during the call.
class Memory : public caffe2::serialize::ReadAdapterInterface {
 public:
  explicit Memory(const Bytes& bytes) : bytes_(bytes) {}
  size_t size() const override { return bytes_.size; }
  size_t read(uint64_t from, void* to, size_t n, const char* what) const override {
    if (from >= bytes_.size) return 0;
    const size_t got = std::min(n, bytes_.size - static_cast<size_t>(from));
    std::memcpy(to, bytes_.data + from, got);
    return got;
  }

 private:
  Bytes bytes_;
};

// What libtorch says of a module in many lines, in one.
std::string inOneLine(const std::exception& error) {
  const auto* torchError = dynamic_cast<const c10::Error*>(&error);
  const std::string what = torchError ? torchError->what_without_backtrace() : error.what();
  const std::string mine = "this libtorch (" TORCH_VERSION ")";
  std::smatch found;
  if (std::regex_search(what, found, std::regex("version (\\d+), but the maximum supported version for reading is (\\d+)")))
    return "it has file format " + found.str(1) + " of a newer PyTorch, " + mine + " reads formats up to " + found.str(2);
  const bool unknown = std::regex_search(what, found, std::regex("Unknown builtin op: ([\\w:]+)"));
  if (unknown && found.str(1).rfind("aten::", 0) != 0)
    return "it calls " + found.str(1) + ", an operator of a library that is not part of PyTorch";
  if (unknown) return "it calls " + found.str(1) + ", which " + mine + " does not have: the file is of a newer PyTorch";
  if (what.find("Arguments for call are not valid") != std::string::npos && std::regex_search(what, found, std::regex("aten::\\w+")))
    return "it calls " + found.str(0) + " with arguments that " + mine + " does not know: the file is of a newer PyTorch";
  if (std::regex_search(what, found, std::regex("Unknown type name '(?:__torch__\\.)?torch\\.classes\\.([\\w.]+)'")))
    return "it has a value of class " + found.str(1) + ", of a library that is not part of PyTorch";
  if (what.find("required keyword attribute 'value' is undefined") != std::string::npos)
    return "it has constants that PyTorch does not read back: it was saved after optimize_for_inference";
  // the interpreter's traceback ends with what happened
  const auto last = what.rfind("RuntimeError: ");
  const auto from = last == std::string::npos ? what.find_first_not_of(" \n") : last + std::strlen("RuntimeError: ");
  if (from == std::string::npos) return "libtorch gives no reason";
  return what.substr(from, what.find('\n', from) - from);
}

template <typename F>
auto readable(const F& call) {
  try {
    return call();
  } catch (const std::exception& error) {
    throw std::runtime_error(inOneLine(error));
  }
}

// Images alone must be enough to call it.
void checkInputs(const jit::Module& module) {
  const auto forward = module.find_method("forward");
  if (!forward) throw std::invalid_argument("it has no method forward");
  std::vector<std::string> needed;
  const auto& arguments = forward->function().getSchema().arguments();
  for (size_t i = 1; i < arguments.size(); ++i)
    if (!arguments[i].default_value()) needed.push_back(arguments[i].name());
  if (needed.size() == 1 || (needed.empty() && arguments.size() > 1)) return;
  std::string names;
  for (const auto& name : needed) names += (names.empty() ? "" : ", ") + name;
  throw std::invalid_argument("its forward takes " + std::to_string(needed.size()) + " inputs (" + names + "), expected one: images");
}

jit::Module loaded(const Bytes& bytes) {
  jit::Module module = jit::load(std::make_shared<Memory>(bytes), onDevice("float32").device());
  checkInputs(module);
  return module;
}

jit::Module frozen(jit::Module& module) {
  module.eval();
  keepDetached(*module.get_method("forward").graph());
  jit::Module made = jit::freeze_module(module);
  auto graph = made.get_method("forward").graph();
  jit::OptimizeFrozenGraph(graph);
  return made;
}

// A handle on the module, to be released.
int64_t scriptLoad(const Bytes& bytes) {
  const c10::InferenceMode off(false);
  return readable([&] {
    jit::Module given = loaded(bytes);
    int64_t parameters = 0;
    for (const Tensor& parameter : given.parameters()) parameters += parameter.numel();
    jit::Module module = frozen(given);
    auto graph = module.get_method("forward").graph();
    const auto adapted = adapt(graph);
    return modules().put({std::move(module), adapted, parameters});
  });
}

// Its convolutions that are ours.
int64_t scriptConvolutions(int64_t handle) { return modules().get(handle).adapted.convolutions; }

int64_t scriptParameters(int64_t handle) { return modules().get(handle).parameters; }

void scriptUnload(int64_t handle) { modules().release(handle); }

Tensor checkedLogits(const jit::IValue& out, int64_t n) {
  if (!out.isTensor()) throw std::invalid_argument("it gives a " + out.tagKind() + ", expected a tensor of logits");
  const Tensor& logits = out.toTensor();
  if (logits.scalar_type() != at::kFloat || logits.dim() != 2 || logits.size(0) != n)
    throw std::invalid_argument("it gives " + describe(logits) + ", expected float32 [" + std::to_string(n) + ", classes]");
  return logits;
}

// Calls the module on a copy of `x` `[n, h, w, c]`, which it may keep or write into; x as it saw it, and the logits.
Pass call(Module& module, const Tensor& x, bool gradient) {
  const jit::GraphOptimizerEnabledGuard optimizer(module.adapted.contexts);
  const at::AutoGradMode mode(gradient);
  const Tensor images = channelsFirst(x);
  Pass pass;
  pass.x = images.clone(module.adapted.channelsLast ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous);
  if (gradient) pass.x.set_requires_grad(true);
  pass.logits = readable([&] {
    // a leaf whose gradient is asked for may not be written into
    const Tensor given = gradient && !module.adapted.channelsLast ? pass.x.clone() : pass.x;
    return checkedLogits(module.module.forward({given}), x.size(0));
  });
  return pass;
}

Tensor scriptLogits(int64_t handle, const Tensor& x) {
  const c10::InferenceMode off(false);
  return call(modules().get(handle), x, false).logits;
}

// A handle on the pass, to be released.
int64_t scriptForward(int64_t handle, const Tensor& x) {
  const c10::InferenceMode off(false);
  return passes().put(call(modules().get(handle), x, true));
}

Tensor scriptOutput(int64_t handle) {
  const c10::InferenceMode off(false);
  return passes().get(handle).logits.detach().clone();
}

// The product of `dlogits` `[n, classes]` with the Jacobian, `[n, h, w, c]`; zero where no gradient flows back to the images.
Tensor scriptPullback(int64_t handle, const Tensor& dlogits) {
  const c10::InferenceMode off(false);
  const auto& pass = passes().get(handle);
  if (!pass.logits.requires_grad()) return channelsLast(at::zeros_like(pass.x));
  const auto grads = readable([&] {
    return torch::autograd::grad({pass.logits}, {pass.x}, {dlogits.clone()}, /*retain_graph=*/true, /*create_graph=*/false,
                                 /*allow_unused=*/true);
  });
  return channelsLast(grads[0].defined() ? grads[0] : at::zeros_like(pass.x));
}

void scriptRelease(int64_t handle) { passes().release(handle); }

}  // namespace

size_t openScripts() { return modules().size() + passes().size(); }

void addScripts(Exports& ops) {
  ops.add<scriptLoad>("scriptLoad");
  ops.add<scriptConvolutions>("scriptConvolutions");
  ops.add<scriptParameters>("scriptParameters");
  ops.add<scriptUnload>("scriptUnload");
  ops.add<scriptLogits>("scriptLogits");
  ops.add<scriptForward>("scriptForward");
  ops.add<scriptOutput>("scriptOutput");
  ops.add<scriptPullback>("scriptPullback");
  ops.add<scriptRelease>("scriptRelease");
}

}  // namespace rampart
