#include "node/job.h"

#include <condition_variable>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_set>
#include <vector>

#include "node/errors.h"

namespace nearvote::node {
namespace {

class EnvJobs;

struct Job {
  Job(Napi::Env env, EnvJobs& owner) : owner(owner), deferred(Napi::Promise::Deferred::New(env)) {}
  EnvJobs& owner;
  Napi::Promise::Deferred deferred;
  std::vector<Napi::ObjectReference> arguments;
  Work work;
  std::function<void(Napi::Env)> then;
  JobControl control;
  std::exception_ptr error;
  bool done = false;  // guarded by the owner's mutex
};

// Rule 1. Never destroyed: at exit it is idle in wait() (rule 3), and a static destructor would have to join it.
class ComputeThread {
 public:
  static ComputeThread& instance() {
    static auto* thread = new ComputeThread;
    return *thread;
  }

  void push(Job* job) {
    std::lock_guard lock(mutex_);
    if (!started_) {
      std::thread([this] { loop(); }).detach();
      started_ = true;
    }
    queue_.push_back(job);
    wake_.notify_one();
  }

  // True if the job was still waiting: it will never run.
  bool remove(Job* job) {
    std::lock_guard lock(mutex_);
    return std::erase(queue_, job) > 0;
  }

  int64_t pending() {
    std::lock_guard lock(mutex_);
    return static_cast<int64_t>(queue_.size()) + (running_ ? 1 : 0);
  }

 private:
  void loop();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job*> queue_;
  bool started_ = false;
  bool running_ = false;
};

// The registry of one environment (rule 3); lives from its first async call to its cleanup.
class EnvJobs {
 public:
  static EnvJobs& of(Napi::Env env) {
    auto* jobs = env.GetInstanceData<EnvJobs>();
    if (jobs == nullptr) {
      jobs = new EnvJobs(env);
      env.SetInstanceData(jobs);
      env.AddCleanupHook([jobs] { jobs->shut_down(); });
    }
    return *jobs;
  }

  void add(Job* job) {
    // The event loop stays alive while jobs are pending, and may end when none is.
    if (active_.empty()) napi_ref_threadsafe_function(env_, finished_);
    active_.insert(job);
  }

  // Takes the job with these control cells out of the queue, if it still waits there; it settles as cancelled.
  void withdraw(const int32_t* cancel) {
    for (Job* job : active_) {
      if (job->control.cancel != cancel || !ComputeThread::instance().remove(job)) continue;
      job->error = std::make_exception_ptr(Cancelled());
      finish(job);
    }
  }

  // Compute thread (environment's thread from withdraw): hands the job back, or only marks it when the environment is
  // going away.
  void finish(Job* job) {
    std::lock_guard lock(mutex_);
    job->done = true;
    if (closing_) {
      all_done_.notify_all();
    } else {
      napi_call_threadsafe_function(finished_, job, napi_tsfn_nonblocking);
    }
  }

 private:
  explicit EnvJobs(Napi::Env env) : env_(env) {
    const auto name = Napi::String::New(env, "nearvote");
    const napi_status status =
        napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, this, settle, &finished_);
    if (status != napi_ok) throw Napi::Error::New(env, "Could not create the completion channel");
    napi_unref_threadsafe_function(env, finished_);
  }

  // The environment's thread, in its event loop.
  static void settle(napi_env raw_env, napi_value, void* context, void* data) {
    if (raw_env == nullptr) return;  // tearing down: shut_down() has freed the job
    auto& self = *static_cast<EnvJobs*>(context);
    const std::unique_ptr<Job> job(static_cast<Job*>(data));
    self.active_.erase(job.get());
    const Napi::Env env(raw_env);
    const Napi::HandleScope scope(env);
    if (self.active_.empty()) napi_unref_threadsafe_function(env, self.finished_);
    try {
      if (job->error) {
        job->deferred.Reject(to_js_error(env, job->error).Value());
      } else {
        if (job->then) job->then(env);
        job->deferred.Resolve(env.Undefined());
      }
    } catch (const Napi::Error&) {
      // The environment is being terminated and runs no JavaScript any more: nobody waits for this promise.
    }
  }

  // The environment's thread, while it is being torn down.
  void shut_down() {
    std::unique_lock lock(mutex_);
    closing_ = true;
    for (Job* job : active_) {
      std::atomic_ref<int32_t>(*job->control.cancel).store(1);
      if (ComputeThread::instance().remove(job)) job->done = true;
    }
    for (Job* job : active_) all_done_.wait(lock, [job] { return job->done; });
    for (Job* job : active_) delete job;
    active_.clear();
    napi_release_threadsafe_function(finished_, napi_tsfn_abort);
  }

  napi_env env_;
  napi_threadsafe_function finished_ = nullptr;
  std::unordered_set<Job*> active_;  // the environment's thread only
  std::mutex mutex_;
  std::condition_variable all_done_;
  bool closing_ = false;
};

void ComputeThread::loop() {
  for (;;) {
    Job* job;
    {
      std::unique_lock lock(mutex_);
      running_ = false;
      wake_.wait(lock, [this] { return !queue_.empty(); });
      job = queue_.front();
      queue_.pop_front();
      running_ = true;
    }
    try {
      job->control.check();
      job->work(job->control);
    } catch (...) {
      job->error = std::current_exception();
    }
    job->owner.finish(job);
  }
}

}  // namespace

Napi::Value run_call(const Napi::CallbackInfo& info, Work work, std::function<void(Napi::Env)> then) {
  const Napi::Env env = info.Env();
  const Napi::Value control = info.Length() > 0 ? info[info.Length() - 1] : env.Undefined();
  if (!control.IsTypedArray()) {
    try {
      work(JobControl{});
    } catch (...) {
      throw to_js_error(env, std::current_exception());
    }
    if (then) then(env);
    return env.Undefined();
  }
  auto cells = control.As<Napi::Int32Array>();
  if (cells.TypedArrayType() != napi_int32_array || cells.ElementLength() < 2) {
    throw Napi::TypeError::New(env, "Expected an Int32Array of 2 cells for control");
  }
  EnvJobs& jobs = EnvJobs::of(env);
  auto job = std::make_unique<Job>(env, jobs);
  job->work = std::move(work);
  job->then = std::move(then);
  job->control = JobControl{cells.Data(), cells.Data() + 1};
  for (size_t i = 0; i < info.Length(); ++i) {
    if (info[i].IsObject()) job->arguments.push_back(Napi::Persistent(info[i].As<Napi::Object>()));
  }
  const Napi::Promise promise = job->deferred.Promise();
  jobs.add(job.get());
  ComputeThread::instance().push(job.release());
  return promise;
}

void withdraw_job(Napi::Env env, const int32_t* cancel) { EnvJobs::of(env).withdraw(cancel); }

int64_t pending_jobs() { return ComputeThread::instance().pending(); }

}  // namespace nearvote::node
