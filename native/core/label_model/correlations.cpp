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

Correlations vote_correlations(const VoteCounts& counts, const VoteShares& shares) {
  const auto n = static_cast<double>(std::max<int64_t>(counts.rows, 1));
  const int classes = counts.domain.classes;
  Correlations out;
  for (int64_t u = 0; u < counts.indicators(); ++u) {
    if (shares.deviation[static_cast<size_t>(u)] > 0) out.indicator.push_back(u);
  }
  out.size = static_cast<int64_t>(out.indicator.size());
  const auto same_lf = [&](int64_t a, int64_t b) {
    return out.indicator[static_cast<size_t>(a)] / classes == out.indicator[static_cast<size_t>(b)] / classes;
  };
  for (int64_t a = 0; a < out.size; ++a) {
    out.first.push_back(a > 0 && same_lf(a - 1, a) ? out.first.back() : a);
    int64_t end = a + 1;
    while (end < out.size && same_lf(a, end)) ++end;
    out.end.push_back(end);
  }
  out.value.assign(static_cast<size_t>(out.size * out.size), 0.0);
  for (int64_t a = 0; a < out.size; ++a) {
    const int64_t u = out.indicator[static_cast<size_t>(a)];
    for (int64_t b = out.end[static_cast<size_t>(a)]; b < out.size; ++b) {
      const int64_t v = out.indicator[static_cast<size_t>(b)];
      const auto at = static_cast<size_t>(u), bt = static_cast<size_t>(v);
      const double covariance = static_cast<double>(counts.both(u, v)) / n - shares.share[at] * shares.share[bt];
      const double value = covariance / (shares.deviation[at] * shares.deviation[bt]);
      out.value[static_cast<size_t>(a * out.size + b)] = out.value[static_cast<size_t>(b * out.size + a)] = value;
    }
  }
  return out;
}

double largest_difference(double p, double q) { return (std::min(p, q) - p * q) / (q * (1 - q)); }

}  // namespace nearvote
