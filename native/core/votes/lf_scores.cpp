#include "core/votes/lf_scores.h"

#include <algorithm>

#include "core/base/parallel.h"

namespace nearvote {

std::vector<LfScore> score_lfs(VoteMatrix votes, const int8_t* labels, int threads, const JobControl& job) {
  constexpr int64_t rows_per_task = 1 << 14;
  const int64_t tasks = (votes.rows + rows_per_task - 1) / rows_per_task;
  const int team = effective_threads(threads, tasks);
  const auto lfs = static_cast<size_t>(votes.cols);
  std::vector<LfScore> parts(static_cast<size_t>(team) * lfs);
  parallel_for(tasks, team, [&](int64_t task, int thread) {
    job.check();
    LfScore* scores = parts.data() + static_cast<size_t>(thread) * lfs;
    const int64_t end = std::min((task + 1) * rows_per_task, votes.rows);
    for (int64_t r = task * rows_per_task; r < end; ++r) {
      if (labels[r] == 0) continue;
      const int8_t* row = votes.row(r);
      for (size_t i = 0; i < lfs; ++i) {
        scores[i].correct += row[i] == labels[r];
        scores[i].incorrect += row[i] != 0 && row[i] != labels[r];
      }
    }
  });
  std::vector<LfScore> total(lfs);
  for (size_t at = 0; at < parts.size(); ++at) {
    total[at % lfs].correct += parts[at].correct;
    total[at % lfs].incorrect += parts[at].incorrect;
  }
  return total;
}

}  // namespace nearvote
