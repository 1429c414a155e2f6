// Data in and out.
#include "transfer.h"

#include <cstring>
#include <memory>

#include "half.h"

namespace rampart {
namespace {

at::ScalarType dtypeOf(const std::string& name) {
  if (name == "float32") return at::kFloat;
  if (name == "int32") return at::kInt;
  if (name == "bool") return at::kBool;
  if (name == "complex64") return at::kComplexFloat;
  throw std::invalid_argument("dtype " + name + " is none of float32, int32, bool, complex64");
}

// upload(bytes: TypedArray, shape, dtype): complex64 comes as real and imaginary parts in turn.
Napi::Value upload(const Napi::CallbackInfo& info) {
  const auto env = info.Env();
  const auto array = info[0].As<Napi::TypedArray>();
  const auto shape = From<Ints>::of(info[1]);
  const auto dtype = info[2].As<Napi::String>().Utf8Value();
  try {
    const c10::InferenceMode guard;
    // from pinned memory the device copies by itself; libtorch lets nobody else have it before that is done
    const bool pinned = half() && device().is_cuda();
    Tensor host = at::empty(shape, at::TensorOptions(dtypeOf(dtype)).pinned_memory(pinned));
    if (array.ByteLength() != host.nbytes())
      throw std::invalid_argument("got " + std::to_string(array.ByteLength()) + " bytes for " + describe(host));
    const auto* bytes = static_cast<const uint8_t*>(array.ArrayBuffer().Data()) + array.ByteOffset();
    // a number goes with the launch of what fills it: no copy to wait for
    if (host.numel() == 1 && !device().is_cpu()) {
      std::memcpy(host.data_ptr(), bytes, host.nbytes());
      return Napi::Number::New(env, slots().put(at::full(shape, host.item(), host.options().device(device()))));
    }
    if (host.nbytes() > 0) std::memcpy(host.data_ptr(), bytes, host.nbytes());
    return Napi::Number::New(env, slots().put(host.to(device(), host.scalar_type(), pinned)));
  } catch (const std::exception& error) {
    rethrow(env, "upload", dtype + " [" + info[1].ToString().Utf8Value() + "]", error);
  }
}

// The bytes of a host tensor as a typed array of its dtype.
Napi::Value toTypedArray(Napi::Env env, const Tensor& tensor) {
  const auto host = tensor.contiguous();
  auto buffer = Napi::ArrayBuffer::New(env, host.nbytes());
  if (host.nbytes() > 0) std::memcpy(buffer.Data(), host.data_ptr(), host.nbytes());
  const auto n = static_cast<size_t>(host.numel());
  switch (host.scalar_type()) {
    case at::kInt: return Napi::Int32Array::New(env, n, buffer, 0);
    case at::kBool: return Napi::Uint8Array::New(env, n, buffer, 0);
    case at::kComplexFloat: return Napi::Float32Array::New(env, 2 * n, buffer, 0);
    default: return Napi::Float32Array::New(env, n, buffer, 0);
  }
}

// Data on their way to this process, with what is known of finite values.
class Arrival {
 public:
  // Begins at once where the device copies by itself.
  explicit Arrival(const Tensor& tensor) : tensor_(tensor), marks_(marks()) {
    if (!half() || !tensor.is_cuda()) return;
    tensor_ = intoPinned(tensor);
    if (marks_.defined()) marks_ = intoPinned(marks_);
    arrived_ = half()->here();
  }
  // On any thread.
  void wait() {
    if (arrived_) return arrived_->wait();
    tensor_ = tensor_.to(at::kCPU);
    if (marks_.defined()) marks_ = marks_.to(at::kCPU);
  }
  // On JavaScript's thread, after `wait`.
  const Tensor& take() {
    if (marks_.defined()) takeMarks(marks_);
    return tensor_;
  }

 private:
  static Tensor intoPinned(const Tensor& tensor) {
    return at::empty(tensor.sizes(), tensor.options().device(at::kCPU).pinned_memory(true)).copy_(tensor, true);
  }

  Tensor tensor_, marks_;
  std::unique_ptr<Point> arrived_;
};

Napi::Value read(const Napi::CallbackInfo& info) {
  try {
    const c10::InferenceMode guard;
    Arrival arrival(slots().get(info[0].As<Napi::Number>().Int32Value()));
    arrival.wait();
    return toTypedArray(info.Env(), arrival.take());
  } catch (const std::exception& error) {
    rethrow(info.Env(), "read", info[0].ToString().Utf8Value(), error);
  }
}

// Waits for the device on a thread of the pool, so that JavaScript goes on meanwhile.
class Reader : public Napi::AsyncWorker {
 public:
  Reader(Napi::Env env, const Tensor& tensor) : AsyncWorker(env), deferred_(Napi::Promise::Deferred::New(env)), arrival_(tensor) {}
  Napi::Promise promise() const { return deferred_.Promise(); }
  void Execute() override {
    const c10::InferenceMode guard;
    arrival_.wait();
  }
  void OnOK() override { deferred_.Resolve(toTypedArray(Env(), arrival_.take())); }
  void OnError(const Napi::Error& error) override { deferred_.Reject(error.Value()); }

 private:
  Napi::Promise::Deferred deferred_;
  Arrival arrival_;
};

Napi::Value readAsync(const Napi::CallbackInfo& info) {
  try {
    const c10::InferenceMode guard;
    auto* reader = new Reader(info.Env(), slots().get(info[0].As<Napi::Number>().Int32Value()));
    const auto promise = reader->promise();
    reader->Queue();
    return promise;
  } catch (const std::exception& error) {
    rethrow(info.Env(), "readAsync", info[0].ToString().Utf8Value(), error);
  }
}

}  // namespace

at::Device& device() {
  static at::Device chosen(at::kCPU);
  return chosen;
}

at::TensorOptions onDevice(const std::string& dtype) { return at::TensorOptions().device(device()).dtype(dtypeOf(dtype)); }

void addTransfers(Napi::Object& exports) {
  const auto add = [&](const char* name, Napi::Value (*fn)(const Napi::CallbackInfo&)) {
    exports.Set(name, Napi::Function::New(exports.Env(), fn, name));
  };
  add("upload", upload);
  add("read", read);
  add("readAsync", readAsync);
}

}  // namespace rampart
