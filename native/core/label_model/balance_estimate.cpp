#include "core/label_model/balance_estimate.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/base/parallel.h"
#include "core/label_model/class_balance.h"
#include "core/label_model/covariance.h"

namespace nearvote {
namespace {

constexpr std::array<double, 15> kGrid{0.01, 0.03, 0.06, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.94, 0.97, 0.99};

// Class y against all others, as binary counts: index 1 is y.
VoteCounts one_against_rest(const VoteCounts& counts, int y) {
  const int classes = counts.domain.classes;
  VoteCounts binary({2, true}, counts.lfs);
  binary.rows = counts.rows;
  binary.covered = counts.covered;
  const auto merged = [&](int64_t u) { return 2 * (u / classes) + (u % classes == y ? 1 : 0); };
  for (int64_t u = 0; u < counts.indicators(); ++u) {
    binary.overlaps[static_cast<size_t>(merged(u))] += counts.overlaps[static_cast<size_t>(u)];
    for (int64_t v = 0; v < counts.indicators(); ++v) {
      binary.joint[static_cast<size_t>(merged(u) * binary.indicators() + merged(v))] += counts.both(u, v);
    }
  }
  return binary;
}

// P(outcome | Y) of one LF: abstain, -1, +1 by class.
using Outcomes = std::array<std::array<double, 2>, 3>;

Outcomes outcomes(const CovarianceFit& fit, int64_t lf) {
  Outcomes p;
  for (size_t y = 0; y < 2; ++y) {
    double votes = 0;
    for (size_t c = 0; c < 2; ++c) votes += p[c + 1][y] = fit.likelihood[(2 * static_cast<size_t>(lf) + c) * 2 + y];
    p[0][y] = std::max(1 - votes, 1e-3);
    for (auto& outcome : p) outcome[y] /= votes + p[0][y];
  }
  return p;
}

double composite_likelihood(const VoteCounts& counts, double q, const JobControl& job) {
  const CovarianceFit fit = fit_covariance(counts, {1 - q, q}, true, job);
  std::vector<Outcomes> p;
  for (int64_t i = 0; i < counts.lfs; ++i) p.push_back(outcomes(fit, i));
  double sum = 0;
  for (int64_t i = 0; i < counts.lfs; ++i) {
    for (int64_t j = 0; j < i; ++j) {
      std::array<std::array<double, 3>, 3> table{};
      double row_votes = 0;
      for (int64_t a = 0; a < 2; ++a) {
        double votes_with_j = 0;
        for (int64_t b = 0; b < 2; ++b) {
          const auto both = static_cast<double>(counts.both(2 * i + a, 2 * j + b));
          table[static_cast<size_t>(a + 1)][static_cast<size_t>(b + 1)] = both;
          votes_with_j += both;
        }
        table[static_cast<size_t>(a + 1)][0] = static_cast<double>(counts.votes(2 * i + a)) - votes_with_j;
        row_votes += static_cast<double>(counts.votes(2 * i + a));
      }
      double j_alone = 0;
      for (int64_t b = 0; b < 2; ++b) {
        const auto at = static_cast<size_t>(b + 1);
        table[0][at] = static_cast<double>(counts.votes(2 * j + b)) - table[1][at] - table[2][at];
        j_alone += table[0][at];
      }
      table[0][0] = static_cast<double>(counts.rows) - row_votes - j_alone;
      const Outcomes &pi = p[static_cast<size_t>(i)], &pj = p[static_cast<size_t>(j)];
      for (size_t a = 0; a < 3; ++a) {
        for (size_t b = 0; b < 3; ++b) {
          if (table[a][b] == 0) continue;
          sum += table[a][b] * std::log(std::max((1 - q) * pi[a][0] * pj[b][0] + q * pi[a][1] * pj[b][1], 1e-12));
        }
      }
    }
  }
  return sum / static_cast<double>(counts.lfs - 1) + std::log(q) + std::log(1 - q);
}

// The best grid point, then the vertex of the parabola through it and its neighbours in the logit of q.
double best_share(const VoteCounts& counts, int threads, const JobControl& job) {
  std::array<double, kGrid.size()> value{};
  const auto points = static_cast<int64_t>(kGrid.size());
  parallel_for(points, effective_threads(threads, points), [&](int64_t at, int) {
    value[static_cast<size_t>(at)] = composite_likelihood(counts, kGrid[static_cast<size_t>(at)], job);
  });
  const auto best = static_cast<size_t>(std::max_element(value.begin(), value.end()) - value.begin());
  if (best == 0 || best + 1 == kGrid.size()) return kGrid[best];
  const auto logit = [](double q) { return std::log(q / (1 - q)); };
  const double x0 = logit(kGrid[best - 1]), x1 = logit(kGrid[best]), x2 = logit(kGrid[best + 1]);
  const double left = (value[best] - value[best - 1]) / (x1 - x0), right = (value[best + 1] - value[best]) / (x2 - x1);
  if (!(left > right)) return kGrid[best];
  const double vertex = (x0 + x1) / 2 + (x2 - x0) / 2 * left / (left - right);
  return 1 / (1 + std::exp(-std::clamp(vertex, x0, x2)));
}

}  // namespace

std::vector<double> estimate_balance(const VoteCounts& counts, int threads, const JobControl& job) {
  const int classes = counts.domain.classes;
  if (counts.lfs < 2 || counts.covered == 0) return uniform_balance(classes);
  if (classes == 2) {
    const double q = best_share(counts, threads, job);
    return {1 - q, q};
  }
  std::vector<double> balance;
  for (int y = 0; y < classes; ++y) balance.push_back(best_share(one_against_rest(counts, y), threads, job));
  return checked_balance(balance, classes);
}

}  // namespace nearvote
