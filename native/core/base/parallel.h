// The only place that knows OpenMP. Work is handed out in tasks; results never depend on which thread ran which task.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>

namespace nearvote {

// Threads this process may use: min(hardware, affinity mask, cgroup quota), OMP_NUM_THREADS respected; >= 1.
int available_threads();

// Process-wide default for calls that name no thread count; 0 restores available_threads().
void set_default_threads(int threads);
int default_threads();

// requested <= 0: the default. Never more than `tasks`.
int effective_threads(int requested, int64_t tasks);

namespace detail {
using TaskFn = void (*)(void* context, int64_t task, int thread);
void run_tasks(int64_t tasks, int threads, TaskFn fn, void* context);
}  // namespace detail

// Calls body(task, thread) for every task in [0, tasks); thread is in [0, threads). With threads == 1 it is a plain
// loop in the caller's thread. The first exception of any task stops the handing out and is rethrown after the join.
template <class Body>
void parallel_for(int64_t tasks, int threads, Body&& body) {
  if (threads <= 1 || tasks <= 1) {
    for (int64_t task = 0; task < tasks; ++task) body(task, 0);
    return;
  }
  struct Context {
    Body& body;
    std::atomic<bool> failed;
    std::exception_ptr error;
  } context{body, false, nullptr};
  detail::run_tasks(
      tasks, threads,
      [](void* raw, int64_t task, int thread) {
        auto& c = *static_cast<Context*>(raw);
        if (c.failed.load(std::memory_order_relaxed)) return;
        try {
          c.body(task, thread);
        } catch (...) {
          if (!c.failed.exchange(true)) c.error = std::current_exception();
        }
      },
      &context);
  if (context.error) std::rethrow_exception(context.error);
}

}  // namespace nearvote
