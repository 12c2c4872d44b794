#include "core/label_model/correlations.h"

#include <algorithm>
#include <cmath>

namespace nearvote {

VoteShares vote_shares(const VoteCounts& counts) {
  const auto n = static_cast<double>(std::max<int64_t>(counts.rows, 1));
  VoteShares shares;
  for (int64_t u = 0; u < counts.indicators(); ++u) {
    const double p = static_cast<double>(counts.votes(u)) / n;
    shares.share.push_back(p);
    shares.deviation.push_back(std::sqrt(p * (1 - p)));
  }
  return shares;
}

std::vector<double> vote_correlations(const VoteCounts& counts, const VoteShares& shares) {
  const auto n = static_cast<double>(std::max<int64_t>(counts.rows, 1));
  const int64_t size = counts.indicators();
  const int classes = counts.domain.classes;
  std::vector<double> correlation(static_cast<size_t>(size) * static_cast<size_t>(size), 0.0);
  for (int64_t u = 0; u < size; ++u) {
    const auto a = static_cast<size_t>(u);
    if (shares.deviation[a] == 0) continue;
    for (int64_t v = (u / classes + 1) * classes; v < size; ++v) {
      const auto b = static_cast<size_t>(v);
      if (shares.deviation[b] == 0) continue;
      const double covariance = static_cast<double>(counts.both(u, v)) / n - shares.share[a] * shares.share[b];
      const double value = covariance / (shares.deviation[a] * shares.deviation[b]);
      correlation[a * static_cast<size_t>(size) + b] = correlation[b * static_cast<size_t>(size) + a] = value;
    }
  }
  return correlation;
}

double largest_difference(double p, double q) { return (std::min(p, q) - p * q) / (q * (1 - q)); }

}  // namespace nearvote
