// Shares of votes and their correlations, by indicator (LF, class): the moments that class-conditional models fit.
#pragma once

#include <vector>

#include "core/votes/vote_counts.h"

namespace nearvote {

struct VoteShares {
  std::vector<double> share;      // U: P(u), of all rows
  std::vector<double> deviation;  // U: sqrt(P(u) (1 - P(u)))
};

VoteShares vote_shares(const VoteCounts& counts);

// U x U: correlation of two indicators over all rows; 0 within an LF and where one of them is constant.
std::vector<double> vote_correlations(const VoteCounts& counts, const VoteShares& shares);

// The largest P(u | y) - P(u | not y) that margins P(u) = p and P(y) = q in (0, 1) allow (Frechet bound).
double largest_difference(double p, double q);

}  // namespace nearvote
