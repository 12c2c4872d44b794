// The class-conditional label model: P(LF i votes c | Y = y) for every indicator u = (i, c), from second moments alone.
// It assumes independence of LFs given Y but neither symmetric errors nor abstains that ignore Y, which keyword LFs
// (one class or abstain) break. For indicators of different LFs,
//   Cov(u, v) = sum_y P(y) d_uy d_vy,   d_uy = P(u | y) - P(u),
// so the correlations R off the LFs' own blocks are a matrix g g' of rank K - 1, with g_uy = sqrt(P(y)) d_uy / sd(u).
// Each u is a small least-squares problem given the others; sweeps over all u are repeated until nothing moves (to
// 1e-7; where they shrink steadily along one line, its limit is tried).
//
// Three safeguards:
//  - A pair whose residual e = R - g g' stands out (dependent LFs) counts with weight 1 / (1 + (e / 3 s)^2), s the
//    typical residual (median) or the sampling error 1/sqrt(n), whichever is larger: low rank plus sparse. Ten plain
//    sweeps come first, which find the LFs that are worse than random.
//  - The least-squares value of u is as uncertain as its partners' residuals say, sampling error or not: shrinkage
//    towards a prior by inverse variances, as in a random-effects model, holds on where the model does not fit and
//    vanishes with n where it does.
//  - Votes that hardly ever meet another LF's say nothing: a further factor o / (o + 30), o the votes of u on rows
//    where another LF votes too.
// P(vote | Y) is the mean of a normal distribution around g with that uncertainty, cut off at what the margins allow,
// so that no vote is called impossible that was only not seen. The prior (vote_prior.h) fixes the rotation that second
// moments leave open for K > 2.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/job.h"
#include "core/votes/vote_counts.h"

namespace nearvote {

struct CovarianceFit {
  std::vector<double> likelihood;        // U x K: P(u | Y = y), > 0 unless u never votes
  std::vector<double> weight;            // U: of the data against the prior, 0..1
  std::vector<double> variance;          // U: of g_u along each direction
  std::vector<double> partner_variance;  // U: the part of it that does not come from the LF's own votes
  std::vector<double> factor;            // U x K: g
  double residual = 0;                   // the typical residual s
  double dependence = 1;  // variance of the summed evidence given Y, as a multiple of what independence implies
};

// class_balance: K numbers that sum to 1. all_positive: no indicator speaks against its class.
CovarianceFit fit_covariance(const VoteCounts& counts, const std::vector<double>& class_balance, bool all_positive,
                             const JobControl& job = {});

}  // namespace nearvote
