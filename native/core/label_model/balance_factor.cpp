#include "core/label_model/balance_factor.h"

#include <cstdint>
#include <numeric>
#include <utility>

#include "core/label_model/low_rank.h"

namespace nearvote {

BalanceFactor balance_free_factor(const Correlations& r, double sampling) {
  std::vector<double> g, squares, scratch;
  for (const int64_t u : r.indicator) g.push_back(u % 2 == 1 ? 0.3 : -0.3);
  PartnerSums sums(1);
  double scale = sampling, mean_square = sampling;
  for (int sweep = 0; sweep < 200; ++sweep) {
    const bool plain = sweep < 10;
    double change = 0;
    for (int64_t a = 0; a < r.size; ++a) {
      const auto at = static_cast<size_t>(a);
      const double inverse_scale = plain ? 0 : 1 / (9 * scale), zero = 0;
      sums.clear();
      sums.add(r.row(a), g.data(), r.first[at], &g[at], inverse_scale);
      sums.add(r.row(a) + r.end[at], g.data() + r.end[at], r.size - r.end[at], &g[at], inverse_scale);
      double next = 0;
      sums.solve(&zero, sampling, &next);
      next = std::clamp(next, -0.99, 0.99);
      change = std::max(change, std::fabs(next - g[at]));
      g[at] = next;
    }
    squares.clear();
    for (int64_t a = 0; a < r.size; ++a)
      for (int64_t b = r.end[static_cast<size_t>(a)]; b < r.size; ++b) {
        const double e = r.row(a)[b] - g[static_cast<size_t>(a)] * g[static_cast<size_t>(b)];
        squares.push_back(e * e);
      }
    if (squares.empty()) break;
    mean_square = std::accumulate(squares.begin(), squares.end(), 0.0) / static_cast<double>(squares.size());
    scale = std::max(upper_median(squares, scale * 0.455, scratch) / 0.455, sampling);
    if (!plain && change < 1e-6) break;
  }
  double agree = 0;  // with the class they name
  for (size_t a = 0; a < g.size(); ++a) agree += r.indicator[a] % 2 == 1 ? g[a] : -g[a];
  if (agree < 0)
    for (double& value : g) value = -value;
  return {std::move(g), std::max(mean_square / sampling, 1.0)};
}

}  // namespace nearvote
