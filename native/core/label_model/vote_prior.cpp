#include "core/label_model/vote_prior.h"

#include <algorithm>

namespace nearvote {

std::vector<double> prior_differences(const VoteCounts& counts, const VoteShares& shares,
                                      const std::vector<double>& class_balance) {
  const int classes = counts.domain.classes;
  std::vector<double> differences;
  for (int64_t u = 0; u < counts.indicators(); ++u) {
    const double p = shares.share[static_cast<size_t>(u)];
    const double q = class_balance[static_cast<size_t>(u % classes)];
    if (p <= 0 || q <= 0 || q >= 1) {
      differences.push_back(0);
      continue;
    }
    double coverage = 0;
    for (int64_t v = u / classes * classes; v < (u / classes + 1) * classes; ++v) {
      coverage += shares.share[static_cast<size_t>(v)];
    }
    const double of_votes = std::min(p / coverage, 1.0);
    const double several = 4 * of_votes * (1 - of_votes);
    const double fraction = std::max(0.5, (0.75 - q) / (1 - q));
    differences.push_back(several * coverage * 0.5 * largest_difference(of_votes, q) +
                          (1 - several) * fraction * largest_difference(p, q));
  }
  return differences;
}

}  // namespace nearvote
