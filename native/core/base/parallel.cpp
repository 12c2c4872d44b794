#include "core/base/parallel.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>

#ifdef __linux__
#include <sched.h>
#endif
#ifdef _OPENMP
#include <omp.h>
#endif

namespace nearvote {
namespace {

int affinity_threads() {
#ifdef __linux__
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) == 0) return CPU_COUNT(&set);
#endif
  return static_cast<int>(std::thread::hardware_concurrency());
}

// A container with half a core must not start a team of 64. cgroup v2 first, then v1; no quota: no limit.
int cgroup_threads() {
  double quota = 0, period = 0;
  std::string word;
  if (std::ifstream v2("/sys/fs/cgroup/cpu.max"); v2 >> word >> period) {
    if (word != "max") quota = std::strtod(word.c_str(), nullptr);
  } else {
    std::ifstream q("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"), p("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
    if (!(q >> quota) || !(p >> period)) quota = 0;
  }
  return quota > 0 && period > 0 ? static_cast<int>(std::ceil(quota / period)) : 1 << 20;
}

int probe_threads() {
  int threads = std::min(affinity_threads(), cgroup_threads());
  if (const char* env = std::getenv("OMP_NUM_THREADS")) {
    const int wanted = std::atoi(env);
    if (wanted > 0) threads = std::min(threads, wanted);
  }
  return std::max(threads, 1);
}

std::atomic<int> g_default_threads{0};

}  // namespace

int available_threads() {
  static const int threads = probe_threads();
  return threads;
}

void set_default_threads(int threads) { g_default_threads.store(std::max(threads, 0)); }

int default_threads() {
  const int set = g_default_threads.load();
  return set > 0 ? set : available_threads();
}

int effective_threads(int requested, int64_t tasks) {
  const int threads = requested > 0 ? requested : default_threads();
  return static_cast<int>(std::clamp<int64_t>(tasks, 1, threads));
}

namespace detail {

void run_tasks(int64_t tasks, int threads, TaskFn fn, void* context) {
#ifdef _OPENMP
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
  for (int64_t task = 0; task < tasks; ++task) fn(context, task, omp_get_thread_num());
#else
  (void)threads;
  for (int64_t task = 0; task < tasks; ++task) fn(context, task, 0);
#endif
}

}  // namespace detail
}  // namespace nearvote
