// From counts to a label model of one task.
#pragma once

#include <vector>

#include "core/base/job.h"
#include "core/label_model/model.h"
#include "core/votes/vote_counts.h"

namespace nearvote {

enum class Method { majority, triplet_mean, triplet_median, triplet_weighted, covariance };

struct FitOptions {
  Method method = Method::covariance;
  std::vector<double> class_balance;  // empty: estimated from the votes (balance_estimate.h)
  bool all_positive = false;          // take every LF as better than random instead of recovering signs
  int threads = 0;
};

// Any counts give a model: what the votes do not tell (one or two LFs, no overlap, no votes) comes from the prior that
// an LF is right three times out of four.
LabelModel fit_label_model(const VoteCounts& counts, const FitOptions& options, const JobControl& job = {});

}  // namespace nearvote
