// Shares of votes and their correlations, by indicator (LF, class): the moments that class-conditional models fit.
#pragma once

#include <cstdint>
#include <vector>

#include "core/votes/vote_counts.h"

namespace nearvote {

struct VoteShares {
  std::vector<double> share;      // U: P(u), of all rows
  std::vector<double> deviation;  // U: sqrt(P(u) (1 - P(u)))
};

VoteShares vote_shares(const VoteCounts& counts);

// The indicators that vary, numbered a = 0..A-1 in the order of u. Keyword LFs vote for one class: with K classes only
// one in K of their indicators is here.
struct Correlations {
  int64_t size = 0;                 // A
  std::vector<int64_t> indicator;   // A: u
  std::vector<int64_t> first, end;  // A: its LF's own indicators are those of [first, end)
  std::vector<double> value;        // A x A: correlation over all rows; 0 within an LF

  const double* row(int64_t a) const { return value.data() + a * size; }
};

Correlations vote_correlations(const VoteCounts& counts, const VoteShares& shares);

// The largest P(u | y) - P(u | not y) that margins P(u) = p and P(y) = q in (0, 1) allow (Frechet bound).
double largest_difference(double p, double q);

}  // namespace nearvote
