// Threads, instruction sets and the job queue of this process.
#include "core/base/parallel.h"
#include "core/simd/dispatch.h"
#include "node/addon.h"
#include "node/args.h"
#include "node/job.h"

namespace nearvote::node {
namespace {

// setThreads(count): 0 restores the default
Napi::Value set_threads(const Napi::CallbackInfo& info) {
  set_default_threads(static_cast<int>(int_arg(info, 0)));
  return info.Env().Undefined();
}

// runtime() -> { threads, availableThreads, pendingJobs, isa, isas: slowest first }
Napi::Value runtime(const Napi::CallbackInfo& info) {
  auto result = Napi::Object::New(info.Env());
  result.Set("threads", default_threads());
  result.Set("availableThreads", available_threads());
  result.Set("pendingJobs", static_cast<double>(pending_jobs()));
  result.Set("isa", active_isa());
  const auto usable = usable_isas();
  auto isas = Napi::Array::New(info.Env(), usable.size());
  for (size_t i = 0; i < usable.size(); ++i) isas.Set(static_cast<uint32_t>(i), usable[i]);
  result.Set("isas", isas);
  return result;
}

// withdrawJob(control): a queued job settles as cancelled at once
Napi::Value withdraw(const Napi::CallbackInfo& info) {
  withdraw_job(info.Env(), array_arg<int32_t>(info, 0, 2));
  return info.Env().Undefined();
}

}  // namespace

void register_runtime(Napi::Env env, Napi::Object exports) {
  exports.Set("setThreads", Napi::Function::New(env, set_threads));
  exports.Set("withdrawJob", Napi::Function::New(env, withdraw));
  exports.Set("runtime", Napi::Function::New(env, runtime));
}

}  // namespace nearvote::node
