#include "core/label_model/evidence_dependence.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace nearvote {

double evidence_dependence(const Correlations& correlations, const VoteShares& shares,
                           const std::vector<double>& balance, const std::vector<double>& factor, int rank,
                           const std::vector<double>& likelihood) {
  const int64_t size = correlations.size;
  const size_t classes = balance.size();
  std::vector<size_t> judged;  // the classes to sum over
  for (size_t y = classes == 2 ? 1 : 0; y < classes; ++y)
    if (balance[y] > 0 && balance[y] < 1) judged.push_back(y);

  // Standardised evidence of each vote, times sqrt(P(y) (1 - P(y))).
  std::vector<double> evidence;
  for (const int64_t u : correlations.indicator) {
    const auto at = static_cast<size_t>(u);
    for (const size_t y : judged) {
      const double q = balance[y], given = likelihood[at * classes + y];
      const double otherwise = std::max((shares.share[at] - q * given) / (1 - q), 0.01 * shares.share[at]);
      evidence.push_back(std::log(given / otherwise) * shares.deviation[at] * std::sqrt(q * (1 - q)));
    }
  }

  const size_t width = judged.size();
  double between = 0, within = 0;
  for (int64_t a = 0; a < size; ++a) {
    const auto at = static_cast<size_t>(a);
    const auto u = static_cast<size_t>(correlations.indicator[at]);
    const double* row = correlations.row(a);
    for (int64_t b = a; b < size; ++b) {
      const auto bt = static_cast<size_t>(b);
      double weight = 0, fitted = 0;
      for (size_t y = 0; y < width; ++y) weight += evidence[at * width + y] * evidence[bt * width + y];
      for (int k = 0; k < rank; ++k)
        fitted += factor[static_cast<size_t>(a * rank + k)] * factor[static_cast<size_t>(b * rank + k)];
      if (b >= correlations.end[at]) {
        between += 2 * weight * (row[b] - fitted);
        continue;
      }
      // Two votes of one LF exclude each other.
      const auto v = static_cast<size_t>(correlations.indicator[bt]);
      const double odds = shares.share[u] * shares.share[v] / (shares.deviation[u] * shares.deviation[v]);
      within += a == b ? weight * (1 - fitted) : -2 * weight * (odds + fitted);
    }
  }
  return within > 0 ? 1 + std::max(between, 0.0) / within : 1;
}

}  // namespace nearvote
