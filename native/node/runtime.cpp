// Threads, instruction sets and the job queue of this process.
#include "core/base/parallel.h"
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

// runtime() -> { threads, availableThreads, pendingJobs }
Napi::Value runtime(const Napi::CallbackInfo& info) {
  auto result = Napi::Object::New(info.Env());
  result.Set("threads", default_threads());
  result.Set("availableThreads", available_threads());
  result.Set("pendingJobs", static_cast<double>(pending_jobs()));
  return result;
}

}  // namespace

void register_runtime(Napi::Env env, Napi::Object exports) {
  exports.Set("setThreads", Napi::Function::New(env, set_threads));
  exports.Set("runtime", Napi::Function::New(env, runtime));
}

}  // namespace nearvote::node
