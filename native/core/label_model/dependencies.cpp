#include "core/label_model/dependencies.h"

#include <algorithm>
#include <cmath>

namespace nearvote {
namespace {

// The |z| that a normal variable exceeds with probability `p` (two-sided), by bisection.
double normal_quantile(double p) {
  double low = 0, high = 40;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (std::erfc(middle / std::sqrt(2.0)) > p ? low : high) = middle;
  }
  return high;
}

// |h_i| as the median of sqrt(r_ij r_ik / r_jk): a few dependent pairs do not move it. `least`: |r_jk| that is not
// noise.
std::vector<double> triplet_medians(const std::vector<double>& r, size_t m, double least) {
  constexpr size_t kPartners = 64;  // enough for a median; m^3 would not end for thousands of LFs
  const size_t step = (m + kPartners - 1) / kPartners;
  std::vector<double> h(m, 0.0), candidates;
  for (size_t i = 0; i < m; ++i) {
    candidates.clear();
    for (size_t j = i % step; j < m; j += step)
      for (size_t k = j + step; k < m; k += step)
        if (j != i && k != i && std::fabs(r[j * m + k]) > least)
          candidates.push_back(std::sqrt(std::fabs(r[i * m + j] * r[i * m + k] / r[j * m + k])));
    if (candidates.empty()) continue;
    const auto middle = candidates.begin() + static_cast<int64_t>(candidates.size() / 2);
    std::nth_element(candidates.begin(), middle, candidates.end());
    h[i] = std::min(1.0, *middle);
  }
  return h;
}

// Alternating least squares over the pairs that are not set apart; signs come out of it.
void fit_rank_one(const std::vector<double>& r, const std::vector<bool>& apart, double n, std::vector<double>& h) {
  const size_t m = h.size();
  for (int sweep = 0; sweep < 200; ++sweep) {
    double moved = 0;
    for (size_t i = 0; i < m; ++i) {
      double above = 0, below = 1 / n;  // keeps an LF without partners at zero
      for (size_t j = 0; j < m; ++j) {
        if (i == j || apart[i * m + j]) continue;
        above += r[i * m + j] * h[j];
        below += h[j] * h[j];
      }
      const double next = std::clamp(above / below, -1.0, 1.0);
      moved = std::max(moved, std::fabs(next - h[i]));
      h[i] = next;
    }
    if (moved < 1e-10) break;
  }
}

}  // namespace

std::vector<Dependency> suggest_dependencies(const VoteCounts& counts) {
  const auto n = static_cast<double>(counts.rows);
  std::vector<int64_t> lfs;
  std::vector<double> mean, deviation;
  for (int64_t x = 0; x < counts.lfs; ++x) {
    const double m = static_cast<double>(counts.votes(2 * x + 1) - counts.votes(2 * x)) / n;
    const double variance = static_cast<double>(counts.lf_votes(x)) / n - m * m;
    if (counts.rows == 0 || variance <= 0) continue;  // a constant column depends on nothing
    lfs.push_back(x);
    mean.push_back(m);
    deviation.push_back(std::sqrt(variance));
  }
  const size_t m = lfs.size();
  if (m < 4) return {};
  std::vector<double> r(m * m, 0.0);
  for (size_t i = 0; i < m; ++i)
    for (size_t j = 0; j < m; ++j) {
      if (i == j) continue;
      const int64_t both = counts.lf_both(lfs[i], lfs[j]);
      const int64_t agree = counts.lf_agree(lfs[i], lfs[j]);
      r[i * m + j] = (static_cast<double>(2 * agree - both) / n - mean[i] * mean[j]) / (deviation[i] * deviation[j]);
    }

  const double limit = normal_quantile(0.01 / (static_cast<double>(m) * static_cast<double>(m - 1) / 2));
  std::vector<double> h = triplet_medians(r, m, 2 / std::sqrt(n)), z(m * m, 0.0);
  std::vector<bool> apart(m * m, false);
  for (int round = 0; round < 10; ++round) {
    bool changed = false;
    for (size_t i = 0; i < m; ++i)
      for (size_t j = i + 1; j < m; ++j) {
        const double fitted = h[i] * h[j];
        z[i * m + j] = (r[i * m + j] - fitted) * std::sqrt(n) / std::sqrt(1 + fitted * fitted);
        const bool beyond = std::fabs(z[i * m + j]) > limit;
        changed = changed || beyond != apart[i * m + j];
        apart[i * m + j] = apart[j * m + i] = beyond;
      }
    if (round > 0 && !changed) break;
    fit_rank_one(r, apart, n, h);
  }

  std::vector<Dependency> found;
  for (size_t i = 0; i < m; ++i)
    for (size_t j = i + 1; j < m; ++j)
      if (apart[i * m + j]) found.push_back({lfs[i], lfs[j], r[i * m + j] - h[i] * h[j], z[i * m + j]});
  std::sort(found.begin(), found.end(), [](const Dependency& x, const Dependency& y) {
    return std::fabs(x.correlation) > std::fabs(y.correlation);
  });
  return found;
}

}  // namespace nearvote
