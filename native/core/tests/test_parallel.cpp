#include <atomic>
#include <stdexcept>
#include <vector>

#include "core/base/job.h"
#include "core/base/parallel.h"
#include "core/tests/check.h"

using namespace nearvote;

TEST(every_task_runs_once) {
  for (int threads : {1, 2, 3}) {
    std::vector<std::atomic<int>> seen(1000);
    parallel_for(1000, threads, [&](int64_t task, int thread) {
      CHECK(thread >= 0 && thread < threads);
      seen[static_cast<size_t>(task)]++;
    });
    for (auto& count : seen) CHECK(count == 1);
  }
}

TEST(an_exception_reaches_the_caller_and_later_work_still_runs) {
  CHECK_THROWS(parallel_for(100, 2,
                            [](int64_t task, int) {
                              if (task == 7) throw std::runtime_error("seven");
                            }),
               std::runtime_error);
  std::atomic<int> ran{0};
  parallel_for(10, 2, [&](int64_t, int) { ran++; });
  CHECK(ran == 10);
}

TEST(cancel_cell_stops_and_progress_is_permille) {
  int32_t cancel = 0, progress = 0;
  const JobControl job{&cancel, &progress};
  job.check();
  job.report(1, 4);
  CHECK(progress == 250);
  cancel = 1;
  CHECK_THROWS(job.check(), Cancelled);
}

TEST(thread_counts_are_clamped) {
  CHECK(available_threads() >= 1);
  CHECK(effective_threads(8, 3) == 3);
  CHECK(effective_threads(0, 0) == 1);
  set_default_threads(5);
  CHECK(effective_threads(0, 100) == 5);
  set_default_threads(0);
  CHECK(default_threads() == available_threads());
}

CHECK_MAIN
