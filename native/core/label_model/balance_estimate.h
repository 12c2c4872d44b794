// The class balance from votes alone, with how sure that is.
//
// Covariances of pairs of LFs leave it open: for two classes they tell g_u = sqrt(q (1 - q)) (P(u | 1) - P(u | 0)) /
// sd(u) for every indicator u, whatever q = P(Y = 1) (covariance.h). Given g, each q states P(u | Y) in full, and so
// how often u should be the only vote of a row, and how often no other vote should contradict it,
//   P(u, nobody else votes) = sum_y P(y) P(u | y) prod_j (1 - P(j votes | y)),
// which depends on moments of third and higher order and so on q. Counts know both (overlaps, conflicts). Where pairs
// do not fit g g' (dependent LFs), the predictions are corrected to second order by what pairs leave over. q is judged
// by the sum of squares of what remains, in standard errors, robustly and on the scale of its median, so that LFs that
// contradict the model widen the interval; a prior q (1 - q) leaves 1/2 where the votes tell nothing.
// More than two classes: "y or not y" for each, then divided by their sum.
#pragma once

#include <vector>

#include "core/base/job.h"
#include "core/votes/vote_counts.h"

namespace nearvote {

struct BalanceEstimate {
  std::vector<double> balance;    // K numbers in (0, 1) that sum to 1
  std::vector<double> low, high;  // K: 95 % intervals
};

// Uniform with intervals [0, 1] without votes and for fewer than three LFs that vote: pairs cannot tell.
BalanceEstimate estimate_balance(const VoteCounts& counts, const JobControl& job = {});

}  // namespace nearvote
