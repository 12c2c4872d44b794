// Which LFs seem to depend on each other beyond the label: suggestions, never applied unasked. Given the label alone,
// Cov(a, b) = h_a h_b for binary votes; what a rank-one fit leaves over is dependence (the low rank plus sparse view of
// Varma et al., arXiv 1903.05844, on covariances instead of their inverse). The fit is robust: it
// starts from medians of triplets, pairs whose residual is beyond chance leave it, and it is repeated until no pair
// changes sides.
#pragma once

#include <vector>

#include "core/votes/vote_counts.h"

namespace nearvote {

struct Dependency {
  int64_t a = 0, b = 0;    // a < b
  double correlation = 0;  // what is left over, as a correlation of the two votes
  double z = 0;            // in standard errors under independence given the label
};

// counts: binary votes. Pairs whose |z| is beyond chance at 1 % over all pairs (Bonferroni), strongest correlation
// first. At least four LFs with votes, else empty: three covariances always fit three strengths.
std::vector<Dependency> suggest_dependencies(const VoteCounts& counts);

}  // namespace nearvote
