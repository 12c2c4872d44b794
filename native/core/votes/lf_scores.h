// How often each LF is right on rows whose label is known.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/job.h"
#include "core/base/matrix.h"

namespace nearvote {

struct LfScore {
  int64_t correct = 0;
  int64_t incorrect = 0;
};

// labels: one a row, in the domain of the votes, 0 = unknown (the row is skipped). Abstains are neither.
std::vector<LfScore> score_lfs(VoteMatrix votes, const int8_t* labels, int threads = 0, const JobControl& job = {});

}  // namespace nearvote
