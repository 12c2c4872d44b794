#include "core/label_model/balance_posterior.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/label_model/low_rank.h"

namespace nearvote {

Share share_posterior(const std::function<void(double, std::vector<double>&)>& residuals, double misfit, int classes,
                      const JobControl& job) {
  constexpr int kGrid = 199;  // 1/200 to 199/200
  constexpr double kMedian = 0.455;
  const double independent = classes == 2 ? 12 : 4;
  const auto q_of = [](int at) { return (at + 1) / (kGrid + 1.0); };
  std::vector<double> squares, scratch;
  double scale = 1e300;
  for (int at = 0; at < kGrid; at += 2) {
    job.check();
    residuals(q_of(at), squares);
    scale = std::min(scale, squares.empty() ? 0 : upper_median(squares, kMedian, scratch) / kMedian);
  }
  scale = std::max({scale, misfit, 1.0});

  std::array<double, kGrid> mass{};
  double most = -1e300, total = 0, below = 0;
  for (int at = 0; at < kGrid; ++at) {
    job.check();
    residuals(q_of(at), squares);
    double sum = 0;
    for (const double square : squares) sum += 9 * std::log1p(square / (9 * scale));
    double& value = mass[static_cast<size_t>(at)];
    value = -sum / (2 * std::max(1.0, static_cast<double>(squares.size()) / independent));
    value += (classes - 2) * std::log(1 - q_of(at));
    most = std::max(most, value);
  }
  for (double& value : mass) total += value = std::exp(value - most);
  Share share{0, 0, 1};
  for (int at = 0; at < kGrid; ++at) {
    const double part = mass[static_cast<size_t>(at)] / total, q = q_of(at);
    // Mass is spread evenly over a cell of the grid.
    const auto quantile = [&](double level) { return q + ((level - below) / part - 0.5) / (kGrid + 1); };
    if (below < 0.025 && below + part >= 0.025) share.low = quantile(0.025);
    if (below < 0.975 && below + part >= 0.975) share.high = quantile(0.975);
    share.mean += q * part;
    below += part;
  }
  return share;
}

}  // namespace nearvote
