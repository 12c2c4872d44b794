// What is believed of P(vote | Y) before any agreement is seen, from the vote shares and the class balance alone.
//
// For an indicator u = (LF, c) with P(u) = p and P(Y = c) = q, D = P(u | c) - P(u | not c) is a fraction of the largest
// D these margins allow (Frechet bound). An LF that names c only: the fraction that makes its precision half-way from q
// to 1, or 3/4 if that is more. An LF that names several classes: half, within the rows it votes on (3/4 right when
// votes and classes are balanced). In between: by 4 s (1 - s), s the share of its votes that name c.
#pragma once

#include <vector>

#include "core/label_model/correlations.h"
#include "core/votes/vote_counts.h"

namespace nearvote {

// The prior weighs as much as this many votes that meet another LF's.
constexpr double kOverlapPrior = 30;

// U: D of each indicator against its own class; 0 for indicators without votes and impossible or certain classes.
std::vector<double> prior_differences(const VoteCounts& counts, const VoteShares& shares,
                                      const std::vector<double>& class_balance);

}  // namespace nearvote
