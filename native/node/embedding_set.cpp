#include "node/embedding_set.h"

#include "node/addon.h"
#include "node/args.h"
#include "node/cuda_library.h"
#include "node/job.h"

namespace nearvote::node {
namespace {

// newEmbeddingSet() -> an empty handle, filled by fillEmbeddingSet
Napi::Value new_embedding_set(const Napi::CallbackInfo& info) { return Handle<EmbeddingSet>::make(info.Env()); }

// fillEmbeddingSet(handle, data, rows, cols, metric, threads, cuda, control)
Napi::Value fill_embedding_set(const Napi::CallbackInfo& info) {
  auto handle = Handle<EmbeddingSet>::from(info[0]);
  const auto matrix = matrix_arg<const float>(info, 1);
  const Metric metric = metric_arg(info, 4);
  const int threads = static_cast<int>(int_arg(info, 5));
  const Device* device = device_arg(info, 6);
  return run_call(
      info,
      [=](const JobControl& job) {
        auto set = std::make_shared<EmbeddingSet>(matrix, metric, RunOptions{threads, job});
        if (device != nullptr) device->resident(*set);
        handle->value = std::move(set);
      },
      [handle](Napi::Env env) { handle->report_memory(env, handle->value->bytes()); });
}

// embeddingSetBytes(handle)
Napi::Value embedding_set_bytes(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(Handle<EmbeddingSet>::open(info[0])->bytes()));
}

// closeEmbeddingSet(handle): a job that is using the set keeps it until it ends
Napi::Value close_embedding_set(const Napi::CallbackInfo& info) {
  Handle<EmbeddingSet>::from(info[0])->close(info.Env());
  return info.Env().Undefined();
}

}  // namespace

Metric metric_arg(const Napi::CallbackInfo& info, size_t index) {
  const std::string name = info[index].ToString().Utf8Value();
  if (name == "cosine") return Metric::cosine;
  if (name == "dot") return Metric::dot;
  if (name == "l2") return Metric::l2;
  throw Napi::TypeError::New(info.Env(), "Expected a metric for argument " + std::to_string(index));
}

Operand::Operand(const Napi::CallbackInfo& info, size_t index, const char* name) : name_(name) {
  if (info[index].IsExternal()) {
    set_ = Handle<EmbeddingSet>::open(info[index]);
  } else {
    matrix_ = matrix_arg<const float>(info, index);
  }
}

std::shared_ptr<const EmbeddingSet> Operand::resolve(Metric metric, const RunOptions& options, int64_t room,
                                                     Packing packing) const {
  return set_ != nullptr ? set_ : std::make_shared<const EmbeddingSet>(matrix_, metric, options, name_, room, packing);
}

void register_embedding_set(Napi::Env env, Napi::Object exports) {
  exports.Set("newEmbeddingSet", Napi::Function::New(env, new_embedding_set));
  exports.Set("fillEmbeddingSet", Napi::Function::New(env, fill_embedding_set));
  exports.Set("embeddingSetBytes", Napi::Function::New(env, embedding_set_bytes));
  exports.Set("closeEmbeddingSet", Napi::Function::New(env, close_embedding_set));
}

}  // namespace nearvote::node
