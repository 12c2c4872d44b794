// The class balance from votes alone: profile likelihood. For each q on a grid the class-conditional model is fitted
// with P(Y = y) = q, and q is judged by the pairwise composite likelihood of the fit,
//   1/(m-1) sum_{i<j} sum_{a,b} n_ij(a, b) log sum_y P(y) P(a_i | y) P(b_j | y),   abstains included,
// plus log q + log(1 - q), so that votes that tell nothing leave 1/2. Second moments alone leave the balance open; what
// settles it are the bounds and the prior of P(vote | Y) and the abstains.
// More than two classes: "y or not y" for each, then divided by their sum.
#pragma once

#include <vector>

#include "core/base/job.h"
#include "core/votes/vote_counts.h"

namespace nearvote {

// K numbers in (0, 1) that sum to 1; uniform for fewer than two LFs or without votes.
std::vector<double> estimate_balance(const VoteCounts& counts, int threads = 0, const JobControl& job = {});

}  // namespace nearvote
